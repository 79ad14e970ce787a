"""Decay exponents from binned attention: weighted least squares in log–log, and bounded maximum likelihood.

Functions over arrays. The last axis is always distance bins; the axes before it are whatever the caller stacks (heads,
layers, bootstrap resamples), and the result has their shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Within a bin a smooth law is summed on at most this many evenly spaced distances; at six bins an octave and γ = 1 the sum
# differs from the exact one by less than 1e-5 of itself.
_NODES_PER_BIN = 24
_GAMMA_GRID = np.linspace(-4.0, 8.0, 2401)
LEAST_BINS = 4
"""Fewer points than this are not fitted."""


@dataclass(frozen=True, slots=True)
class DistanceBins:
    """Bins of whole distances ≥ 1: bin b holds low[b] … high[b].

    log_distance: [bins] mean of ln d over the bin. log_width: [bins] ln((high+1)/low), its length in ln d. count: [bins].
    """

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    log_distance: Array
    log_width: Array
    count: Array

    @classmethod
    def between(cls, low: NDArray[np.int64], high: NDArray[np.int64]) -> DistanceBins:
        """Bins with the given first and last distances."""
        means = [float(np.log(np.arange(a, b + 1)).mean()) for a, b in zip(low, high, strict=True)]
        return cls(low, high, np.array(means), np.log((high + 1) / low), (high - low + 1).astype(np.float64))

    def nodes(self) -> tuple[Array, Array, NDArray[np.int64]]:
        """Distances at which to sum a law over the bins, how many whole distances each stands for, and its bin."""
        distance, share, owner = [], [], []
        for index, (low, high) in enumerate(zip(self.low, self.high, strict=True)):
            count = int(high - low + 1)
            n = min(count, _NODES_PER_BIN)
            distance.append(low - 0.5 + (np.arange(n) + 0.5) * count / n)
            share.append(np.full(n, count / n))
            owner.append(np.full(n, index))
        return np.concatenate(distance), np.concatenate(share), np.concatenate(owner)


@dataclass(frozen=True, slots=True)
class PowerFit:
    """A(d) ≈ exp(log_amplitude)·d^(−gamma); r2 is the weighted share of variance of ln A that the line explains."""

    gamma: Array
    log_amplitude: Array
    r2: Array


def fit_power_law(
    log_distance: Array, weights: Array, log_width: Array | None = None, *, least_bins: int = LEAST_BINS
) -> PowerFit:
    """Weighted least squares of ln(weights) on ln d; NaN where fewer than `least_bins` bins hold attention.

    weights: [..., bins] mean attention weight of one key in each bin. log_width: [bins] the weight of each bin; bins weigh
    by their length in ln d, so that the fit is the same line whatever the binning. None: all alike (ordinary least
    squares, as published). Weights from the data's own variance are avoided on purpose: they would let the least noisy
    distances of one model choose the exponent.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        log_weight = np.log(weights)
        finite = np.isfinite(log_weight)
        y = np.where(finite, log_weight, 0.0)
        share, mean_x, dx = _centred(log_distance, finite, log_width)
        mean_y = (share * y).sum(-1) / share.sum(-1)
        dy = y - mean_y[..., None]
        sxx, sxy, syy = (share * dx * dx).sum(-1), (share * dx * dy).sum(-1), (share * dy * dy).sum(-1)
        slope = sxy / sxx
        # A curve that does not vary at all is explained by any flat line: R² is then one, not 0/0.
        r2 = np.where(syy > 0, sxy * sxy / (sxx * np.where(syy > 0, syy, 1.0)), 1.0)
    enough = finite.sum(-1) >= least_bins
    return PowerFit(
        gamma=np.where(enough, -slope, np.nan),
        log_amplitude=np.where(enough, mean_y - slope * mean_x, np.nan),
        r2=np.where(enough, r2, np.nan),
    )


def power_law_coefficients(
    log_distance: Array, weights: Array, log_width: Array | None = None, *, least_bins: int = LEAST_BINS
) -> Array:
    """[..., bins] what `fit_power_law` makes of its weights: gamma = Σ coefficients·ln(weights), NaN where it is NaN.

    A bin without attention has the coefficient 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        finite = np.isfinite(np.log(weights))
        share, _, dx = _centred(log_distance, finite, log_width)
        coefficients = -share * dx / (share * dx * dx).sum(-1, keepdims=True)
    return np.where(finite.sum(-1, keepdims=True) >= least_bins, coefficients, np.nan)


def _centred(log_distance: Array, finite: NDArray[np.bool_], log_width: Array | None) -> tuple[Array, Array, Array]:
    """[..., bins] the weight of each bin in the fit, [...] mean ln d under these weights, and [..., bins] ln d less it."""
    share = np.where(finite, 1.0 if log_width is None else log_width, 0.0)
    mean = (share * log_distance).sum(-1) / share.sum(-1)
    return share, mean, log_distance - mean[..., None]


def maximum_likelihood_exponent(mass: Array, bins: DistanceBins) -> Array:
    """The γ of the power law on the bins' distances whose mean ln d is the observed one; NaN where there is no mass.

    mass: [..., bins] attention in each bin. This is the maximum-likelihood estimator of a power law with bounded support
    (mean ln d is its sufficient statistic), for any sign of γ; bins stand at their mean ln d in the data and in the law
    alike, so binning does not shift it.
    """
    if not len(bins.low):
        return np.full(mass.shape[:-1], np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return exponent_of_mean((mass * bins.log_distance).sum(-1) / mass.sum(-1), bins)


def exponent_of_mean(observed: Array, bins: DistanceBins) -> Array:
    """The γ [...] of the power law on the bins' distances whose mean ln d is `observed` [...]; NaN where none has it."""
    expected = _mean_on_grid(tuple(bins.low.tolist()), tuple(bins.high.tolist()))
    # `expected` falls strictly with γ; np.interp wants it rising.
    gamma = np.interp(observed, expected[::-1], _GAMMA_GRID[::-1])
    outside = ~np.isfinite(observed) | (observed > expected[0]) | (observed < expected[-1])
    return np.where(outside, np.nan, gamma)


@lru_cache(maxsize=16)
def _mean_on_grid(low: tuple[int, ...], high: tuple[int, ...]) -> Array:
    """The mean ln d of the power law with each γ of the grid on the bins `low` … `high`: millions of powers, and the same in
    every call for the bins of one profile."""
    bins = DistanceBins.between(np.array(low), np.array(high))
    distance, share, owner = bins.nodes()
    log_law = -_GAMMA_GRID[:, None] * np.log(distance) + np.log(share)
    law = np.exp(log_law - log_law.max(axis=1, keepdims=True))
    return np.asarray((law * bins.log_distance[owner]).sum(1) / law.sum(1))


def windows_tokens(mass: Array, edges: NDArray[np.int64], shares: tuple[float, ...]) -> Array:
    """[..., shares] the smallest number of most recent tokens, the query's own included, that hold each share.

    mass: [..., bins] over all distances from 0. Inside a bin, attention is taken as even.
    """
    total = mass.sum(-1, keepdims=True)
    cumulative = np.concatenate([np.zeros_like(total), mass.cumsum(-1)], axis=-1)
    found = []
    for share in shares:
        target = share * total
        slot = np.clip((cumulative < target).sum(-1, keepdims=True) - 1, 0, mass.shape[-1] - 1)
        before = np.take_along_axis(cumulative, slot, -1)
        inside = np.take_along_axis(mass, slot, -1)
        with np.errstate(invalid="ignore", divide="ignore"):
            part = np.where(inside > 0, (target - before) / inside, 0.0)
        low, high = edges[slot], edges[slot + 1]
        found.append(np.ceil(low + np.clip(part, 0.0, 1.0) * (high - low))[..., 0])
    return np.where(np.isnan(total), np.nan, np.stack(found, axis=-1))
