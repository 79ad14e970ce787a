"""What published scores say together: how far they fall, to which length they hold, their place, and the reasoning gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ropescope.published.benchmarks import Row, ranked_rows
from ropescope.quality.intervals import newcombe, wilson

DROP_FORMULA: Final = "S(L) / mean(S(4K), S(8K)) − 1"
"""RULER's relative drop; its mean over 16K to 128K is the published tool's LongScore (arXiv:2505.19293)."""


def base_score(row: Row) -> float | None:
    """What longer scores are compared with, in percent: the base that the source states, or the mean of the benchmark's
    base columns; None if one is missing, or the benchmark has none."""
    if row.base is not None or not row.benchmark.base_columns:
        return row.base
    scores = [row.score(column) for column in row.benchmark.base_columns]
    return None if None in scores else sum(scores) / len(scores)  # type: ignore[arg-type]


def relative_changes(row: Row) -> dict[str, float | None]:
    """For each column other than the base: score / base − 1; None without a score. −0.1: a tenth lost."""
    base = base_score(row)
    return {
        column: None if base is None or score is None else score / base - 1
        for column, score in zip(row.benchmark.columns, row.scores, strict=True)
        if column not in row.benchmark.base_columns
    }


def mean_change(changes: Sequence[float | None]) -> float | None:
    """The mean of those that there are; None without any."""
    there = [change for change in changes if change is not None]
    return sum(there) / len(there) if there else None


def effective_length(row: Row) -> str:
    """The longest length whose score exceeds the benchmark's threshold: "32K", ">128K" or "<4K"; "" where it has none.

    RULER's threshold is a score, NoLiMa's a share of the row's base. For six rows that models' authors reported, RULER's
    leaderboard states a longer one. It is never longer than what the row gives.
    """
    mark = row.benchmark
    base = base_score(row)
    if mark.threshold is None or (mark.of_base and base is None):
        return ""
    limit = mark.threshold / 100 * base if mark.of_base and base is not None else mark.threshold
    given = [column for column, score in zip(mark.columns, row.scores, strict=True) if score is not None]
    above = [column for column in given if (row.score(column) or 0) > limit]
    if not above:
        return f"<{given[0]}" if given else ""
    return f">{above[-1]}" if above[-1] == mark.columns[-1] else above[-1]


def place(row: Row, column: str) -> tuple[int, int] | None:
    """(place, of how many) by score at `column` in the benchmark's own table, among rows of the same setting; ties share the
    better place. None without a score."""
    score = row.score(column)
    if score is None:
        return None
    alike = (other.score(column) for other in ranked_rows(row.benchmark) if other.setting == row.setting)
    there = [value for value in alike if value is not None]
    return 1 + sum(value > score for value in there), len(there)


def score_interval(score: float, samples: int) -> tuple[float, float]:
    """Bounds of the 95 % sampling interval of a score in percent (Wilson, as if every sample were right or wrong).

    A sample scores between 0 and 1, so the true sampling error is at most this. It does not cover what changes between
    runs: the template, the engine, the precision.
    """
    found = wilson(score / 100 * samples, samples)
    assert found.low is not None and found.high is not None
    return 100 * found.low, 100 * found.high


def interval(row: Row, column: str) -> tuple[float, float] | None:
    """`score_interval` of a column; None where the score or its samples are not known."""
    score, samples = row.score(column), row.samples[row.benchmark.columns.index(column)]
    return None if score is None or samples is None else score_interval(score, samples)


@dataclass(frozen=True, slots=True)
class Gap:
    """How much more of a model's answers are right on `literal` (RULER) than on `latent` (NoLiMa) at one length.

    points: percentage points. kept: the share of its own base that each benchmark keeps; None without a base. interval:
    95 %, in points (Newcombe's), None where samples are not known.
    """

    length: str
    literal: float
    latent: float
    kept: tuple[float | None, float | None]
    interval: tuple[float, float] | None

    @property
    def points(self) -> float:
        """The difference of the two scores."""
        return self.literal - self.latent


def reasoning_gaps(literal: Row, latent: Row) -> tuple[Gap, ...]:
    """The gap at each length that both rows have, shortest first."""
    found = []
    for column in literal.benchmark.columns:
        high, low = literal.score(column), latent.score(column)
        if high is None or low is None:
            continue
        kept = tuple(
            None if (base := base_score(row)) is None else (row.score(column) or 0) / base for row in (literal, latent)
        )
        found.append(Gap(column, high, low, (kept[0], kept[1]), _difference(literal, latent, column)))
    return tuple(found)


def _difference(one: Row, other: Row, column: str) -> tuple[float, float] | None:
    """Newcombe's interval of `one` − `other` in points; None where a score or its samples are not known."""
    a, b = (row.score(column) for row in (one, other))
    n, m = (row.samples[row.benchmark.columns.index(column)] for row in (one, other))
    if a is None or b is None or n is None or m is None:
        return None
    low, high = newcombe(b / 100, m, a / 100, n)
    return 100 * low, 100 * high
