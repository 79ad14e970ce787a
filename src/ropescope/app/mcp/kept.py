"""Answers that are kept on disk, so that a client which was lost, or another one, can fetch them: one folder an answer.

ROPESCOPE_HOME/answers/fit-3f9a1c/answer.json   the question, its inputs, the report or the error
                                 /made/…        files that the answer made: a profile, a plan
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ropescope.cache_home import cache_home
from ropescope.errors import InputError, ReportError
from ropescope.questions.names import shown
from ropescope.questions.question import Question
from ropescope.report.files import write_whole
from ropescope.report.json import dumps

MOST_KEPT: Final = 200
"""Answers; the oldest goes first."""
MOST_BYTES: Final = 8 << 30
"""Bytes of the files that they made."""
HANDLE: Final = "kept:"
_LEFT_SECONDS: Final = 7 * 86400
"""What has no answer yet may still be worked on by another server for so long."""
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]*-[0-9a-f]{6}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One answer's place."""

    folder: Path

    @property
    def id(self) -> str:
        """How a client names it."""
        return self.folder.name

    @property
    def made(self) -> Path:
        """The folder of the files that the answer makes."""
        return self.folder / "made"

    def files(self) -> list[str]:
        """Those files, as a client names them: an input of a question can be one."""
        found = sorted(path for path in self.made.rglob("*") if path.is_file() and not path.is_symlink())
        return [f"{HANDLE}{self.id}/{path.relative_to(self.made).as_posix()}" for path in found]

    def write(self, answer: Mapping[str, Any]) -> None:
        """Keep the answer. Raises ReportError where there is no room."""
        write_whole(self.folder / "answer.json", dumps(answer, name="answer"))

    def read(self) -> dict[str, Any] | None:
        """The answer; None before it is there."""
        try:
            found: dict[str, Any] = json.loads((self.folder / "answer.json").read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return found

    def forget(self) -> None:
        """Keep it no more."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Kept:
    """All answers that are kept in a folder; by default that of the user's cache."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = (folder or cache_home() / "answers").resolve()

    def begin(self, question: Question) -> Entry:
        """The place of a new answer. Raises ReportError where none can be made."""
        self._tidy()
        entry = Entry(self.folder / f"{question.name.replace(' ', '-')}-{secrets.token_hex(3)}")
        try:
            entry.made.mkdir(parents=True)
        except OSError as error:
            raise ReportError(
                f"Answers cannot be kept in {self.folder} ({error.strerror or error}): set ROPESCOPE_HOME to a folder with room."
            ) from error
        return entry

    def find(self, name: object, field: str = "id") -> Entry:
        """The answer of that id. Raises InputError where none is kept."""
        if isinstance(name, str) and _ID.fullmatch(name) and (self.folder / name).is_dir():
            return Entry(self.folder / name)
        raise InputError(
            field, f"`{field}` names {shown(name)}, and no such answer is kept: `answer` without `id` lists them."
        )

    def file(self, handle: str, field: str) -> Path:
        """The file that a handle (kept:ID/NAME) names. Raises InputError."""
        name, _, rest = handle.removeprefix(HANDLE).partition("/")
        entry = self.find(name, field)
        if handle not in entry.files():
            raise InputError(
                field, f"`{field}`: {name} made no file {rest!r}; it made {', '.join(entry.files()) or 'none'}."
            )
        return entry.made / rest

    def newest(self) -> list[Entry]:
        """Every answer that is kept, the newest first."""
        try:
            found = [
                (path.stat().st_mtime, path)
                for path in self.folder.iterdir()
                if _ID.fullmatch(path.name) and path.is_dir()
            ]
        except OSError:  # none yet, or one that is forgotten just now
            return []
        return [Entry(path) for _, path in sorted(found, reverse=True)]

    def _tidy(self) -> None:
        size = 0
        for i, entry in enumerate(self.newest()):
            with suppress(OSError):
                size += sum(path.stat().st_size for path in entry.folder.rglob("*") if path.is_file())
                left = time.time() - entry.folder.stat().st_mtime > _LEFT_SECONDS
                if (i >= MOST_KEPT or size > MOST_BYTES) and (left or entry.read() is not None):
                    entry.forget()
