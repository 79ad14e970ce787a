"""TradeoffResult: what every method cost at every budget, text by text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ropescope.runs.saved import Saved

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
class GivenPlan:
    """The budget that a plan named for itself, and the added loss that it was made for (a share), if it was."""

    budget: float
    max_loss: float | None = None


@dataclass(frozen=True)
class TradeoffResult(Saved):
    """What methods cost on `model`: sequences of `length` tokens, the last `new` behind a cut to each budget, which
    is a share of the bytes of the whole cache. `blind` are the methods that do not look at the text."""

    model: str
    length: int
    new: int
    budgets: tuple[float, ...]
    methods: tuple[str, ...]
    blind: tuple[str, ...]
    texts: tuple[TextScore, ...]
    named: GivenPlan | None = None
    retrieval: tuple[Retrieval, ...] = ()
    times: Times | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    partial: bool = False
    schema: str = SCHEMA

    expected_schema = SCHEMA
    what = "an evaluation of caches"
    command = "compress evaluate"

    @classmethod
    def _read(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **{name: tuple(data[name]) for name in ("budgets", "methods", "blind")},
            "texts": tuple(TextScore.from_dict(text) for text in data["texts"]),
            "retrieval": tuple(Retrieval(**cell) for cell in data["retrieval"]),
            "named": None if data["named"] is None else GivenPlan(**data["named"]),
            "times": None if data["times"] is None else _times(data["times"]),
        }


def _times(data: Mapping[str, Any]) -> Times:
    return Times(**{**data, "prefill": tuple(data["prefill"]), "decode": tuple(data["decode"])})
