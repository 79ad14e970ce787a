"""ExtensionResult: the loss of every text by position, and what was found in long contexts, under every way of scaling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ropescope.runs.saved import Saved

SCHEMA = "ropescope.extend.evaluation/1"


@dataclass(frozen=True, slots=True)
class TextLosses:
    """One text: by method, the mean loss (nats a token) in each band of positions.

    short: the bands within the trained length, of the text cut off there, by the methods that read it otherwise then (their
    frequencies depend on the length).
    """

    kind: str
    name: str
    losses: Mapping[str, tuple[float, ...]]
    short: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


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
class ExtensionResult(Saved):
    """What each of `methods` makes of `model`, trained at `trained_length`, at `target_length` tokens.

    bands: [start, end) of positions. plans: by method, the RopePlan as plain data. shown: by method, the tokens at the end
    that alone are read, for methods that do not read all. partial: some piece was not finished.
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
    shown: Mapping[str, int] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    partial: bool = False
    schema: str = SCHEMA

    expected_schema = SCHEMA
    what = "an evaluation of longer contexts"
    command = "extend evaluate"

    @classmethod
    def _read(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "bands": tuple((int(start), int(end)) for start, end in data["bands"]),
            "methods": tuple(data["methods"]),
            "texts": tuple(text_losses(text) for text in data["texts"]),
            "found": tuple(Found(**cell) for cell in data["found"]),
            "recalls": tuple(Recall(**{**cell, "samples": tuple(cell["samples"])}) for cell in data["recalls"]),
        }


def text_losses(data: Mapping[str, Any]) -> TextLosses:
    """What `plain_data` made of a TextLosses. Raises KeyError, TypeError or ValueError for anything else."""
    losses, short = (
        {name: tuple(float(value) for value in row) for name, row in rows.items()}
        for rows in (data["losses"], data.get("short", {}))
    )
    return TextLosses(data["kind"], data["name"], losses, short)
