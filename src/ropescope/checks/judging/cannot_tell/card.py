"""Card: a published formula, why it tells nothing, a counterexample, and the question that answers instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ropescope.report.report import Fact, Step, Table


@dataclass(frozen=True, slots=True)
class Counterexample:
    """One sentence with the number that refutes, the numbers behind it, and perhaps a table. `data` is for programs."""

    sentence: str
    facts: tuple[Fact, ...]
    table: Table | None = None
    data: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Card:
    """One published formula.

    asked: what users ask it. formula: as published, with where. empty: why it cannot tell, in one or two sentences. claims:
    ids of the claims that recompute it on the published measurements. instead: what answers the question.
    """

    name: str
    asked: str
    formula: str
    published_in: str
    empty: str
    counterexample: Callable[[], Counterexample]
    instead: Step
    claims: tuple[str, ...] = ()
