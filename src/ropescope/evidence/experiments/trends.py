"""Slopes over the points of a sweep, for a value and for all its resamples at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ropescope.measure.estimates import Estimate

Array = NDArray[np.float64]


def slope(x: Any, y: Any) -> Array:
    """[...] the least-squares slope of y [..., points] on x [points]."""
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    centred = x - x.mean()
    return np.asarray((y * centred).sum(axis=-1) / (centred @ centred))


def slope_estimate(x: Any, values: Sequence[float], resamples: Sequence[Array], n_prompts: int) -> Estimate:
    """The slope of paired measurements on x: `values` at each x, and the resamples of each under the same draws."""
    return Estimate.of(slope(x, values), slope(x, np.stack(resamples, axis=-1)), n_prompts)
