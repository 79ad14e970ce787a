"""Look a model up in every benchmark: `lookup("Qwen/Qwen3-8B").row(RULER)`. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ropescope.published.asked_name import asked_name
from ropescope.published.benchmarks import BENCHMARKS, NOLIMA, RULER, Benchmark, Row, rows
from ropescope.published.changes import Gap, reasoning_gaps
from ropescope.published.names import Match, ModelName, NearMatch, find


@dataclass(frozen=True, slots=True)
class Lookup:
    """What is published about one model, by the name of the benchmark.

    name: what was looked up. taken_from: where that name is from, if it is not what was asked. near: rows of relatives, of
    the benchmarks that have none of the model.
    """

    name: str
    taken_from: str
    matches: Mapping[str, tuple[Match, ...]]
    near: Mapping[str, tuple[NearMatch, ...]]

    def row(self, benchmark: Benchmark) -> Row | None:
        """The row of the model on a benchmark, of the newest version where several are dated; None where nothing is published
        here."""
        return next((match.row for match in self.matches[benchmark.name]), None)

    @property
    def all_matches(self) -> tuple[Match, ...]:
        """Those of every benchmark, in the order of `BENCHMARKS`."""
        return tuple(match for mark in BENCHMARKS for match in self.matches[mark.name])

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """RULER against NoLiMa at each length that both have, of the same version where both name one."""
        latent = self.row(NOLIMA)
        literal = [match.row for match in self.matches[RULER.name]]
        if latent is None or not literal:
            return ()
        same = [row for row in literal if _same(row, latent)]
        return reasoning_gaps((same or literal)[0], latent)


def lookup(source: str) -> Lookup:
    """What is published about `source`: a Hub id, a name, a folder or a file. Raises SourceError for an empty name."""
    name, taken_from = asked_name(source)
    found = {mark.name: find(name, rows(mark)) for mark in BENCHMARKS}
    return Lookup(
        name,
        taken_from,
        {mark: tuple(sorted(matches, key=_date, reverse=True)) for mark, (matches, _) in found.items()},
        {mark: near for mark, (_, near) in found.items()},
    )


def _date(match: Match) -> str:
    return ModelName.of(match.row.label).date


def _same(one: Row, other: Row) -> bool:
    a, b = ModelName.of(one.label), ModelName.of(other.label)
    return (a.words, a.tuning, a.date) == (b.words, b.tuning, b.date)
