"""Windows for a budget of bytes: an equal share of the mass in every head, or an equal gain of the next byte.

For the equal gain, each head has a curve, its gain by window, given at knots and even between them. Over the upper
concave hulls of the curves the best windows are found exactly: segments are taken in the order of their gain per byte
until the bytes are spent (the Lagrangian of a separable concave problem). Only the last segment can be taken in part, so
at most one head ends inside a stretch where its hull lies above its curve.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ropescope.compress.plan.curves import windows_of_share
from ropescope.errors import PlanError

Array = NDArray[np.float64]
Whole = NDArray[np.int64]


def windows_for_budget(gains: Array, windows: Whole, bytes_per_token: Whole, budget_bytes: int) -> Whole:
    """[heads] windows in tokens that gain most within `budget_bytes`, each at least one token and at most the last knot.

    gains: [heads, knots] at `windows` [knots], which rise from 0. bytes_per_token: [heads]. Where all tokens cost the
    same, no other whole windows gain more on the hulls; where costs differ, the sum falls short of the best for the bytes
    spent by less than the gain of one token. What gains nothing is not bought.

    Raises PlanError if the budget is below one token a head.
    """
    chosen = np.ones(len(gains), dtype=np.int64)
    left = int(budget_bytes) - int(bytes_per_token.sum())
    if left < 0:
        raise PlanError(
            f"{budget_bytes:,} bytes do not hold one token for each head ({int(bytes_per_token.sum()):,} bytes)."
        )
    rates, heads, ends = _segments(gains, windows, bytes_per_token)
    # Equal rates are taken head by head, the near tokens first.
    for index in np.lexsort((ends, heads, -rates)):
        if rates[index] <= 0:
            break  # what gains nothing is not bought
        head, end, cost = heads[index], ends[index], int(bytes_per_token[heads[index]])
        tokens = min(int(end - chosen[head]), left // cost)
        chosen[head] += tokens
        left -= tokens * cost
    return chosen


def share_for_budget(curves: Sequence[Array], windows: Whole, bytes_per_token: Whole, budget_bytes: int) -> Whole:
    """[KV heads] windows that hold one and the same share of every query head's mass, the largest that fits the budget.

    curves: for each KV head [query heads, knots], rising from 0; its window is the longest that its query heads need.
    bytes_per_token: [KV heads]. A little more share costs at most one token a head, so less than that is left over where
    the mass is spread without gaps. Raises PlanError if the budget is below one token a head.
    """
    if budget_bytes < bytes_per_token.sum():
        raise PlanError(
            f"{budget_bytes:,} bytes do not hold one token for each head ({int(bytes_per_token.sum()):,} bytes)."
        )

    every = np.concatenate(curves)
    first = np.concatenate([[0], np.cumsum([len(curve) for curve in curves])[:-1]])

    def chosen(share: float) -> Whole:
        return np.maximum.reduceat(windows_of_share(every, windows, share), first)

    low, high = 0.0, 1.0
    if int(bytes_per_token @ chosen(high)) <= budget_bytes:
        return chosen(high)
    while high - low > 1e-6:
        middle = (low + high) / 2
        if int(bytes_per_token @ chosen(middle)) <= budget_bytes:
            low = middle
        else:
            high = middle
    return chosen(low)


def _segments(gains: Array, windows: Whole, bytes_per_token: Whole) -> tuple[Array, Whole, Whole]:
    """(gain per byte, head, window at its end) of every hull segment beyond the first token."""
    knots = np.union1d(windows, [1])
    knots = knots[knots >= 1]
    rates, heads, ends = [], [], []
    for head, curve in enumerate(gains):
        at = np.interp(knots, windows, curve)
        hull = upper_hull(knots, at)
        slopes = np.diff(at[hull]) / np.diff(knots[hull])
        rates.append(slopes / bytes_per_token[head])
        heads.append(np.full(len(slopes), head))
        ends.append(knots[hull][1:])
    return np.concatenate(rates), np.concatenate(heads).astype(np.int64), np.concatenate(ends).astype(np.int64)


def upper_hull(x: Whole, y: Array) -> list[int]:
    """Indices of the points on the upper concave hull of a curve whose x rises; the first and the last are always on it."""
    hull: list[int] = []
    for i in range(len(x)):
        while len(hull) > 1:
            a, b = hull[-2], hull[-1]
            if (y[b] - y[a]) * (x[i] - x[a]) > (y[i] - y[a]) * (x[b] - x[a]):
                break
            hull.pop()
        hull.append(i)
    return hull
