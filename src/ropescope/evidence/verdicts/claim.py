"""Claim and Finding: what was published, and what recomputing it gave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from ropescope.evidence.tables import table
from ropescope.report.report import Fact, Figure, Table

if TYPE_CHECKING:
    from ropescope.evidence.evidence import Evidence

Verdict = Literal[
    "reproduced", "reproduced under a filter", "not reproduced", "not testable from public data", "true by definition"
]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


def judged(holds: object, under_a_filter: object = False) -> Verdict:
    """`reproduced` if the claim holds, `reproduced under a filter` if it does under one alone, else `not reproduced`."""
    if holds:
        return "reproduced"
    return "reproduced under a filter" if under_a_filter else "not reproduced"


def by_definition(holds: object) -> Verdict:
    """`true by definition` if the identity behind a claim holds, else `not reproduced`."""
    return "true by definition" if holds else "not reproduced"


@dataclass(frozen=True, slots=True)
class Baseline:
    """What something that knows nothing of the claim gives in its place, in the unit of the finding."""

    name: str
    value: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of recomputing a claim.

    `quantity` says in words what `value` is; `published` is the number claimed for it, None if none was. `n` says what
    went in. `interval` is at 95 %, and `interval_by` says how it was had, or why there is none. `baselines` are fair
    rivals in the same unit. `facts` and `tables` hold the numbers beside it. `reason` is one sentence.
    """

    quantity: str
    value: float | None
    verdict: Verdict
    reason: str
    n: str
    unit: str = ""
    interval: tuple[float, float] | None = None
    interval_by: str = ""
    published: float | None = None
    baselines: tuple[Baseline, ...] = ()
    facts: tuple[Fact, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()

    def with_table(self, *args: Any, **kwargs: Any) -> Finding:
        """The same with one table more, written as `tables.table` says."""
        return replace(self, tables=(*self.tables, table(*args, **kwargs)))


@dataclass(frozen=True, slots=True)
class Claim:
    """A published statement and how it is recomputed: which data, which of them, and what is done with them.

    `verdict_rule` says beforehand what counts as reproduced. `tables` are the extracts that `function` reads. `measured_by`
    is the benchmark that measured its numbers, where they are ropescope's own and not published ones.
    """

    id: str
    subject: str
    statement: str
    published_in: str
    data: str
    filter: str
    formula: str
    verdict_rule: str
    tables: tuple[str, ...]
    function: Callable[[Evidence], Finding]
    measured_by: str = ""
