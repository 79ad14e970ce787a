"""The files of a model, wherever they are: their names, small ones in full, and the beginnings of large ones."""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar

from ropescope.errors import SourceError
from ropescope.models.json_file import MOST_BYTES, read_json, unreadable

T = TypeVar("T")
MOST_FOLDERS: Final = 200
MOST_ENTRIES: Final = 1000
"""Of more folders in a folder, and of more files in one of those, the rest is left: no model has as many."""


class Beginning(Protocol):
    """The beginning of a large file."""

    @property
    def size(self) -> int:
        """The bytes of the whole file."""
        ...

    def read(self, start: int, count: int) -> bytes:
        """The bytes from `start`: at most `count`, and none only where the file ends. Raises SourceError."""
        ...

    def keep(self, count: int) -> None:
        """Remember the first `count` bytes for the next time, where fetching them cost something."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None: ...


class ModelFiles(Protocol):
    """The files of one model: a folder, or a repository at a commit."""

    where: str
    """How errors call the place."""

    def names(self) -> frozenset[str]:
        """The names of the files. Raises SourceError."""
        ...

    def label(self, name: str) -> str:
        """How errors call a file."""
        ...

    def beginning(self, name: str) -> Beginning:
        """A file to read from its start. Raises SourceError."""
        ...

    def at_hand(self, name: str) -> Beginning | None:
        """A file that can be read whole at no cost; None where it is absent or would have to be fetched."""
        ...

    def fetch(self, name: str) -> None:
        """Have a small file at hand for `json` and `text`, where that is worth doing for several at once."""
        ...

    def map(self, call: Callable[[str], T], names: Sequence[str]) -> list[T]:
        """`call` of each name, in order; at once where each is a question to a server."""
        ...

    def json(self, name: str, most_bytes: int = MOST_BYTES) -> dict[str, Any] | None:
        """A JSON object; None where there is no such file. Raises SourceError, FormatError."""
        ...

    def text(self, name: str, most_bytes: int) -> str | None:
        """The first `most_bytes` of a text; None where there is no such file. Raises SourceError."""
        ...


class OutsideError(SourceError):
    """A file of a folder is a link that leads out of it."""


class LocalBeginning:
    """The beginning of a file on this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            # Opening a pipe would wait for a writer, and a device has no end.
            self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
            found = os.fstat(self._descriptor)
        except OSError as error:
            raise unreadable(path, error) from error
        self.size = found.st_size
        if not stat.S_ISREG(found.st_mode):
            os.close(self._descriptor)
            raise SourceError(f"{path} is no regular file: give a file of weights.")

    def read(self, start: int, count: int) -> bytes:
        try:
            os.lseek(self._descriptor, start, os.SEEK_SET)
            return os.read(self._descriptor, max(min(count, self.size - start), 0))
        except OSError as error:
            raise unreadable(self._path, error) from error

    def keep(self, count: int) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        os.close(self._descriptor)


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file, or a link to one; a circle of links, and a link that may not be followed, is none."""
    try:
        return entry.is_file()
    except OSError:
        return False


class LocalFiles:
    """The files of a folder on this machine. A link is followed inside the folder and into a Hub cache, not elsewhere:
    a folder may come from a stranger, and what it shows may be passed on. With `deep` the files of its folders count too."""

    def __init__(self, folder: Path, *, deep: bool = False) -> None:
        self.where = str(folder)
        self._folder, self._deep = folder, deep
        self._real = folder.resolve()

    def names(self) -> frozenset[str]:
        try:
            with os.scandir(self._folder) as entries:
                held = list(entries)
            found = {entry.name for entry in held if _is_file(entry)}
            if self._deep:
                inner = sorted(entry.name for entry in held if entry.is_dir(follow_symlinks=False))
                found.update(*(self._inner(name) for name in inner[:MOST_FOLDERS]))
            return frozenset(found)
        except OSError as error:
            raise SourceError(
                f"{self._folder} cannot be listed ({error.strerror or error}): check its permissions."
            ) from error

    def _inner(self, folder: str) -> set[str]:
        with os.scandir(self._folder / folder) as entries:
            return {f"{folder}/{entry.name}" for entry in itertools.islice(entries, MOST_ENTRIES) if _is_file(entry)}

    def label(self, name: str) -> str:
        return str(self._folder / name)

    def size(self, name: str) -> int:
        """The bytes of a file. Raises SourceError."""
        path = self._inside(name)
        try:
            return path.stat().st_size
        except OSError as error:
            raise unreadable(path, error) from error

    def beginning(self, name: str) -> LocalBeginning:
        return LocalBeginning(self._inside(name))

    def at_hand(self, name: str) -> LocalBeginning | None:
        path = self._inside(name)
        return LocalBeginning(path) if path.is_file() else None

    def fetch(self, name: str) -> None:
        pass

    def map(self, call: Callable[[str], T], names: Sequence[str]) -> list[T]:
        return [call(name) for name in names]

    def json(self, name: str, most_bytes: int = MOST_BYTES) -> dict[str, Any] | None:
        path = self._inside(name)
        return read_json(path, most_bytes) if path.is_file() else None

    def text(self, name: str, most_bytes: int) -> str | None:
        path = self._inside(name)
        if not path.is_file():
            return None
        with LocalBeginning(path) as file:
            return file.read(0, most_bytes).decode("utf-8", "replace")

    def _inside(self, name: str) -> Path:
        if not all(map(is_plain_name, name.split("/", 1) if self._deep else [name])):
            raise OutsideError(f"{name!r} is no name of a file in {self._folder}: name it without folders.")
        path = self._folder / name
        real = path.resolve()
        if real.is_relative_to(self._real) or _in_hub_cache(real):
            return path
        raise OutsideError(
            f"{path} is a link that leads out of its folder, so it was not read: put the file itself there."
        )


def is_plain_name(name: str) -> bool:
    """Whether `name` can only be a file right inside a folder, on any system."""
    return 0 < len(name) < 256 and name not in (".", "..") and not set(name) & set("/\\:\0") and name.isprintable()


def _in_hub_cache(real: Path) -> bool:
    # …/models--org--name/blobs/<hash>, to which the links of a snapshot lead.
    return real.parent.name == "blobs" and real.parent.parent.name.startswith("models--")
