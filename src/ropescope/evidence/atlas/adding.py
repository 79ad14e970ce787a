"""Profiles into the atlas: all files are read before any is added, so that a bad one that was named leaves the atlas as it was."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ropescope.errors import FormatError, SourceError
from ropescope.evidence.atlas.report import count
from ropescope.evidence.atlas.row import AtlasRow, content_hash, rows_of
from ropescope.evidence.atlas.sources import Source, sources_of
from ropescope.evidence.atlas.store import SCHEMA, Change, add_rows, read_atlas, remove_profiles
from ropescope.evidence.tables import table
from ropescope.measure.outcome import control_path
from ropescope.measure.profile import DecayProfile
from ropescope.questions.question import Run
from ropescope.report.report import Report, Scalar, Step

_CONTROL: Final = "left out: a control, read with its profile"
_NO_PROFILE: Final = "left out: no profile"
_THERE: Final = "was there"


def add_profiles(
    named: Sequence[str | Path], store: Path, folder: Path | None = None, run: Run | None = None
) -> Report:
    """Add what is `named` (profiles, datasets, published measurements), and the profiles that lie in `folder`, to the store at
    `store`, and say what became of each.

    A control that lies beside its profile (as `*.parquet` in a shell hands it over) is read with it and left out here.
    Raises FormatError for any that is `named` and holds nothing (nothing is added then), and for a folder without profiles; of
    a folder, other files are left out. Several processes may add at the same time.
    """
    run = run or Run()
    files: list[Source] = []
    for one in dict.fromkeys(map(str, named)):
        if _is_control(Path(one)):
            files.append(Source(Path(one).name, state=_CONTROL))
            continue
        try:
            files += sources_of(one)
        except (FormatError, SourceError) as error:
            raise type(error)(f"{error} Nothing was added." if len(named) > 1 else str(error)) from error
    if folder is not None:
        with run.working():
            files += _in_folder(folder, store, run)
    change = add_rows(store, [row for file in files for row in file.rows if not file.state])
    return _report(files, change, store)


def _in_folder(folder: Path, store: Path, run: Run) -> list[Source]:
    """Every profile below `folder`. One that the store holds already is known by its hash, and its numbers are not made again."""
    if not folder.is_dir():
        raise FormatError(f"{folder} is no folder: name one that holds profiles, or give each profile.")
    paths = sorted(path for path in folder.rglob("*.parquet") if os.path.realpath(path) != os.path.realpath(store))
    paths = [path for path in paths if not _is_control(path)]
    held: dict[str, list[AtlasRow]] = {}
    for row in read_atlas(store):
        held.setdefault(row.profile_sha256, []).append(row)
    run.say(f"Reading the profiles of {folder}")
    found = []
    for index, path in enumerate(paths):
        run.progress(index, len(paths), path.name)
        try:
            found.append(_known(path, held) or Source(path.name, rows_of(path)))
        except FormatError:
            found.append(Source(path.name, state=_NO_PROFILE))
    if all(file.state == _NO_PROFILE for file in found):
        raise FormatError(f"{folder} holds no profile: `measure` keeps profiles with `out` or `folder`.")
    return found


def _known(path: Path, held: Mapping[str, Sequence[AtlasRow]]) -> Source | None:
    rows = held.get(content_hash(DecayProfile.load(path)), ())
    beside = control_path(path).is_file()
    without_heads = any(row.protocol == "fixed" and not row.heads for row in rows)  # of a version that kept none
    if not rows or without_heads or (beside and any(row.control_gamma is None for row in rows)):
        return None
    return Source(path.name, tuple(rows), _THERE)


def _is_control(path: Path) -> bool:
    beside = path.with_name(path.name.replace(".control.", "."))
    return beside != path and beside.is_file()


def _report(files: Sequence[Source], change: Change, store: Path) -> Report:
    """What became of each file that was handed in."""
    lines: list[tuple[Scalar, ...]] = []
    for file in sorted(files, key=lambda file: not file.rows):
        if not file.rows:
            lines.append((file.name, None, None, None, file.state))
            continue
        for key, row in {row.profile_sha256: row for row in reversed(file.rows)}.items():
            state = "added" if key in change.added else "completed" if key in change.completed else _THERE
            lines.append((file.name, row.model, f"{row.length:,}, {row.corpus}", row.gamma, state))
    known = change.known | {row.profile_sha256 for file in files if file.state == _THERE for row in file.rows}
    total = len({row.profile_sha256 for row in change.rows})
    done = [f"added {count(len(change.added), 'profile')}"] if change.added else []
    if change.completed:
        done.append(f"completed {count(len(change.completed), 'profile')} (a control, or the heads, were missing)")
    if known:
        done.append(f"{count(len(known), 'profile')} {'was' if len(known) == 1 else 'were'} there already")
    sentence = ", ".join(done) or "nothing to add"
    return Report(
        title=f"Atlas {store}",
        verdict=f"{sentence[0].upper()}{sentence[1:]}; the atlas now holds {count(total, 'profile')}.",
        tables=(table("Profiles", "file | model | length, corpus | γ :.3f | ", lines, limit=40),),
        caveats=_caveats(files),
        next_steps=(Step("atlas", {}, "Rank them"),),
        data={
            "schema": SCHEMA,
            "store": str(store),
            "added": sorted(change.added),
            "completed": sorted(change.completed),
            "known": sorted(known),
            "skipped": [file.name for file in files if not file.rows],
            "profiles": total,
        },
    )


def _caveats(files: Sequence[Source]) -> tuple[str, ...]:
    published = [row for file in files for row in file.rows if row.basis == "published"]
    found = [note for file in files for note in file.notes]
    if published:
        nulls = dict.fromkeys(f"{null:.3f}" for null in sorted(row.gamma_null for row in published))
        found.append(
            f"{count(len(published), 'reading')} {'is' if len(published) == 1 else 'are'} as published by another tool: of its "
            f"protocol, in which uniform attention already reads γ = {' to '.join((*nulls,)[:: max(1, len(nulls) - 1)])}."
        )
    if any(not row.curve for row in published):
        found.append(
            "Some published records state no distances: their null is that of the protocol's distances up to `N`."
        )
    return tuple(found)


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
