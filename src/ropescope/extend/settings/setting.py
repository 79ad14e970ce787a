"""EngineSettings: what to hand to one engine, and what it cannot be told."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ropescope.errors import ExtendError
from ropescope.report.text import lines

Language = Literal["json", "python", "shell", "text"]


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """For the `versions` of an `engine`: the `text` to use, in its `language`, or "" where the engine cannot be told; and
    `remarks`, in sentences: what it does otherwise, or what has to be done instead. `read_from` names the source of the
    options. `overrides` is what is changed in the config, as data."""

    engine: str
    versions: str
    read_from: str
    language: Language
    text: str
    remarks: tuple[str, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict, hash=False)


def command(*head: str, flags: Iterable[tuple[str, object]]) -> str:
    """A shell command, a flag a line, everything quoted. Raises ExtendError for what cannot stand in a command."""
    first = " ".join(shlex.quote(printable(word)) for word in head)
    rest = (f"{flag} {shlex.quote(printable(str(value)))}" for flag, value in flags)
    return " \\\n  ".join((first, *rest))


def is_gguf(source: str) -> bool:
    """Whether a model is named by its GGUF file."""
    return source.lower().endswith(".gguf")


def not_from_gguf(engine: str, versions: str, read_from: str) -> EngineSettings:
    """For an engine that is not told of positions beside a GGUF file."""
    remark = (
        "ropescope writes settings for GGUF files for llama.cpp only: name the original model, a folder or a Hub id, "
        "for this engine."
    )
    return EngineSettings(engine, versions, read_from, "shell", "", (remark,))


def printable(text: str) -> str:
    """`text`, if it can stand in a command. Raises ExtendError if it holds a line break or a control character."""
    if "\n" in text or "\t" in text or lines(text) != text:
        raise ExtendError(f"{lines(text)!r} has characters that a command cannot contain: rename it.")
    return text


def one_line(data: Mapping[str, Any]) -> str:
    """`data` as JSON on one line."""
    return json.dumps(data, ensure_ascii=False)


def number(value: float) -> str:
    """A number as a flag takes it: short where that is exact."""
    return f"{int(value)}" if value == int(value) and abs(value) < 1e15 else repr(float(value))
