"""The atlas on disk: one Parquet file that anything can read, changed under a lock and replaced whole.

It lies in `$ROPESCOPE_HOME`, else in the user's data folder: a cache may be cleared, what was measured may not.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ropescope.errors import FormatError, ReportError
from ropescope.evidence.atlas.row import AtlasRow
from ropescope.evidence.atlas.table import parquet_bytes, pyarrow, row_table
from ropescope.local_files import expanded, require_file
from ropescope.report.files import write_whole
from ropescope.report.schemas import newer

SCHEMA = "ropescope.atlas/1"
LOCK_SECONDS = 60.0

_KEY = b"ropescope"


def default_store() -> Path:
    """`$ROPESCOPE_HOME/atlas.parquet`, else `ropescope/atlas.parquet` in the user's data folder (`XDG_DATA_HOME`)."""
    if home := os.environ.get("ROPESCOPE_HOME"):
        return expanded(home) / "atlas.parquet"
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "ropescope" / "atlas.parquet"


@dataclass(frozen=True, slots=True)
class Change:
    """What became of the profiles handed in, by their hash, and the rows that the store holds now."""

    added: frozenset[str]
    completed: frozenset[str]
    known: frozenset[str]
    rows: tuple[AtlasRow, ...]


def read_atlas(path: Path) -> tuple[AtlasRow, ...]:
    """All rows of the store at `path`, in the order they were added; none if there is no such file.

    Raises FormatError in a sentence for a file that is damaged, or that is not an atlas.
    """
    arrow = pyarrow()
    from pyarrow import parquet

    if not path.exists():
        return ()
    if path.is_dir():
        raise FormatError(f"{path} is a folder: name a file in it with `store`.")
    require_file(path)
    try:
        table = parquet.read_table(path, partitioning=None)
    except (OSError, arrow.ArrowException) as error:
        raise FormatError(
            f"{path} cannot be read as an atlas ({_first_line(error)}): restore it, or move it away and add the profiles again."
        ) from error
    found = (table.schema.metadata or {}).get(_KEY, b"").decode(errors="replace")
    if '"ropescope.profile/' in found:
        raise FormatError(f"{path} is a profile, not an atlas: `atlas add` adds it to one.")
    if found != SCHEMA:
        says = f"its schema is {found!r}" if found else "it was not written by `atlas`"
        raise FormatError(
            f"{path} is no atlas that this version reads ({says}): name another file with `store`.{newer(found, SCHEMA)}"
        )
    try:
        return tuple(AtlasRow.from_dict(row) for row in table.to_pylist())
    except (KeyError, TypeError) as error:
        raise FormatError(
            f"{path} is damaged: a column is missing or of another kind ({error}). Restore it."
        ) from error


def add_rows(path: Path, rows: Sequence[AtlasRow]) -> Change:
    """Put `rows` into the store at `path`, which is made if it is not there.

    A profile that the store holds is not added again; if it comes with the control or the heads that were missing, its
    rows are completed.
    Several processes may add at the same time. Raises FormatError as `read_atlas` does, ReportError if the file cannot be
    written or another process does not let go of it.
    """
    added, completed, known = set[str](), set[str](), set[str]()

    def merge(before: tuple[AtlasRow, ...]) -> tuple[AtlasRow, ...]:
        kept = {row.key: row for row in before}
        for row in rows:
            old = kept.get(row.key)
            if old is None:
                kept[row.key] = row
                added.add(row.profile_sha256)
            elif _has_more(row, old):
                kept[row.key] = dataclasses.replace(row, added=old.added, origin=old.origin)
                completed.add(row.profile_sha256)
            else:
                known.add(row.profile_sha256)
        return tuple(kept.values())

    after = _change(path, merge)
    return Change(frozenset(added), frozenset(completed - added), frozenset(known - added - completed), after)


def remove_profiles(path: Path, profiles: frozenset[str]) -> tuple[AtlasRow, ...]:
    """Take the rows of the `profiles` (hashes) out of the store; returns what it holds then. Raises as `add_rows`."""
    return _change(path, lambda before: tuple(row for row in before if row.profile_sha256 not in profiles))


def _has_more(row: AtlasRow, old: AtlasRow) -> bool:
    """Whether `row` brings the control or the heads that `old` lacks, and lacks nothing that it has."""
    ours, theirs = (old.control_gamma is not None, bool(old.heads)), (row.control_gamma is not None, bool(row.heads))
    return theirs != ours and all(there or not here for here, there in zip(ours, theirs, strict=True))


def _change(path: Path, change: Callable[[tuple[AtlasRow, ...]], tuple[AtlasRow, ...]]) -> tuple[AtlasRow, ...]:
    with _locked(path):
        before = read_atlas(path)
        after = change(before)
        if after != before or not path.exists():
            table = row_table(after).replace_schema_metadata({_KEY: SCHEMA.encode()})
            write_whole(path, parquet_bytes(table))
        return after


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone with the store: one lock for it, by whichever of its names it is reached."""
    from filelock import FileLock  # comes with huggingface_hub

    target = Path(os.path.realpath(path))
    lock = target.with_name(f".{target.name}.lock")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=LOCK_SECONDS, mode=0o664):
            yield
    except TimeoutError as error:
        raise ReportError(
            f"Another process has held {path} for {LOCK_SECONDS:.0f} seconds: wait for it, or remove {lock} if there is none."
        ) from error
    except NotImplementedError as error:
        raise ReportError(
            f"The file system of {target.parent} has no locks, so the atlas is not safe there: name another with `store`."
        ) from error
    except OSError as error:
        raise ReportError(
            f"The atlas cannot be kept in {target.parent} ({error.strerror or error}): name another file with `store`, or set "
            "ROPESCOPE_HOME."
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
