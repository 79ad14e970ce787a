"""Paths and files that a user, or a file, names: whether they are there, and their bytes up to a bound.

Where the page asks, a path that a file names (the base of an adapter, the model of a script) may lead only where the page may read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import BinaryIO, Final

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


def require_file(path: Path) -> None:
    """Raise SourceError where a pipe, a device or a folder is in the place of a file: who reads it whole would wait for its end."""
    try:
        found = path.stat().st_mode
    except OSError:  # told where it is opened
        return
    if not stat.S_ISREG(found):
        raise SourceError(f"{path} is no file: check the path.")


def open_bytes(path: Path) -> BinaryIO:
    """`path`, open for reading. A pipe is read as it is written; one that nobody writes to is empty, and is not waited for.
    Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if hasattr(os, "O_NONBLOCK"):
            os.set_blocking(descriptor, True)
        return os.fdopen(descriptor, "rb")
    except OSError:
        os.close(descriptor)
        raise


def read_bounded(path: Path, most: int, *, missing: str, long: str) -> bytes:
    """The bytes of `path`. Raises SourceError, with `missing` as the mend, where it cannot be read, and FormatError where it is
    empty, or, with `long` as the mend, where it has more than `most` bytes."""
    try:
        with open_bytes(path) as file:
            raw = file.read(most + 1)
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror or error}): {missing}.") from error
    if not raw.strip():
        raise FormatError(f"{path} is empty: {missing}.")
    if len(raw) > most:
        raise FormatError(f"{path} is longer than {most >> 20} MiB: {long}.")
    return raw
