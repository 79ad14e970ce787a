"""Heads: the exponent of every head under resamples of the prompts, and how it goes with another property of the heads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ropescope.measure.curve import fitted_curve
from ropescope.measure.exponent import DistanceBins, fit_power_law
from ropescope.measure.profile import DecayProfile

Array = NDArray[np.float64]


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
