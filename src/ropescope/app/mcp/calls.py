"""From the call of a tool to a question that can be asked: inputs as text, with every path resolved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ropescope.app.folders import Folders, OutsideError
from ropescope.app.mcp.kept import HANDLE, Entry, Kept
from ropescope.app.pasting import write_text
from ropescope.app.web.backend import MOST_TEXT
from ropescope.app.web.paths import clean
from ropescope.errors import InputError
from ropescope.questions.inputs import Asked, fields_of, from_text, read, take
from ropescope.questions.kind import Kind, wrong
from ropescope.questions.kinds import File, FileOrText, ListOf, Output, Source, Text
from ropescope.questions.question import Question

Given = dict[str, str | list[str] | bool]

_FACE: Final = ("out", "html", "md", "figure", "json")
_CODE: Final = "trust_remote_code"


@dataclass(frozen=True)
class Call:
    """A question with inputs that its answer may read. given: as the client wrote them. names: how files are called, by path.
    reach: where a path that a file names may lead."""

    question: Question
    given: Given
    cleared: Given
    names: dict[str, str] = field(default_factory=dict)
    out: Path | None = None
    reach: tuple[Path, ...] = ()


def as_text(question: Question, inputs: Mapping[str, Any]) -> Given:
    """Inputs as a person would write them, from JSON values or text; null stands for what is not given.

    Raises InputError for a value that its kind does not allow, for a text that is too long, and for an unknown input.
    """
    fields = {one.name: one for one in fields_of(question.inputs_type)}
    given: Given = {}
    for name, value in inputs.items():
        if name in _FACE and name not in fields:
            raise InputError(
                name, f"`{name}` is no input here: every answer is kept, and the tool `keep` writes it to a file."
            )
        if value is not None:
            given[name] = _text(fields[name], value) if name in fields else str(value)
    from_text(question.inputs_type, given)
    return given


def _text(one: Asked, value: Any) -> str | list[str] | bool:
    if isinstance(value, list) and isinstance(one.kind, ListOf):
        return [_item(one.kind.of, one.name, item) for item in value]
    return value if isinstance(value, bool) else _item(one.kind, one.name, value)


def _item(kind: Kind, name: str, value: Any) -> str:
    records = value if isinstance(value, list) else [value]
    if _is_read(kind) and records and all(isinstance(record, dict) and record for record in records):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str):
        if len(value) > MOST_TEXT:
            raise InputError(name, f"`{name}` is longer than {MOST_TEXT:,} characters: give it as a file.")
        return value
    if isinstance(value, dict):
        raise wrong(name, value, kind.words)
    return kind.write(take(kind, name, value))


def _is_read(kind: Kind) -> bool:
    """Whether an input of this kind names a file that is read."""
    return isinstance(kind, File | Source) and not isinstance(kind, Output)


def _is_content(kind: Kind, text: str) -> bool:
    """Whether it is what a file holds, in the place of the file: no path is of several lines, or begins as JSON does."""
    if not _is_read(kind) or isinstance(kind, FileOrText):
        return False
    return "\n" in text.strip() or text.lstrip().startswith(("{", "["))


def cleared(question: Question, given: Given, folders: Folders, kept: Kept, entry: Entry) -> Call:
    """The call with every path resolved. Raises InputError for one outside the folders."""
    clear = dict(given)
    names: dict[str, str] = {}

    def path(one: Asked, text: str) -> str:
        kind = one.kind.of if isinstance(one.kind, ListOf) else one.kind
        if _is_content(kind, text):
            called = {"source": "config", "sources": "config"}.get(one.name, one.name)
            beside = sum(1 for _ in entry.made.glob(f"{called}*"))
            held = write_text(kind, text, entry.made / (called if not beside else f"{called}-{beside + 1}"))
            names[str(held)] = f"{HANDLE}{entry.id}/{held.relative_to(entry.made).as_posix()}"
            return str(held)
        if text.startswith(HANDLE):
            found: Path | None = kept.file(text, one.name)
        else:
            try:
                found = folders.readable(kind, text)
            except OutsideError:
                raise outside(one.name, text, folders) from None
        if found is None:
            return text
        if str(found) != text:
            names.setdefault(str(found), text)
        return str(found)

    for one in fields_of(question.inputs_type):
        value = clear.get(one.name)
        if value and one.name == _CODE and read(one.kind, one.name, value):
            raise InputError(
                _CODE, f"`{_CODE}` is not for agents: ask on the command line, if you trust the repository."
            )
        kind = one.kind.of if isinstance(one.kind, ListOf) else one.kind
        if not value or isinstance(value, bool) or not isinstance(kind, File | Source | Text):
            continue
        if isinstance(kind, Output):
            made = entry.made / clean(str(value))
            clear[one.name], names[str(made)] = str(made), f"{HANDLE}{entry.id}/{made.name}"
        elif isinstance(one.kind, ListOf):
            whole = isinstance(value, str) and _is_content(kind, value)
            parts = (
                value if isinstance(value, list) else [value] if whole else [part.strip() for part in value.split(",")]
            )
            clear[one.name] = [path(one, part) for part in parts if part]
        elif isinstance(value, str):
            clear[one.name] = path(one, value)
    out = None
    if question.keeps != "the report (JSON)":
        suffix = ".parquet" if "Parquet" in question.keeps else ".json"
        out = entry.made / f"{question.name.replace(' ', '-')}{suffix}"
        names[str(out)] = f"{HANDLE}{entry.id}/{out.name}"
    longest_first = dict(sorted(names.items(), key=lambda pair: -len(pair[0])))
    return Call(question, given, clear, longest_first, out, (*folders.reach, kept.folder))


def outside(name: str, text: str, folders: Folders) -> InputError:
    """The error for a path that is not in the folders."""
    return InputError(
        name,
        f"`{name}` names {text!r}, which is not in a folder that this server may use ({folders}): whoever starts it can allow "
        "that folder with --files.",
    )


def writable(field: str, text: object, folders: Folders) -> Path:
    """Where a new file goes, in one of the folders; a relative path is of the first. Raises InputError."""
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise InputError(field, f"`{field}` must be a path.")
    path = Path(text).expanduser() if text.startswith("~") else Path(text)
    real = (path if path.is_absolute() else folders.folders[0] / path).resolve()
    if not folders.has(real) or real in folders.folders:
        raise outside(field, text, folders)
    return real
