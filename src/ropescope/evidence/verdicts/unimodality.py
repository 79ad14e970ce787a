"""Unimodality: Hartigan's dip, which is the distance of a sample from the nearest distribution with one mode."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ropescope.errors import EvidenceError
from ropescope.evidence.verdicts.statistics import RESAMPLES, SEED

Array = NDArray[np.float64]

LEAST_VALUES = 4
"""Of three values or fewer every sample is as near to one mode as it can be."""


def dip(values: ArrayLike) -> float:
    """Largest difference between the empirical distribution and the nearest unimodal one, 1/(2n) … 1/4.

    The modal interval is narrowed until the convex hull from below to its left and from above to its right are nowhere
    farther apart inside it than the distribution is from them outside. Raises EvidenceError for fewer than four values.
    (Hartigan and Hartigan 1985, Ann. Stat. 13(1); Hartigan 1985, Appl. Stat. 34(3).)
    """
    sample = np.asarray(values, dtype=np.float64)
    n = len(sample)
    if n < LEAST_VALUES:
        raise EvidenceError(f"{n} values are too few to tell one mode from two: at least {LEAST_VALUES} are needed.")
    x, counts = np.unique(sample, return_counts=True)
    above = np.cumsum(counts) / n
    below = above - counts / n
    first, last, distance = 0, len(x) - 1, 1 / n
    while True:
        here = slice(first, last + 1)
        convex = first + _minorant(x[here], below[here])
        concave = first + _minorant(x[here], -above[here])
        under = np.interp(x[here], x[convex], below[convex])
        over = np.interp(x[here], x[concave], above[concave])
        apart = over - under
        at_convex, at_concave = apart[convex - first], apart[concave - first]
        if max(at_convex.max(), at_concave.max()) <= distance:
            return float(distance / 2)
        if at_convex.max() >= at_concave.max():
            left = convex[at_convex.argmax()]
            right = concave[concave >= left][0]
        else:
            right = concave[at_concave.argmax()]
            left = convex[convex <= right][-1]
        # The ends of the new interval are left out: a distribution may jump at its mode.
        misses = (
            (above[first:left] - under[: left - first]).max(initial=0.0),
            (over[right - first + 1 :] - below[right + 1 : last + 1]).max(initial=0.0),
        )
        distance = max(distance, *misses)
        if (left, right) == (first, last):
            return float(distance / 2)
        first, last = int(left), int(right)


def dip_p(values: ArrayLike) -> float:
    """Share of uniform samples of the same size whose dip is at least that of `values`.

    Uniform is the unimodal distribution that is hardest to tell from two modes. Raises EvidenceError as `dip` does.
    """
    sample = np.asarray(values, dtype=np.float64)
    observed = dip(sample)
    return float((1 + (uniform_dips(len(sample)) >= observed).sum()) / (1 + RESAMPLES))


@cache
def uniform_dips(n: int) -> Array:
    """Dips of samples of `n` uniform values, the same at each call."""
    rng = np.random.default_rng(SEED)
    return np.array([dip(sample) for sample in rng.random((RESAMPLES, n))])


def _minorant(x: Array, y: Array) -> NDArray[np.int64]:
    """The corners of the greatest convex function below the points, by number."""
    kept = [0]
    xs, ys = x.tolist(), y.tolist()  # Python's own numbers, one by one, are several times faster than numpy's
    for i in range(1, len(xs)):
        while len(kept) > 1:
            a, b = kept[-2], kept[-1]
            if (ys[b] - ys[a]) * (xs[i] - xs[a]) < (ys[i] - ys[a]) * (xs[b] - xs[a]):
                break
            kept.pop()
        kept.append(i)
    return np.array(kept)
