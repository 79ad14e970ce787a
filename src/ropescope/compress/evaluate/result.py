"""TradeoffResult: what every method cost at every budget, text by text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ropescope.errors import FormatError
from ropescope.models.model import plain_data
from ropescope.report.files import write_whole

SCHEMA = "ropescope.compress.tradeoff/1"
Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class TextScore:
    """One text. `loss`: with the whole cache, mean nats of the scored tokens. Of each method, by budget: `added`, how much
    the loss grew, and `held`, the share of the whole cache's bytes really held; None where the method has no such budget."""

    kind: str
    name: str
    loss: float
    added: Mapping[str, Values]
    held: Mapping[str, Values]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TextScore:
        """What `dataclasses.asdict` wrote. Raises KeyError, TypeError or AttributeError for anything else."""
        by_method = {name: {key: tuple(row) for key, row in data[name].items()} for name in ("added", "held")}
        return cls(data["kind"], data["name"], float(data["loss"]), **by_method)


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Of `trials` questions on facts planted in a text of `length` tokens at `depth` (0 the beginning, 1 the end), how many
    were answered rightly with the cache of `method` at `budget`; `method` None: with the whole cache.

    right: the answer is likelier than nine others of its form. exact: greedy decoding gives it. asked: "before" the cut,
    so that a method that looks at the text sees the question, or "after" it.
    """

    task: str
    method: str | None
    budget: float
    length: int
    depth: float
    asked: str
    trials: int
    right: int
    exact: int


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds with the planned cache over seconds with DynamicCache, (lower quartile, median, upper quartile), of so many
    prefills and decode steps."""

    budget: float
    length: int
    prefill: tuple[float, float, float]
    decode: tuple[float, float, float]
    prefills: int
    steps: int


@dataclass(frozen=True, slots=True)
class Named:
    """The budget that a plan named for itself, and the added loss that it was made for (a share), if it was."""

    budget: float
    max_loss: float | None = None


@dataclass(frozen=True)
class TradeoffResult:
    """What methods cost on `model`: sequences of `length` tokens, the last `new` scored behind a cut to each budget, which
    is a share of the bytes of the whole cache. `blind` are the methods that do not look at the text."""

    model: str
    length: int
    new: int
    budgets: tuple[float, ...]
    methods: tuple[str, ...]
    blind: tuple[str, ...]
    texts: tuple[TextScore, ...]
    named: Named | None = None
    retrieval: tuple[Retrieval, ...] = ()
    times: Times | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    partial: bool = False
    schema: str = SCHEMA

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` reads it back equal."""
        return {entry.name: plain_data(getattr(self, entry.name)) for entry in fields(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TradeoffResult:
        """What `to_dict` wrote. Raises FormatError for another schema, or a missing or foreign field."""
        if not isinstance(data, Mapping) or data.get("schema") != SCHEMA:
            found = data.get("schema") if isinstance(data, Mapping) else type(data).__name__
            raise FormatError(f"Not an evaluation of caches: its schema is {found!r}, and {SCHEMA!r} was expected.")
        try:
            lists = {name: tuple(data[name]) for name in ("budgets", "methods", "blind")}
            found = {
                "texts": tuple(TextScore.from_dict(text) for text in data["texts"]),
                "retrieval": tuple(Retrieval(**cell) for cell in data["retrieval"]),
                "named": None if data["named"] is None else Named(**data["named"]),
                "times": None if data["times"] is None else _times(data["times"]),
            }
            return cls(**{**data, **lists, **found})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FormatError(f"The evaluation does not fit {SCHEMA} ({error}): make it again.") from error

    def save(self, path: Path) -> Path:
        """Write it as JSON; returns the path. Raises ReportError if it cannot be written."""
        return write_whole(Path(path), json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: Path) -> TradeoffResult:
        """Read what `save` wrote. Raises FormatError for any other file."""
        try:
            data = json.loads(Path(path).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise FormatError(
                f"{path} is no evaluation of caches: write one with `ropescope compress evaluate … --out`."
            ) from error
        return cls.from_dict(data)


def _times(data: Mapping[str, Any]) -> Times:
    return Times(**{**data, "prefill": tuple(data["prefill"]), "decode": tuple(data["decode"])})
