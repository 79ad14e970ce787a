"""Cluster bootstrap over prompts, vectorised: prompts are what is independent, so prompts are what is resampled."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

Array = NDArray[np.float64]


def resample_weights(n_prompts: int, resamples: int, seed: int) -> Array:
    """[resamples, prompts] the weight of each prompt in each resample (drawn with replacement); rows sum to one."""
    rng = np.random.default_rng([seed, n_prompts])
    return rng.multinomial(n_prompts, np.full(n_prompts, 1 / n_prompts), size=resamples) / n_prompts


def bootstrap_se(statistics: Array, n_prompts: int) -> Array:
    """Standard error [...] from resampled `statistics` [resamples, ...], corrected for the few prompts there are.

    Resampling n prompts spreads as 1/n where the sample variance has 1/(n−1). NaN for fewer than two prompts.
    """
    if n_prompts < 2:
        return np.full(statistics.shape[1:], np.nan)
    with np.errstate(invalid="ignore"):
        return np.asarray(statistics.std(axis=0, ddof=1) * np.sqrt(n_prompts / (n_prompts - 1)))


def bootstrap_interval(statistics: Array, n_prompts: int, level: float = 0.95) -> Array:
    """[2, ...] expanded percentile interval from resampled `statistics` [resamples, ...].

    Percentile intervals are too short for few prompts; the percentiles are taken further out so that the mean of a normal
    sample is covered as Student's t covers it (Hesterberg 2015, The American Statistician 69(4), §5.3). NaN for fewer
    than two prompts.
    """
    if n_prompts < 2:
        return np.full((2, *statistics.shape[1:]), np.nan)
    tail = ndtr(np.sqrt(n_prompts / (n_prompts - 1)) * stdtrit(n_prompts - 1, (1 - level) / 2))
    return np.asarray(np.quantile(statistics, [tail, 1 - tail], axis=0))


def resampled(mass: Array, weights: Array, statistic: Callable[[Array], Array]) -> Array:
    """[resamples, ...] of `statistic` over the mean of `mass` [prompts, ...] in each resample."""
    flat = mass.reshape(mass.shape[0], -1)
    return statistic((weights @ flat).reshape(weights.shape[0], *mass.shape[1:]))
