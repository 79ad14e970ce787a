"""What a TradeoffResult says: added loss with intervals, paired differences, knees, and the budget to recommend.

Texts are what is independent. Means have Student's t intervals over texts, of paired differences: every text is compared
with itself under the whole cache, or under another method. Knees have the interval of the added loss at the knee, read off
the curve (Woodruff 1952, J. Am. Stat. Assoc. 47(260)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ropescope.compress.evaluate.results.result import TradeoffResult
from ropescope.quality.intervals import Interval, paired
from ropescope.quality.knee import knee

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Knee:
    """The smallest budget at which a method adds no more than a share of the loss; the bounds are of 95 %.

    `edge`: "below" if the smallest budget swept is already enough, "above" if the largest is not, and then `budget` is
    that budget; else "".
    """

    budget: float
    low: float | None
    high: float | None
    edge: str


@dataclass(frozen=True, slots=True)
class Recommended:
    """The smallest budget whose added loss stays surely under the limit. `share`: added loss over the whole cache's."""

    method: str
    budget: float
    share: Interval


def added(result: TradeoffResult, method: str, *, kind: str | None = None) -> list[Interval | None]:
    """The mean added loss (nats a token) by budget; None where the method has no such budget."""
    rows = _rows(result, method, kind)
    return [None if np.isnan(column).any() or not len(column) else paired(column.tolist()) for column in rows.T]


def held(result: TradeoffResult, method: str) -> list[float | None]:
    """The share of the whole cache's bytes that was really held, mean over texts, by budget."""
    rows = np.array([text.held[method] for text in result.texts], dtype=float).reshape(-1, len(result.budgets))
    return [None if np.isnan(column).any() or not len(column) else float(column.mean()) for column in rows.T]


def against(result: TradeoffResult, method: str, reference: str) -> list[Interval | None]:
    """The mean of added loss less that of `reference` on the same text, by budget: below zero, the method is better."""
    rows = _rows(result, method) - _rows(result, reference)
    return [None if np.isnan(column).any() or not len(column) else paired(column.tolist()) for column in rows.T]


def full_loss(result: TradeoffResult) -> float:
    """The mean loss (nats a token) with the whole cache."""
    return float(np.mean([text.loss for text in result.texts]))


def measured_knee(result: TradeoffResult, method: str, limit: float = 0.01) -> Knee | None:
    """Where the sweep of a method comes down to an added loss of `limit` times the loss with the whole cache.

    The knee is that of the means over texts. None for a method with fewer than two budgets.
    """
    rows = _rows(result, method)
    swept = ~np.isnan(rows).any(axis=0)
    if swept.sum() < 2 or not len(rows):
        return None
    order = np.argsort(np.array(result.budgets)[swept])
    budgets = np.array(result.budgets)[swept][order]
    rows = rows[:, swept][:, order]
    allowed = limit * np.array([text.loss for text in result.texts])
    point = knee(budgets, rows.mean(axis=0), allowed.mean())
    low = high = None
    # What each text adds at the knee beyond what it is allowed: 0 in the mean, and as uncertain as these texts differ.
    beyond = paired([_at(budgets, row, point) - most for row, most in zip(rows, allowed, strict=True)])
    if beyond.low is not None and beyond.high is not None:
        half = (beyond.high - beyond.low) / 2
        low, high = (knee(budgets, rows.mean(axis=0), allowed.mean() + error) for error in (half, -half))
    edge = "below" if point <= budgets[0] else "above" if point > budgets[-1] else ""
    return Knee(float(budgets[-1] if edge == "above" else point), low, high, edge)


def recommended(result: TradeoffResult, limit: float = 0.01) -> Recommended | None:
    """The smallest budget whose added loss has the upper end of its interval at or under `limit` times the loss with the
    whole cache; of two methods at one budget the one whose upper end is lower. None if there is none, or only one text."""
    loss = full_loss(result)
    found: list[tuple[float, float, str, Interval]] = []  # budget, upper end, method, added loss
    for method in result.methods:
        for budget, interval in zip(result.budgets, added(result, method), strict=True):
            if interval is not None and interval.high is not None and interval.high <= limit * loss:
                found.append((budget, interval.high, method, interval))
    if not found:
        return None
    budget, _, method, interval = min(found, key=lambda entry: entry[:2])
    return Recommended(method, budget, scaled(interval, 1 / loss))


def scaled(interval: Interval, factor: float) -> Interval:
    """An interval in another unit."""
    low, high = (None if bound is None else bound * factor for bound in (interval.low, interval.high))
    return Interval(interval.value * factor, low, high, interval.n)


def kinds(result: TradeoffResult) -> list[str]:
    """The kinds of text, in the order they come."""
    return list(dict.fromkeys(text.kind for text in result.texts))


def _rows(result: TradeoffResult, method: str, kind: str | None = None) -> Array:
    """[texts, budgets] added loss; NaN where there is none."""
    rows = [text.added[method] for text in result.texts if kind in (None, text.kind)]
    return np.array(rows, dtype=float).reshape(-1, len(result.budgets))


def _at(budgets: Array, added: Array, budget: float) -> float:
    """The added loss of one text at a budget, by straight lines between those swept and to zero at the whole cache."""
    return float(np.interp(budget, np.append(budgets, 1.0), np.append(added, 0.0)))
