"""Statistics of experiments: slopes over a sweep, differences and ratios of measurements on other prompts, heads compared."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ropescope.measure.curve import Decay, combination, fitted_curve
from ropescope.measure.estimates import Estimate
from ropescope.measure.exponent import DistanceBins, fit_power_law
from ropescope.measure.intervals import Draws
from ropescope.measure.profile import DecayProfile

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


def head_gammas(profile: DecayProfile, d_min: int, resamples: Array) -> tuple[Array, Array]:
    """[layers·heads] the exponent of each head, and [resamples, layers·heads] its resamples; NaN where it has none."""
    layers, heads = profile.mass.shape[1:3]
    edges = profile.protocol.edges
    curve = fitted_curve(profile, d_min)
    values = np.full((layers, heads), np.nan)
    samples = np.full((len(resamples), layers, heads), np.nan)
    for layer, selected in enumerate(curve.ranges):
        if not len(selected):
            continue
        bins = DistanceBins.between(edges[selected], edges[selected + 1] - 1)
        weight = profile.mass[:, layer][..., selected].astype(np.float64) / bins.count
        values[layer] = fit_power_law(bins.log_distance, weight.mean(axis=0), bins.log_width).gamma
        mean = (resamples @ weight.reshape(len(weight), -1)).reshape(len(resamples), heads, -1)
        samples[:, layer] = fit_power_law(bins.log_distance, mean, bins.log_width).gamma
    return values.reshape(-1), samples.reshape(len(resamples), -1)


def rank_correlation(a: Array, b: Array) -> Array:
    """[...] Spearman's rank correlation over the last axis, of the heads where both are numbers; NaN if either is constant."""
    a, b = np.broadcast_arrays(a, b)
    good = np.isfinite(a).all(axis=tuple(range(a.ndim - 1))) & np.isfinite(b).all(axis=tuple(range(b.ndim - 1)))
    ranks_a, ranks_b = rankdata(a[..., good], axis=-1), rankdata(b[..., good], axis=-1)
    x = ranks_a - ranks_a.mean(axis=-1, keepdims=True)
    y = ranks_b - ranks_b.mean(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((x * y).sum(-1) / np.sqrt((x * x).sum(-1) * (y * y).sum(-1)))


def area_under_curve(score: Array, positive: Array) -> Array:
    """[...] the chance that a random positive has the higher `score` than a random negative, over the last axis (AUC).

    Ties count half. NaN where there is no positive or no negative. Heads without a score are left out.
    """
    score, positive = np.broadcast_arrays(score, positive)
    good = np.isfinite(score).all(axis=tuple(range(score.ndim - 1)))
    score, positive = score[..., good], positive[..., good].astype(bool)
    ranks = rankdata(score, axis=-1)
    n_positive = positive.sum(axis=-1)
    n_negative = positive.shape[-1] - n_positive
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(
            ((ranks * positive).sum(axis=-1) - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)
        )
