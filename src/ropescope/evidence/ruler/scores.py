"""RULER: published scores of long-context models by length, who ran them, and how far they fall from their short lengths.

The rows are those of the leaderboard in the README of github.com/NVIDIA/RULER (Hsieh et al., 2024, arXiv:2404.06654; the
repository is Apache-2.0) as it stood after its pull request 94 of 2025-07-21; the README has since been rewritten without
it. Rows that the leaderboard takes from a model's authors name their report. Later rows of an open pull request (Qwen3
2507) are left out: nobody of RULER has accepted them.
"""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from ropescope.quality.intervals import wilson

LENGTHS: Final = (4, 8, 16, 32, 64, 128)
"""Lengths of the benchmark in Ki tokens (4 stands for 4,096)."""

AS_OF: Final = "2025-07-21"
LEADERBOARD: Final = "https://github.com/NVIDIA/RULER"
SOURCE: Final = f"RULER leaderboard (README of github.com/NVIDIA/RULER, as of {AS_OF})"

THRESHOLD: Final = 85.6
"""The score of Llama-2-7b-chat at 4K: the leaderboard calls a length effective if the score is above it."""

SAMPLES: Final = 6500
"""Samples behind a score run by the RULER authors: 13 tasks of 500 (arXiv:2404.06654, §4). Others do not say."""

BASE_LENGTHS: Final = (4, 8)
DROP_FORMULA: Final = "S(L) / mean(S(4K), S(8K)) − 1"
"""The relative drop; its mean over 16K to 128K is the published tool's LongScore."""


@dataclass(frozen=True, slots=True)
class RulerRow:
    """One model on the leaderboard. `scores` has one value in percent for each of `LENGTHS`, None where none is given.

    `claimed_length` and `effective_length` are as the leaderboard writes them ("128K", ">128K"); `hub_id` is empty for
    models that are not on the Hub. `source` is an address, `source_date` a day or a month.
    """

    name: str
    hub_id: str
    size: str
    claimed_length: str
    effective_length: str
    scores: tuple[float | None, ...]
    average: float | None
    run_by: Literal["RULER authors", "model authors"]
    source: str
    source_date: str
    note: str = ""

    @property
    def label(self) -> str:
        """The Hub id, or the leaderboard's name of a model that has none."""
        return self.hub_id or self.name

    @property
    def citation(self) -> str:
        """The source in short: arXiv:… or an address without its scheme."""
        return self.source.removeprefix("https://").replace("arxiv.org/abs/", "arXiv:")

    @property
    def samples(self) -> int | None:
        """Samples behind each score; None where the source does not say."""
        return SAMPLES if self.run_by == "RULER authors" else None

    def claims(self, length: int) -> bool:
        """Whether `length` (in Ki tokens) lies within the context that the model claims."""
        number, unit = re.fullmatch(r"(\d+)([KM])", self.claimed_length.upper()).groups()  # type: ignore[union-attr]
        return length <= int(number) * (1024 if unit == "M" else 1)


@functools.cache
def ruler_rows() -> tuple[RulerRow, ...]:
    """All rows, in the order of the leaderboard (its weighted average), with the row that sets the threshold last."""
    return _rows("ruler.csv")


@functools.cache
def reported_rows() -> tuple[RulerRow, ...]:
    """Rows that model authors report and the leaderboard does not have: Qwen2.5 (arXiv:2412.15115, Table 16)."""
    return _rows("reports.csv")


def _rows(name: str) -> tuple[RulerRow, ...]:
    with Path(__file__).with_name(name).open(encoding="utf-8", newline="") as file:
        return tuple(_row(line) for line in csv.DictReader(file))


def base_score(row: RulerRow) -> float | None:
    """The mean score at 4K and 8K, in percent; None if either is missing."""
    scores = [row.scores[LENGTHS.index(length)] for length in BASE_LENGTHS]
    return None if None in scores else sum(scores) / len(scores)  # type: ignore[arg-type]


def relative_drops(row: RulerRow) -> dict[int, float | None]:
    """For each length beyond 8K (in Ki tokens): S(L) / mean(S(4K), S(8K)) − 1; None without a score. −0.1: a tenth lost."""
    base = base_score(row)
    return {
        length: None if base is None or score is None else score / base - 1
        for length, score in zip(LENGTHS, row.scores, strict=True)
        if length not in BASE_LENGTHS
    }


def mean_drop(drops: Sequence[float | None]) -> float | None:
    """The mean of those that there are; None without any."""
    there = [drop for drop in drops if drop is not None]
    return sum(there) / len(there) if there else None


def score_interval(score: float, samples: int) -> tuple[float, float]:
    """Bounds of the 95 % sampling interval of a score in percent (Wilson, as if every sample were right or wrong).

    A sample scores between 0 and 1 and each task has equally many, so the true sampling error is at most this. It does
    not cover what changes between runs: the template, the engine, the precision.
    """
    found = wilson(score / 100 * samples, samples)
    assert found.low is not None and found.high is not None
    return 100 * found.low, 100 * found.high


def effective_length(row: RulerRow) -> str:
    """The longest length whose score exceeds `THRESHOLD`, as the leaderboard defines it: "32K", ">128K" or "<4K".

    For six of the rows that models' authors reported (as of 2025-07-21) the leaderboard states a longer one.
    """
    above = [length for length, score in zip(LENGTHS, row.scores, strict=True) if (score or 0) > THRESHOLD]
    return ">128K" if LENGTHS[-1] in above else f"{max(above)}K" if above else "<4K"


def place(row: RulerRow, length: int) -> tuple[int, int] | None:
    """(place, of how many) by score at `length` in Ki tokens; ties share the better place. None without a score."""
    at = LENGTHS.index(length)
    score = row.scores[at]
    if score is None:
        return None
    others = [other.scores[at] for other in ruler_rows()]
    there = [value for value in others if value is not None]
    return 1 + sum(value > score for value in there), len(there)


def _row(line: dict[str, str]) -> RulerRow:
    numbers = {
        name: float(text) if text else None for name, text in line.items() if name.startswith(("score_", "average"))
    }
    words: dict[str, Any] = {name: text for name, text in line.items() if name not in numbers}
    assert line["run_by"] in ("RULER authors", "model authors"), line
    scores = tuple(numbers[f"score_{length}k"] for length in LENGTHS)
    return RulerRow(scores=scores, average=numbers["average"], **words)
