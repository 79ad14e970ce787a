"""One model of the atlas in full: every reading, its layers, its curves."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ropescope.errors import FormatError
from ropescope.evidence.atlas_figures import curves_figure
from ropescope.evidence.atlas_rank import groups_of
from ropescope.evidence.atlas_report import NUMBERS, caveats, numbers
from ropescope.evidence.atlas_row import AtlasRow
from ropescope.evidence.atlas_store import SCHEMA
from ropescope.report.report import Column, Report, Table


def model_report(rows: Sequence[AtlasRow], asked: str, store: Path) -> Report:
    """All that the atlas holds of the model `asked`: by name, Hub id, or the first characters of a profile's hash.

    Raises FormatError naming the models that there are if it holds none.
    """
    found = select(rows, asked)
    fixed = [row for row in found if row.protocol == "fixed"]
    lead = (fixed or found)[0]
    measured = [f"{row.gamma:.3f} ({row.length:,} tokens, {row.corpus})" for row in fixed if row.gamma is not None]
    return Report(
        title=f"{lead.model} in the atlas {store}",
        verdict=f"{lead.model}: γ = {', '.join(measured)}." if measured else f"{lead.model} has no exponent at fixed length.",
        tables=(
            Table(
                "Readings",
                (Column("protocol"), Column("length", format=",d"), Column("corpus"), *NUMBERS, Column("seed"),
                 Column("dtype"), Column("profile"), Column("revision"), Column("versions"), Column("added")),
                tuple(
                    (row.protocol, row.length, row.corpus, *numbers(row), row.seed, row.dtype, row.profile_sha256[:8],
                     (row.revision or row.weights or "")[:8] or None, _versions(row), row.added)
                    for row in found
                ),
                note="low, high: 95 % interval over prompts. null: what uniform attention reads. control γ: random weights. "
                "D50, D90, D99: tokens. profile: the first characters of its hash.",
            ),
            *(_layer_table(row) for row in fixed),
        ),
        figures=(curves_figure(fixed),) if fixed else (),
        caveats=caveats(groups_of(found)),
        data={"schema": SCHEMA, "store": str(store), "rows": [dataclasses.asdict(row) for row in found]},
    )  # fmt: skip


def select(rows: Sequence[AtlasRow], asked: str) -> tuple[AtlasRow, ...]:
    """The rows of a model's name or Hub id (in any case), or of a profile's hash (six characters at least).

    Raises FormatError naming the models that there are if none fits.
    """
    text = asked.strip().lower()
    found = [row for row in rows if text and text in (row.model.lower(), (row.repo_id or "").lower())]
    if not found and len(text) >= 6:
        found = [row for row in rows if row.profile_sha256.startswith(text)]
    if not found:
        there = ", ".join(sorted({row.model for row in rows})) or "nothing"
        raise FormatError(f"The atlas holds no {asked!r}; it holds {there}.")
    return tuple(found)


def _layer_table(row: AtlasRow) -> Table:
    return Table(
        f"Layers at {row.length:,} tokens, {row.corpus}",
        (
            Column("layer"),
            Column("kind"),
            Column("γ", format=".3f"),
            Column("low", format=".3f"),
            Column("high", format=".3f"),
            Column("R²", format=".3f"),
            Column("sinks", format=".3f"),
            Column("D50", format=",.0f"),
            Column("D90", format=",.0f"),
        ),
        tuple(
            (layer.layer, layer.kind, layer.gamma, layer.gamma_low, layer.gamma_high, layer.r2, layer.sink_mass, layer.d50,
             layer.d90)
            for layer in row.layers
        ),
        limit=8,
    )  # fmt: skip


def _versions(row: AtlasRow) -> str | None:
    names = {"ropescope": row.ropescope_version, "torch": row.torch_version, "transformers": row.transformers_version}
    return ", ".join(f"{name} {version}" for name, version in names.items() if version) or None
