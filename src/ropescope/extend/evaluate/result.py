"""ExtensionResult: the loss of every text by position, and what was found in long contexts, under every way of scaling."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ropescope.errors import FormatError
from ropescope.models.model import plain_data
from ropescope.report.files import write_whole

SCHEMA = "ropescope.extend.evaluation/1"


@dataclass(frozen=True, slots=True)
class TextLosses:
    """One text: by method, the mean loss (nats a token) in each band of positions."""

    kind: str
    name: str
    losses: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Found:
    """Of `trials` questions on facts at `depth` (0 the beginning, 1 the end) of contexts of `length` tokens, how many were
    answered rightly: likelier than nine decoys (`right`), and by greedy decoding (`exact`)."""

    task: str
    method: str
    length: int
    depth: float
    trials: int
    right: int
    exact: int


@dataclass(frozen=True, slots=True)
class Recall:
    """Of the strings that the samples of a generated task ask for, the share that greedy decoding says, sample by sample."""

    task: str
    method: str
    length: int
    samples: tuple[float, ...]


@dataclass(frozen=True)
class ExtensionResult:
    """What each of `methods` makes of `model`, trained at `trained_length`, at `target_length` tokens.

    bands: [start, end) of positions. plans: by method, the RopePlan as plain data. partial: some piece was not finished.
    """

    model: str
    trained_length: int
    target_length: int
    bands: tuple[tuple[int, int], ...]
    methods: tuple[str, ...]
    plans: Mapping[str, Any]
    texts: tuple[TextLosses, ...]
    found: tuple[Found, ...] = ()
    recalls: tuple[Recall, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    partial: bool = False
    schema: str = SCHEMA

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` reads it back equal."""
        return {entry.name: plain_data(getattr(self, entry.name)) for entry in fields(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ExtensionResult:
        """What `to_dict` wrote. Raises FormatError for another schema, or a missing or foreign field."""
        if not isinstance(data, Mapping) or data.get("schema") != SCHEMA:
            found = data.get("schema") if isinstance(data, Mapping) else type(data).__name__
            raise FormatError(f"Not an evaluation of longer contexts: its schema is {found!r}, not {SCHEMA!r}.")
        try:
            read = {
                "bands": tuple((int(start), int(end)) for start, end in data["bands"]),
                "methods": tuple(data["methods"]),
                "texts": tuple(text_losses(text) for text in data["texts"]),
                "found": tuple(Found(**cell) for cell in data["found"]),
                "recalls": tuple(Recall(**{**cell, "samples": tuple(cell["samples"])}) for cell in data["recalls"]),
            }
            return cls(**{**data, **read})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FormatError(f"The evaluation does not fit {SCHEMA} ({error}): make it again.") from error

    def save(self, path: Path) -> Path:
        """Write it as JSON; returns the path. Raises ReportError if it cannot be written."""
        return write_whole(Path(path), json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: Path) -> ExtensionResult:
        """Read what `save` wrote. Raises FormatError for any other file."""
        try:
            data = json.loads(Path(path).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise FormatError(
                f"{path} is no evaluation of longer contexts: write one with `ropescope extend evaluate … --out`."
            ) from error
        return cls.from_dict(data)


def text_losses(data: Mapping[str, Any]) -> TextLosses:
    """What `plain_data` made of a TextLosses. Raises KeyError, TypeError or ValueError for anything else."""
    losses = {name: tuple(float(value) for value in row) for name, row in data["losses"].items()}
    return TextLosses(data["kind"], data["name"], losses)
