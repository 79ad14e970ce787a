"""A score against the score on a clean twin: a new test that is made to be as hard, as GSM1k is to GSM8K (arXiv:2405.00332)."""

from __future__ import annotations

from dataclasses import dataclass

from ropescope.checks.judging.scores import needed_items
from ropescope.quality.intervals import newcombe


@dataclass(frozen=True, slots=True)
class Gap:
    """Score less the twin's, and its 95 % interval, all as shares."""

    value: float
    low: float
    high: float
    items_to_tell: int | None
    """Items that each test would need; None where the gap exceeds its error already, or is 0."""


def gap(score: float, n: int, twin_score: float, twin_n: int) -> Gap:
    """The difference of two shares of separate items, with Newcombe's interval."""
    low, high = newcombe(twin_score, twin_n, score, n)
    return Gap(score - twin_score, low, high, needed_items(score, twin_score) if low <= 0 <= high else None)
