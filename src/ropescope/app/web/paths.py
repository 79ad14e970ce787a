"""Which files an answer may read for the page: those in the folders that were named at the start, and those the page holds.

A path is checked as it really is, links followed, before any question sees it. What the page holds is asked for as `page:NAME`.
Where it lies is never shown: an answer calls a file that a person chose by its name, if that is safe in a command that is copied.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from ropescope.app.folders import Folders, OutsideError
from ropescope.app.web.backend import Given
from ropescope.errors import InputError
from ropescope.questions.inputs import fields_of, read
from ropescope.questions.kind import Kind
from ropescope.questions.kinds import File, ListOf, Output, Source, Text
from ropescope.questions.question import Question

HELD: Final = "page:"
MOST_HELD: Final = 500
MOST_KEPT: Final = 200
"""Folders of results; the oldest goes first."""
_FROM_COMMAND_LINE: Final = {
    "trust_remote_code": "Code of a model's repository is not run for a page: ask on the command line, if you trust it.",
}
_MODEL_FILES: Final = ("config.json", "adapter_config.json")
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.I)


@dataclass(frozen=True)
class Cleared:
    """A request whose paths may be read. names: how they are called, by where they lie. out: the folder for what it writes."""

    given: dict[str, str | list[str] | bool]
    names: dict[str, str] = field(default_factory=dict)
    out: Path | None = None
    kept: Path | None = None


class Paths:
    """The folders that may be read, and the files that the page holds in a private folder."""

    def __init__(self, folders: Sequence[Path], private: Path) -> None:
        self.folders = Folders(folders)
        self._private = private.resolve()
        self._held: dict[str, Path] = {}
        self._called: dict[str, str] = {}
        self._results: dict[str, Path] = {}

    # What the page holds

    def place(self, name: str, as_source: bool = False) -> tuple[str, Path]:
        """(what a new file is called, where it goes). Raises InputError where there are too many."""
        kept_as = clean(name)
        handle = self._new(kept_as)
        stem = Path(kept_as).stem
        folder = self._folder("files") / ("uploaded" if stem in ("config", "adapter_config") else stem)
        folder.mkdir()
        model = as_source and kept_as.endswith(".json") and not kept_as.endswith((".index.json", *_MODEL_FILES))
        path = self._held[handle] = folder / ("config.json" if model else kept_as)
        self._called[handle] = kept_as if kept_as == name else handle
        return handle, path

    def place_folder(self, name: str) -> str:
        """What a new, empty folder is called."""
        kept_as = clean(name)
        handle = self._new(kept_as)
        self._held[handle] = self._folder("files") / kept_as
        self._held[handle].mkdir()
        self._called[handle] = kept_as if kept_as == name else handle
        return handle

    def place_in(self, handle: str, name: str) -> Path:
        """Where a file goes in a folder that the page holds. Raises InputError for no such folder, and for too many files."""
        folder = self._held.get(handle)
        if folder is None or not folder.is_dir():
            raise InputError("folder", f"The page holds no folder {handle!r}.")
        parts = [clean(part) for part in re.split(r"[\\/]", name) if part not in ("", ".", "..")] or ["file"]
        if len(parts) > 8 or sum(1 for _ in _walk(folder)) > MOST_HELD * 4:
            raise InputError("folder", "The folder is too deep or has too many files: start the server with its path.")
        path = folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def forget(self, handle: str) -> None:
        """Hold that file no more, as one that did not arrive whole."""
        path = self._held.pop(handle, None)
        if path is not None:
            shutil.rmtree(path.parent, ignore_errors=True)

    def result(self, folder: str, name: str) -> Path | None:
        """A file that an answer made, by the address that the answer gave; None for any other."""
        base = self._results.get(folder)
        if base is None:
            return None
        return next((path for path in _walk(base) if path.relative_to(base).as_posix() == name), None)

    def results(self, cleared: Cleared) -> list[dict[str, str]]:
        """The files that an answer made, with the addresses to save them from."""
        if cleared.out is None:
            return []
        found = sorted(path for path in _walk(cleared.out) if path.is_file() and not path.is_symlink())[:MOST_KEPT]
        if cleared.kept not in found:
            self._held.pop(cleared.names[str(cleared.kept)], None)
        if not found:
            shutil.rmtree(cleared.out.parent, ignore_errors=True)
            return []
        self._results[cleared.out.parent.name] = cleared.out
        while len(self._results) > MOST_KEPT:
            oldest = self._results.pop(next(iter(self._results)))
            shutil.rmtree(oldest.parent, ignore_errors=True)
            self._held = {name: path for name, path in self._held.items() if not path.is_relative_to(oldest)}
        shown = [path.relative_to(cleared.out).as_posix() for path in found]
        return [{"name": name, "href": f"./kept/{cleared.out.parent.name}/{quote(name)}"} for name in shown]

    def _new(self, name: str) -> str:
        if len(self._held) >= MOST_HELD:
            raise InputError("file", f"The page holds {MOST_HELD} files: start the server again to let go of them.")
        path, taken = Path(name), 1
        while f"{HELD}{name}" in self._held:
            taken += 1
            name = f"{path.stem}-{taken}{path.suffix}"
        return f"{HELD}{name}"

    def _folder(self, kind: str) -> Path:
        folder = self._private / kind / secrets.token_urlsafe(16)
        folder.mkdir(parents=True)
        return folder

    # What may be read

    def clear(self, question: Question, given: Given) -> Cleared:
        """The request with every path resolved. Raises InputError for one that the page may not read."""
        clear: dict[str, str | list[str] | bool] = dict(given)
        names: dict[str, str] = {}
        out: Path | None = None
        for one in fields_of(question.inputs_type):
            value = clear.get(one.name)
            if value and one.name in _FROM_COMMAND_LINE and read(one.kind, one.name, value):
                raise InputError(one.name, _FROM_COMMAND_LINE[one.name])
            kind = one.kind.of if isinstance(one.kind, ListOf) else one.kind
            if not value or isinstance(value, bool) or not isinstance(kind, File | Source | Text):
                continue
            if isinstance(kind, Output):
                out = out or self._folder("results") / "made"
                clear[one.name] = str(path := out / clean(str(value)))
                names[str(path)] = path.name  # saved from the answer
            elif isinstance(one.kind, ListOf):
                parts = value if isinstance(value, list) else [part.strip() for part in value.split(",")]
                clear[one.name] = [self._one(one.name, kind, part, names) for part in parts if part]
            elif isinstance(value, str):
                clear[one.name] = self._one(one.name, kind, value, names)
        kept = None
        if out is not None or question.keeps != "the report (JSON)":
            out = out or self._folder("results") / "made"
            out.mkdir()
            kept = out / f"{question.name.replace(' ', '-')}{'.parquet' if 'Parquet' in question.keeps else '.json'}"
            names[str(kept)] = self._new(kept.name)
            self._held[names[str(kept)]] = kept
        longest_first = dict(sorted(names.items(), key=lambda pair: -len(pair[0])))
        return Cleared(clear, longest_first | {str(self._private): "the page's files"}, out, kept)

    def _one(self, name: str, kind: Kind, text: Any, names: dict[str, str]) -> Any:
        """What stands for `text` in the question: the path of a file that may be read, or the text as it is."""
        if not isinstance(text, str):
            return text
        if text.startswith(HELD):
            path = self._held.get(text)
            if path is None:
                raise InputError(name, f"The page holds no file {text!r} any more: choose it again.")
            called = self._called.get(text, text)
            names[str(path)] = called
            names.setdefault(str(path.parent), called)  # a model is called as its folder is
            return str(path)
        path = self._allowed(name, kind, text)
        if path is None:
            return text
        if str(path) != text:
            names.setdefault(str(path), text)
        return str(path)

    def _allowed(self, name: str, kind: Kind, text: str) -> Path | None:
        """The path that `text` is; None where it is not a path. Raises InputError for a path outside the folders."""
        try:
            return self.folders.readable(kind, text)
        except OutsideError:
            raise self._outside(name, text) from None

    @property
    def reach(self) -> tuple[Path, ...]:
        """Where a path that a file names may lead: what may be read, what the page holds, and what was fetched."""
        return (*self.folders.reach, self._private)

    def _outside(self, name: str, text: str) -> InputError:
        where = str(self.folders)
        return InputError(
            name,
            f"`{name}` names {text!r}, which is not in a folder that the page may read ({where}): start the server with "
            "that folder, or choose the file here.",
        )


def clean(name: str) -> str:
    """`name` as a file of the page is called: its last part, with letters, digits, `.`, `-` and `_` alone."""
    last = re.split(r"[\\/]", name)[-1]
    safe = re.sub(r"[^\w.-]", "_", last).lstrip(".-")
    stem, dot, suffix = safe.rpartition(".")
    short = f"{stem[:60]}{dot}{suffix[:20]}" if stem else safe[:80]
    return f"_{short}" if _RESERVED.fullmatch(short) else short.rstrip(".") or "file"


def _walk(folder: Path) -> Iterator[Path]:
    for at, _, files in os.walk(folder):
        yield from (Path(at, name) for name in files)
