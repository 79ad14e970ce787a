"""Intervals over prompts for what is made of means over prompts: exponents, shares of attention, curves.

All of these are contrasts of log means, Σ c·ln(mean weight): an exponent with the coefficients of its least-squares line, a
share with +1 for what lies inside and −1 for what lies outside. The interval is Student's t over the influence of each
prompt, and each end is stretched where prompts differ so widely that the t statistic is skewed.

- Influence of a prompt: the derivative of the contrast with respect to the prompt's weight, Σ c·(weight/mean − 1). Their
  standard error is the infinitesimal jackknife's (Jaeckel 1972; Efron 1982, The Jackknife, the Bootstrap and Other Resampling
  Plans, ch. 6).
- Stretch: few prompts seldom hold the rare ones that carry a mean, and those that do have a large standard error as well.
  A parametric bootstrap-t tells by how much: prompts are drawn whose log curves are normal, with the mean and the
  covariance of those measured, and the quantiles of their t statistic are divided by those of the same draws where
  variation is small, which are Student's. (For the mean of one log-normal quantity: Angus 1994, The Statistician 43(3).)
  It is 1 where prompts differ little, and is never taken below 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Array = NDArray[np.float64]
Draws = NDArray[np.float32]

LEVEL = 0.95
_MOST_SIMULATED = 24
"""More prompts than this are not simulated: the stretch of n prompts follows from that of 24, as it goes with 1/√n."""
_MOST_FACTORS = 128
_LEAST_RELATIVE = np.exp(-4.0)
"""A weight below this share of the mean counts as this share: on a log scale a prompt without attention is no datum."""
_ROUNDING = 1e-12
"""A standard error below this is that of sums in another order, and is taken for none."""
_SMALL_VARIANCE = 1e-6
"""Below this variance of the log weights the t statistic is Student's to three digits: nothing is simulated. Below this
variance of the contrast it is simulated in double precision."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """Σ c·ln(mean weight) with its standard error and interval: arrays of one shape. NaN where it does not exist; se, low
    and high are NaN with one prompt as well."""

    value: Array
    se: Array
    low: Array
    high: Array

    def each(self) -> tuple[Contrast, ...]:
        """One contrast for each entry of the first axis."""
        return tuple(Contrast(*parts) for parts in zip(self.value, self.se, self.low, self.high, strict=True))


def normal_draws(n_prompts: int, resamples: int, seed: int) -> Draws:
    """[resamples, simulated prompts, factors] standard normal numbers, in pairs of opposite sign."""
    shape = ((resamples + 1) // 2, min(n_prompts, _MOST_SIMULATED), min(n_prompts, _MOST_FACTORS))
    half = np.random.default_rng([seed, n_prompts]).standard_normal(shape, dtype=np.float32)
    return np.concatenate([half, -half])


def log_contrast(weight: Array, coefficients: Array, draws: Draws) -> Contrast:
    """The contrast [...] of `weight` [prompts, ..., points] with `coefficients` [..., points].

    Points with the coefficient 0 are left out. draws: of `normal_draws`.
    """
    n = weight.shape[0]
    shape, points = weight.shape[1:-1], weight.shape[-1]
    used = np.broadcast_to(coefficients, weight.shape[1:]).reshape(prod(shape), points)
    flat = weight.reshape(n, prod(shape), points)
    found = np.full((4, prod(shape)), np.nan)
    for index, row in enumerate(used):
        there = row != 0
        mean = flat[:, index, there].mean(axis=0)
        if np.isfinite(row).all() and there.any() and (mean > 0).all():
            found[0, index] = np.log(mean) @ row[there]
            if n > 1:
                found[1:, index] = _interval(flat[:, index, there] / mean, row[there], draws)
                found[2:, index] += found[0, index]
    return Contrast(*(values.reshape(shape) for values in found))


def log_odds(inside: Array, outside: Array, draws: Draws) -> Contrast:
    """The contrast ln(mean inside / mean outside) of two masses [prompts, ...]; `share_of` turns it into a share."""
    return log_contrast(np.stack([inside, outside], axis=-1), np.array([1.0, -1.0]), draws)


def share_of(log_odds: Array) -> Array:
    """The share inside of what lies inside and outside."""
    return np.asarray(1 / (1 + np.exp(-log_odds)))


def _interval(relative: Array, coefficients: Array, draws: Draws) -> tuple[float, float, float]:
    """Standard error, and the two ends less the value, from weight over mean weight [prompts, points]."""
    n = len(relative)
    influence = (relative - 1) @ coefficients
    se = float(np.sqrt((influence @ influence) / (n * (n - 1))))
    if se < _ROUNDING:
        return 0.0, 0.0, 0.0
    half = float(stdtrit(n - 1, (1 + LEVEL) / 2)) * se
    below, above = _stretch(np.log(np.maximum(relative, _LEAST_RELATIVE)), coefficients, draws)
    # A t statistic that reaches far below zero says that the truth may lie far above the estimate.
    return se, -above * half, below * half


def _stretch(log_relative: Array, coefficients: Array, draws: Draws) -> tuple[float, float]:
    """How much farther than Student's the t statistic of log-normal prompts reaches, below zero and above; at least 1."""
    (n, points), (resamples, simulated, n_factors) = log_relative.shape, draws.shape
    spread = (log_relative - log_relative.mean(axis=0)) / np.sqrt(n - 1)
    variance = (spread * spread).sum(axis=0)
    if variance.max() < _SMALL_VARIANCE:
        return 1.0, 1.0
    if n > min(points, n_factors):  # the same covariance from fewer normal factors, the largest first
        _, size, axes = np.linalg.svd(spread, full_matrices=False)
        spread = (size[:, None] * axes)[:n_factors]
    slope = spread @ coefficients
    if not slope.any():  # log-normal prompts of this kind would not differ at all
        return 1.0, 1.0
    # What all points share cancels in the contrast; where little is left, single precision would leave its own noise.
    precision = np.float32 if slope @ slope > _SMALL_VARIANCE else np.float64
    factors = draws.reshape(resamples * simulated, n_factors)[:, : len(spread)].astype(precision)
    c = coefficients.astype(precision)
    curves = np.exp(factors @ spread.astype(precision)).reshape(resamples, simulated, points)
    mean = curves.mean(axis=1)
    error = np.log(mean) @ c - precision(variance @ coefficients / 2)
    curved = _t(error, np.einsum("rsp,rp->rs", curves, c / mean) - c.sum())
    linear = (factors @ slope.astype(precision)).reshape(resamples, simulated)
    straight = _t(linear.mean(axis=1), linear - linear.mean(axis=1, keepdims=True))
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    ratio = np.quantile(curved, tails) / np.quantile(straight, tails)
    below, above = np.maximum(1.0, 1 + (ratio - 1) * np.sqrt(simulated / n))
    return float(below), float(above)


def _t(error: NDArray[Any], influence: NDArray[Any]) -> NDArray[Any]:
    """[resamples] error over its standard error from `influence` [resamples, prompts]."""
    n = influence.shape[1]
    squares = np.einsum("rs,rs->r", influence, influence)
    return np.asarray(error / np.sqrt(np.maximum(squares, np.finfo(np.float32).tiny) / (n * (n - 1))))
