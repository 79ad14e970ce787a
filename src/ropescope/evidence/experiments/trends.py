"""Slopes over the points of a sweep, and differences and ratios of measurements on other prompts."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ropescope.measure.curve import Decay, combination
from ropescope.measure.estimates import Estimate
from ropescope.measure.intervals import Draws

Array = NDArray[np.float64]


def slope(x: Any, y: Any) -> Array:
    """[...] the least-squares slope of y [..., points] on x [points]."""
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    centred = x - x.mean()
    return np.asarray((y * centred).sum(axis=-1) / (centred @ centred))


def slope_of_gammas(x: Any, decays: Sequence[Decay], draws: Draws) -> Estimate:
    """The slope on x [points] of the exponents of `decays`, one a point, measured on the same prompts."""
    centred = np.asarray(x, dtype=np.float64) - np.mean(x)
    return combination(decays, (centred / (centred @ centred)).tolist(), draws)


def difference(a: Estimate, b: Estimate) -> Estimate:
    """a − b of measurements on other prompts, from the intervals of both (Zou and Donner 2008, Stat. Med. 27(10))."""
    if a.value is None or b.value is None:
        return Estimate(None)
    value = a.value - b.value
    if a.se is None or a.ci is None or b.se is None or b.ci is None:
        return Estimate(value)
    low = value - hypot(a.value - a.ci[0], b.ci[1] - b.value)
    high = value + hypot(a.ci[1] - a.value, b.value - b.ci[0])
    return Estimate(value, hypot(a.se, b.se), (low, high))


def ratio(a: Estimate, b: Estimate) -> Estimate:
    """a/b of measurements on other prompts, from the intervals of both (Donner and Zou 2012, Stat. Methods Med. Res. 21(4)).

    It has no interval where that of b holds 0: the ratio is then bounded by nothing.
    """
    if a.value is None or not b.value:
        return Estimate(None)
    value = a.value / b.value
    if a.se is None or a.ci is None or b.se is None or b.ci is None or b.ci[0] <= 0 <= b.ci[1]:
        return Estimate(value)
    sign = 1 if b.value > 0 else -1
    (low, high), (nearest, farthest) = sorted(sign * end for end in a.ci), sorted(sign * end for end in b.ci)
    top, bottom = sign * a.value, sign * b.value

    def end(a_end: float, b_end: float, side: int) -> float:
        # The r at which an end of the interval of a − r·b is 0: the root of a quadratic.
        square, constant = b_end * (2 * bottom - b_end), a_end * (2 * top - a_end)
        return (top * bottom + side * sqrt(max(0.0, (top * bottom) ** 2 - square * constant))) / square

    ends = (end(low, farthest if low > 0 else nearest, -1), end(high, nearest if high > 0 else farthest, 1))
    return Estimate(value, hypot(a.se, value * b.se) / bottom, ends)


def slope_estimate(x: Any, values: Sequence[float], resamples: Sequence[Array], n_prompts: int) -> Estimate:
    """The slope of paired measurements on x: `values` at each x, and the resamples of each under the same draws."""
    return Estimate.of(slope(x, values), slope(x, np.stack(resamples, axis=-1)), n_prompts)
