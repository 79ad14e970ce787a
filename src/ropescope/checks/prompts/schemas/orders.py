"""In which order an engine lets an object's fields be written, and what that does to an answer and its reasoning."""

from __future__ import annotations

import csv
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ropescope.checks.prompts.schemas.documents import Found
from ropescope.checks.prompts.schemas.walk import Property, SchemaObject
from ropescope.report.report import Basis

Order = Literal["as listed", "required first", "any"]
Verdict = Literal["answer first", "reasoning first", "any order"]


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that writes JSON by a schema, with where its order is from; `basis`: published, or measured here."""

    name: str
    order: Order
    basis: Basis
    detail: str
    source: str
    date: str


@functools.cache
def engines() -> tuple[Engine, ...]:
    """Every engine whose order is known."""
    with Path(__file__).with_name("engines.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Engine(row["engine"], row["order"], row["basis"], row["detail"], row["source"], row["date"])  # type: ignore[arg-type]
            for row in csv.DictReader(file)
        )


HOSTED: Final = ("openai", "anthropic")
ENGINES: Final = ("openai", "anthropic", "xgrammar", "llguidance", "outlines", "lm-format-enforcer", "llama.cpp")


def written(properties: Sequence[Property], order: Order) -> list[Property]:
    """The fields in the order in which they are written, where there is one."""
    if order == "required first":
        return sorted(properties, key=lambda one: not one.required)
    return list(properties)


@dataclass(frozen=True, slots=True)
class Pair:
    """An object with a field for the answer and one for the reasoning: the first of each, as listed."""

    within: Found
    found: SchemaObject
    answer: Property
    reasoning: Property

    def under(self, order: Order) -> Verdict:
        """Which of the two comes first in that order."""
        if order == "any":
            return "any order"
        kinds = [kind for one in written(self.found.properties, order) for kind in one.holds]
        return "answer first" if kinds.index("answer") < kinds.index("reasoning") else "reasoning first"

    def by(self, engine: Engine) -> Verdict:
        """Which of the two comes first with that engine; a hosted API keeps no order for a tool that is not strict."""
        return self.under("any" if engine.name in HOSTED and not self.within.enforced else engine.order)

    @property
    def skippable(self) -> bool:
        """Whether the answer must be written, and the reasoning may be left out."""
        return self.answer.required and not self.reasoning.required


def pairs(within: Found, objects: Sequence[SchemaObject]) -> list[Pair]:
    """The objects that have both fields."""
    found = []
    for one in objects:
        first = {kind: field for field in reversed(one.properties) for kind in field.holds}
        if len(first) == 2:
            found.append(Pair(within, one, first["answer"], first["reasoning"]))
    return found
