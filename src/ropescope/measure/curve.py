"""From a profile to the curve that an exponent is fitted to, and its exponent under any resampling of the prompts.

Measurements on the same prompts can be compared prompt by prompt: a `combination` of their exponents (a difference, a mean, a
slope) has the interval of a paired comparison. What is no such combination takes the exponent under every resampling.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ropescope.measure.bootstrap import resampled
from ropescope.measure.estimates import Estimate
from ropescope.measure.exponent import LEAST_BINS, DistanceBins, PowerFit, fit_power_law, power_law_coefficients
from ropescope.measure.intervals import Draws, log_contrast
from ropescope.measure.profile import DecayProfile
from ropescope.measure.protocol import LEGACY_FIT_FROM

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Decay:
    """Mean weight of one key at some distances, prompt by prompt.

    log_distance: [points] ln d. weight: [prompts, points]. log_width: [points] how much each point weighs in a fit (its
    length in ln d); None: all alike, as published.
    """

    log_distance: Array
    weight: Array
    log_width: Array | None = None

    def fit(self) -> PowerFit:
        """The power law through the mean over all prompts."""
        return fit_power_law(self.log_distance, self.weight.mean(axis=0), self.log_width)

    @property
    def coefficients(self) -> Array:
        """[points] the exponent is Σ coefficients·ln(mean weight)."""
        return power_law_coefficients(self.log_distance, self.weight.mean(axis=0), self.log_width)

    def gamma(self, draws: Draws) -> Estimate:
        """The exponent with its error over prompts; draws: of `intervals.normal_draws`."""
        return combination([self], [1.0], draws)

    def resampled_gamma(self, weights: Array) -> Array:
        """[resamples] the exponent under each of `weights` [resamples, prompts]; NaN with fewer than four points."""
        return resampled(
            self.weight, weights, lambda mean: fit_power_law(self.log_distance, mean, self.log_width).gamma
        )


def combination(
    decays: Sequence[Decay], factors: Sequence[float], draws: Draws, scale: Callable[[Array], Any] = lambda x: x
) -> Estimate:
    """Σ factors·γ of decays measured on the same prompts, on a monotone `scale`, with the error of the paired comparison."""
    weight = np.concatenate([decay.weight for decay in decays], axis=1)
    parts = [factor * decay.coefficients for decay, factor in zip(decays, factors, strict=True)]
    value = sum(factor * float(decay.fit().gamma) for decay, factor in zip(decays, factors, strict=True))
    return Estimate.of_contrast(
        log_contrast(weight, np.concatenate(parts), draws), scale, value=float(scale(np.asarray(value)))
    )


@dataclass(frozen=True, slots=True)
class FittedCurve:
    """The decay at one fixed length, averaged over the heads of the layers that reach farthest.

    ranges: for each layer, the indices of the bins that are fitted. reach: the largest distance among them, 0 for none.
    group: the layers that reach farthest. selected: their fitted bins. all_mass: [prompts, bins] attention in every bin.
    """

    ranges: tuple[NDArray[np.int64], ...]
    reach: tuple[int, ...]
    group: tuple[int, ...]
    selected: NDArray[np.int64]
    bins: DistanceBins
    all_mass: Array

    @property
    def mass(self) -> Array:
        """[prompts, selected] attention in the fitted bins."""
        return self.all_mass[:, self.selected]

    @property
    def decay(self) -> Decay:
        """The curve as weights of one key."""
        return Decay(self.bins.log_distance, self.mass / self.bins.count, self.bins.log_width)


def fitted_curve(profile: DecayProfile, d_min: int, d_max: int | None = None) -> FittedCurve:
    """The curve of `profile` from `d_min` to as far as every row reaches, or to `d_max` at most."""
    edges = profile.protocol.edges
    ranges = tuple(fitted_bins(profile, layer, d_min, d_max) for layer in range(len(profile.layers)))
    reach = tuple(int(edges[bins[-1] + 1] - 1) if len(bins) else 0 for bins in ranges)
    group = tuple(layer for layer, far in enumerate(reach) if far == max(reach) and far > 0)
    selected = ranges[group[0]] if group else np.array([], dtype=np.int64)
    mass = profile.mass[:, list(group)].astype(np.float64)
    heads_mean = np.nanmean(mass, axis=(1, 2)) if group else np.full((profile.n_prompts, len(edges) - 1), np.nan)
    bins = DistanceBins.between(edges[selected], edges[selected + 1] - 1)
    return FittedCurve(ranges, reach, group, selected, bins, heads_mean)


def fitted_bins(profile: DecayProfile, layer: int, d_min: int, d_max: int | None = None) -> NDArray[np.int64]:
    """Indices of the bins of a layer that are fitted: from d_min on, as far as every row of every prompt reaches them.

    A bin that only some rows reach would mix rows of different context lengths, the flaw of the published protocol.
    """
    edges = profile.protocol.edges
    low, high = edges[:-1], edges[1:] - 1
    full = (profile.cells[:, layer] == profile.protocol.rows * (high - low + 1)).all(axis=0)
    farthest = profile.protocol.max_distance if d_max is None else min(d_max, profile.protocol.max_distance)
    first = int(np.searchsorted(low, d_min))
    within = full & (high <= farthest)
    last = first
    while last < len(low) and within[last]:
        last += 1
    return np.arange(first, last) if last - first >= LEAST_BINS else np.array([], dtype=np.int64)


def published_decay(profile: DecayProfile) -> Decay | None:
    """The single cells that the published protocol reads, over all heads and layers, d ≥ 30; None below four of them."""
    distances = np.array(profile.legacy_distances)
    fitted = distances >= LEGACY_FIT_FROM
    if fitted.sum() < LEAST_BINS:
        return None
    cells = np.nanmean(profile.legacy.astype(np.float64), axis=(1, 2))
    return Decay(np.log(distances[fitted]), cells[:, fitted])
