"""One model of the atlas in full: every reading, its layers, its curves."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from ropescope.errors import FormatError
from ropescope.evidence.atlas.figures import curves_figure
from ropescope.evidence.atlas.ranking import groups_of
from ropescope.evidence.atlas.report import NUMBERS, caveats, numbers
from ropescope.evidence.atlas.row import AtlasRow
from ropescope.evidence.atlas.store import SCHEMA
from ropescope.evidence.tables import table
from ropescope.report.report import Report, Table


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
        verdict=f"{lead.model}: γ = {', '.join(measured)}."
        if measured
        else f"{lead.model} has no exponent at fixed length.",
        tables=(
            table(
                "Readings",
                f"protocol | length :,d | corpus | {NUMBERS} | seed | dtype | profile | revision | versions | added",
                (_reading(row) for row in found),
                note="low, high: 95 % interval over prompts. null: what uniform attention reads. control γ: random weights. "
                "D50, D90, D99: tokens. profile: the first characters of its hash.",
            ),
            *(_layer_table(row) for row in fixed),
        ),
        figures=(curves_figure(fixed),) if fixed else (),
        caveats=caveats(groups_of(found)),
        data={"schema": SCHEMA, "store": str(store), "rows": [dataclasses.asdict(row) for row in found]},
    )


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


def _reading(row: AtlasRow) -> tuple[Any, ...]:
    revision = (row.revision or row.weights or "")[:8] or None
    lead = (row.protocol, row.length, row.corpus, *numbers(row), row.seed, row.dtype)
    return (*lead, row.profile_sha256[:8], revision, _versions(row), row.added)


def _layer_table(row: AtlasRow) -> Table:
    return table(
        f"Layers at {row.length:,} tokens, {row.corpus}",
        "layer | kind | γ :.3f | low :.3f | high :.3f | R² :.3f | sinks :.3f | D50 :,.0f | D90 :,.0f",
        map(
            attrgetter("layer", "kind", "gamma", "gamma_low", "gamma_high", "r2", "sink_mass", "d50", "d90"), row.layers
        ),
        limit=8,
    )


def _versions(row: AtlasRow) -> str | None:
    names = {"ropescope": row.ropescope_version, "torch": row.torch_version, "transformers": row.transformers_version}
    return ", ".join(f"{name} {version}" for name, version in names.items() if version) or None
