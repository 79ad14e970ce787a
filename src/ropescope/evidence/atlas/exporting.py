"""The atlas into a folder that is ready to be a dataset on the Hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ropescope.errors import ReportError
from ropescope.evidence.atlas.dataset import (
    CARD,
    SCHEMA,
    card_data,
    dataset_of,
    extent,
    is_ours,
    licence_id,
    local_names,
    others_in,
)
from ropescope.evidence.atlas.row import AtlasRow
from ropescope.evidence.tables import table
from ropescope.questions.names import few
from ropescope.report.files import write_whole
from ropescope.report.report import Report, Step


def export_atlas(rows: Sequence[AtlasRow], folder: Path, *, licence: str | None = None) -> Report:
    """Write README.md and data/*.parquet for `rows` into `folder`, and say what was written.

    The folder is made; one that was exported to before, or that holds hidden files only (a fresh clone), is written to.
    `licence` is an identifier as the Hub writes it (apache-2.0, cc-by-4.0); without one the card states none. Raises
    ReportError for an empty atlas, another folder's content, or what is no identifier.
    """
    identifier = licence_id(licence)
    made = dataset_of(rows, identifier)
    _require_ours(folder)
    try:
        (folder / "data").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReportError(f"{folder} cannot be made ({error.strerror or error}): name another folder.") from error
    sizes = [(name, write_whole(folder / name, data).stat().st_size) for name, data in made.files.items()]
    caveats = []
    if identifier is None:
        caveats.append("The card states no licence: choose one with `license` (for example cc-by-4.0).")
    if names := local_names(rows):
        caveats.append(
            f"Names of local models or of your own text files are in it ({few(names, 5)}); look before you publish."
        )
    if told := others_in(rows):
        caveats.append(told)
    return Report(
        title=f"Export of the atlas to {folder}",
        verdict=f"Wrote {extent(rows)} to {folder}, ready to be a dataset on the Hub.",
        tables=(table("Files", "file | bytes :,d", sizes),),
        caveats=tuple(caveats),
        next_steps=(
            Step(
                "atlas publish",
                {"repo": "ORG/NAME", "license": identifier or "cc-by-4.0", "dry_run": True},
                "See what publishing it would change",
            ),
        ),
        data={
            "schema": SCHEMA,
            "folder": str(folder),
            "licence": identifier,
            "files": dict(sizes),
            "rows": dict(made.n_rows),
        },
    )


def _require_ours(folder: Path) -> None:
    """Refuse to write into a folder with content of another origin."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ReportError(f"{folder} is a file: name a folder to export to.")
    there = {entry.name for entry in folder.iterdir() if not entry.name.startswith(".")}
    if there and (there - {CARD, "data"} or not _is_our_card(folder / CARD)):
        raise ReportError(
            f"{folder} holds other files ({', '.join(sorted(there)[:3])}), which an export might overwrite: name a new folder."
        )


def _is_our_card(path: Path) -> bool:
    try:
        return is_ours(card_data(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return False
