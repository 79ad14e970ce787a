"""The folders that an answer may read where somebody else asks: a page, or an agent.

A path is checked as it really is, links followed, before any question sees it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from ropescope.cache_home import cache_home
from ropescope.errors import RopescopeError
from ropescope.local_files import exists, expanded
from ropescope.questions.kind import Kind
from ropescope.questions.kinds import File, FileOrText, Text

MOST_IN_FOLDER: Final = 20_000
_DRIVE: Final = re.compile(r"[A-Za-z]:[\\/]")
_PLACES: Final = (
    "PYTHONPATH",
    "ROPESCOPE_HOME",
    "HF_HOME",
    "HF_HUB_CACHE",
    "HF_TOKEN_PATH",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
)


class OutsideError(RopescopeError):
    """A path that is not in the folders; each face says so in its own words."""


class Folders:
    """The folders that were named when the face was started."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(folder.resolve() for folder in folders)

    def readable(self, kind: Kind, text: str) -> Path | None:
        """The path that `text` is, resolved; None where it is not a path, as a Hub id. Raises OutsideError for one that may not be
        read."""
        bare = text.strip()
        if "\0" in bare or (bare.startswith(("\\\\", "//")) and "\n" not in bare):
            raise OutsideError(text)  # a share on another machine must not even be looked for
        looks = bare.startswith(("/", "~", "./", "../", "\\", ".\\", "..\\")) or _DRIVE.match(bare) is not None
        looks = looks or ".." in re.split(r"[\\/]", bare)
        only_path = isinstance(kind, File) and not isinstance(kind, FileOrText)
        path = expanded(bare)
        tried = [path] if path.is_absolute() else [folder / path for folder in self.folders]
        found = next((one for one in tried if exists(one)), None)
        if found is None and ("\n" in bare or not (looks or only_path)):
            return None
        if found is not None and isinstance(kind, Text) and not looks and not (path.suffix and found.is_file()):
            return None
        try:
            real = (found or tried[0]).resolve()
            inside = self.has(real) and all(map(self._may_lead_to, _links(real)))
        except (OSError, RuntimeError):  # a folder that may not be entered, a circle of links
            inside = False
        if not inside:
            raise OutsideError(text)
        return real

    @property
    def reach(self) -> tuple[Path, ...]:
        """Where a path that a file names may lead: the folders, and what was fetched."""
        return (*self.folders, _hub_cache(), cache_home())

    def has(self, path: Path) -> bool:
        """Whether a resolved path is in one of the folders."""
        return any(path.is_relative_to(folder) for folder in self.folders)

    def __str__(self) -> str:
        return ", ".join(map(str, self.folders)) or "none"

    def _may_lead_to(self, path: Path) -> bool:
        return self.has(path) or path.is_relative_to(_hub_cache())


def make_places_absolute() -> None:
    """Let the environment name caches and data by absolute paths: answers run in another folder than the one we are in."""
    for name in _PLACES:
        if value := os.environ.get(name):
            os.environ[name] = os.pathsep.join(os.path.abspath(part) for part in value.split(os.pathsep))


def _links(path: Path) -> Iterator[Path]:
    """Where the links in a folder lead. Raises OSError for a folder with too many files to look at each."""
    if not path.is_dir():
        return
    seen = 0
    for at, folders, files in os.walk(path):
        seen += len(folders) + len(files)
        if seen > MOST_IN_FOLDER:
            raise OSError
        yield from (inner.resolve() for inner in (Path(at, name) for name in (*folders, *files)) if inner.is_symlink())


def _hub_cache() -> Path:
    """The cache of the Hub, to which the links of its snapshots lead."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home, "hub")).expanduser().resolve()
