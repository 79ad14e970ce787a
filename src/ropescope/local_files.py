"""Paths and files that a user, or a file, names: whether they are there, and their bytes up to a bound.

Where the page asks, a path that a file names (the base of an adapter, the model of a script) may lead only where the page may read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Final

from ropescope.errors import FormatError, SourceError

_reach: Final[ContextVar[tuple[Path, ...] | None]] = ContextVar("reach", default=None)


@contextmanager
def within(folders: Iterable[Path]) -> Iterator[None]:
    """In this block nothing outside these folders is there for `exists` and for models' sources."""
    token = _reach.set(tuple(folder.resolve() for folder in folders))
    try:
        yield
    finally:
        _reach.reset(token)


def reachable(path: Path) -> bool:
    """Whether `path`, links followed, may be read here; always outside of `within`."""
    folders = _reach.get()
    if folders is None:
        return True
    try:
        real = path.resolve()
    except (OSError, ValueError, RuntimeError):  # no path, or a circle of links
        return False
    return any(real.is_relative_to(folder) for folder in folders)


def expanded(text: str) -> Path:
    """The path that `text` names, `~` being the user's home."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # a ~name that no user has
        return Path(text)


def exists(path: Path) -> bool:
    """Whether something is there that may be read; never raises."""
    try:
        return reachable(path) and path.exists()
    except (OSError, ValueError):  # a name too long or with a null, or a folder that may not be entered
        return False


def read_bounded(path: Path, most: int, *, missing: str, long: str) -> bytes:
    """The bytes of `path`. Raises SourceError, with `missing` as the mend, where it cannot be read, and FormatError, with `long`
    as the mend, where it has more than `most` bytes."""
    try:
        with path.open("rb") as file:
            raw = file.read(most + 1)
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror or error}): {missing}.") from error
    if len(raw) > most:
        raise FormatError(f"{path} is longer than {most >> 20} MiB: {long}.")
    return raw
