"""A score against the score on a clean twin: a new test that is made to be as hard, as GSM1k is to GSM8K (arXiv:2405.00332)."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

from ropescope.quality.intervals import NORMAL_95, wilson


@dataclass(frozen=True, slots=True)
class Gap:
    """Score less the twin's, and its 95 % interval, all as shares."""

    value: float
    low: float
    high: float
    items_to_tell: int | None
    """Items that each test would need for this gap to exceed its error; None where it does, or the gap is 0."""


def gap(score: float, n: int, twin_score: float, twin_n: int) -> Gap:
    """The difference of two shares of separate items (Newcombe 1998, Stat. Med. 17(8), method 10)."""
    ours, twin = wilson(score * n, n), wilson(twin_score * twin_n, twin_n)
    assert ours.low is not None and ours.high is not None and twin.low is not None and twin.high is not None
    value = score - twin_score
    low = value - sqrt((score - ours.low) ** 2 + (twin.high - twin_score) ** 2)
    high = value + sqrt((ours.high - score) ** 2 + (twin_score - twin.low) ** 2)
    needed = None
    if low <= 0 <= high and value:
        spread = score * (1 - score) + twin_score * (1 - twin_score)
        needed = ceil(spread * (NORMAL_95 / value) ** 2)
    return Gap(value, low, high, needed)
