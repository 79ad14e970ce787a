"""Profiles into the atlas: all files are read before any is added, so that a bad one leaves the atlas as it was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ropescope.errors import FormatError
from ropescope.evidence.atlas.report import count
from ropescope.evidence.atlas.row import AtlasRow, rows_of
from ropescope.evidence.atlas.store import SCHEMA, Change, add_rows, remove_profiles
from ropescope.evidence.tables import table
from ropescope.report.report import Report, Scalar, Step


def add_profiles(paths: Sequence[Path], store: Path) -> Report:
    """Add the profiles at `paths` to the store at `store`, and say what became of each.

    A control that lies beside its profile (as `*.parquet` in a shell hands it over) is read with it and left out here.
    Raises FormatError for any file that is no profile; nothing is added then.
    """
    files: list[tuple[Path, Sequence[AtlasRow]]] = []
    skipped = []
    for path in dict.fromkeys(paths):
        if _is_control(path):
            skipped.append(path)
            continue
        try:
            files.append((path, rows_of(path)))
        except FormatError as error:
            raise FormatError(f"{error} Nothing was added." if len(paths) > 1 else str(error)) from error
    change = add_rows(store, [row for _, rows in files for row in rows])
    return _report(files, skipped, change, store)


def _is_control(path: Path) -> bool:
    beside = path.with_name(path.name.replace(".control.", "."))
    return beside != path and beside.is_file()


def _report(
    files: Sequence[tuple[Path, Sequence[AtlasRow]]], skipped: Sequence[Path], change: Change, store: Path
) -> Report:
    """What became of each file that was handed in."""
    lines: list[tuple[Scalar, ...]] = []
    for path, rows in files:
        row = rows[0]
        new = row.profile_sha256 in change.added
        state = (
            "added" if new else "completed with its control" if row.profile_sha256 in change.completed else "was there"
        )
        lines.append((path.name, row.model, f"{row.length:,}, {row.corpus}", row.gamma, state))
    lines += [(path.name, None, None, None, "left out: a control, read with its profile") for path in skipped]
    total = len({row.profile_sha256 for row in change.rows})
    done = [f"added {count(len(change.added), 'profile')}"] if change.added else []
    if change.completed:
        done.append(f"completed {len(change.completed)} with a control")
    if change.known:
        done.append(
            f"{count(len(change.known), 'profile')} {'was' if len(change.known) == 1 else 'were'} there already"
        )
    sentence = ", ".join(done) or "nothing to add"
    return Report(
        title=f"Atlas {store}",
        verdict=f"{sentence[0].upper()}{sentence[1:]}; the atlas now holds {count(total, 'profile')}.",
        tables=(table("Profiles", "file | model | length, corpus | γ :.3f | ", lines, limit=40),),
        next_steps=(Step("atlas", {}, "Rank them"),),
        data={
            "schema": SCHEMA,
            "store": str(store),
            "added": sorted(change.added),
            "completed": sorted(change.completed),
            "known": sorted(change.known),
            "skipped": [str(path) for path in skipped],
            "profiles": total,
        },
    )


def remove_profile(rows: Sequence[AtlasRow], asked: str, store: Path) -> str:
    """Take the profile whose hash begins with `asked` out of the store; returns a sentence that says which it was.

    Raises FormatError unless exactly one profile fits, so that no name ever takes several away.
    """
    text = asked.strip().lower()
    fitting = {row.profile_sha256: row for row in rows if len(text) >= 6 and row.profile_sha256.startswith(text)}
    if len(fitting) != 1:
        what = (
            f"{len(fitting)} profiles have a hash that begins with"
            if fitting
            else "No profile has a hash that begins with"
        )
        raise FormatError(f"{what} {asked!r}: `atlas show` gives the hashes; six characters are the least.")
    ((profile, row),) = fitting.items()
    remove_profiles(store, frozenset({profile}))
    return f"Removed {row.model} ({row.length:,} tokens, {row.corpus}; profile {profile[:8]}) from {store}."
