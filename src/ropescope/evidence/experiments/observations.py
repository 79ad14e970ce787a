"""Observations: what an experiment saw, its estimates as they stand in a sentence, among facts and in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ropescope.evidence.tables import table, table_by
from ropescope.report.report import Fact, Figure, Table

if TYPE_CHECKING:
    from ropescope.measure.estimates import Estimate


def spoken(estimate: Estimate, decimals: int = 3) -> str:
    """`0.892 (95 % 0.863 to 0.920)`; a dash where there is no number."""
    if estimate.value is None:
        return "–"
    # Rounded first, so that no end reads −0.000.
    value, *ends = (f"{round(end, decimals) + 0.0:.{decimals}f}" for end in (estimate.value, *(estimate.ci or ())))
    return f"{value} (95 % {ends[0]} to {ends[1]})" if ends else value


def plain(value: Any) -> Any:
    """An estimate, or what holds estimates, for JSON."""
    if isinstance(value, Mapping):
        return {f"{key:g}" if isinstance(key, float) else str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if hasattr(value, "ci"):
        return {"value": value.value, "se": value.se, "ci": None if value.ci is None else list(value.ci)}
    return value


def fact_of(name: str, estimate: Estimate, source: str = "") -> Fact:
    """An estimate as a fact, with its interval."""
    return Fact(name, estimate.value, interval=estimate.ci, source=source)


@dataclass(frozen=True, slots=True)
class Observations:
    """What an experiment saw. `measured` holds an estimate for the statistic of each expectation; `sentence` says the
    result in words, to follow the verdict; `provenance` is that of its main measurement."""

    measured: Mapping[str, Estimate]
    sentence: str
    facts: tuple[Fact, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    caveats: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make `data` fit for JSON: its estimates become dicts, its keys text."""
        object.__setattr__(self, "data", plain(self.data))

    def with_table(self, *args: Any, **kwargs: Any) -> Observations:
        """The same with one table more, written as `tables.table` says."""
        return replace(self, tables=(*self.tables, table(*args, **kwargs)))

    def with_table_by(self, *args: Any, **kwargs: Any) -> Observations:
        """The same with one table more, written as `tables.table_by` says."""
        return replace(self, tables=(*self.tables, table_by(*args, **kwargs)))
