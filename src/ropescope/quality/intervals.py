"""Intervals of a share and of a paired difference. Pure Python."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, sqrt
from statistics import NormalDist, fmean, quantiles, stdev
from typing import Final

from ropescope.errors import DomainError

NORMAL_95: Final = NormalDist().inv_cdf(0.975)
POWER_80: Final = NormalDist().inv_cdf(0.8)
"""With it in a sample size, four studies of five find the gap."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean or a share with its 95 % interval; the bounds are None where there are too few observations for one."""

    value: float
    low: float | None
    high: float | None
    n: int


def wilson(right: float, n: int) -> Interval:
    """The share `right` / n with Wilson's score interval, which stays within [0, 1] and is right for few trials.

    Raises DomainError for no trials or a count outside 0 … n. (Wilson 1927, J. Am. Stat. Assoc. 22.)
    """
    if n < 1 or not 0 <= right <= n:
        raise DomainError(f"{right!r} of {n!r} is no share: give a count from 0 to n, and n of at least 1.")
    share, z2 = right / n, NORMAL_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = NORMAL_95 * sqrt(share * (1 - share) / n + z2 / (4 * n**2)) / (1 + z2 / n)
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half), n)


def newcombe(first: float, first_n: int, second: float, second_n: int) -> tuple[float, float]:
    """95 % bounds of `second` − `first`, two shares of separate observations. (Newcombe 1998, Stat. Med. 17, method 10.)"""
    low, high = second - first, second - first
    ours, theirs = wilson(first * first_n, first_n), wilson(second * second_n, second_n)
    assert ours.low is not None and ours.high is not None and theirs.low is not None and theirs.high is not None
    low -= hypot(second - theirs.low, ours.high - first)
    high += hypot(theirs.high - second, first - ours.low)
    return low, high


def paired(differences: Sequence[float]) -> Interval:
    """The mean of paired differences with Student's t interval: what one text gains or loses is compared with itself.

    One observation has no bounds. Raises DomainError for none.
    """
    n = len(differences)
    if n == 0:
        raise DomainError("No differences were given: an interval needs at least one pair.")
    mean = fmean(differences)
    if n == 1:
        return Interval(mean, None, None, 1)
    half = t_95(n - 1) * stdev(differences) / sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


MOST_BLOCKS: Final = 400
FEWEST_BLOCKS: Final = 5


def ratio_of_sums(over: Sequence[float], under: Sequence[float], *, resamples: int = 1000, seed: int = 0) -> Interval:
    """sum(over) / sum(under) of paired parts, with the percentile bootstrap over the parts (95 %).

    Of more than 400 parts, neighbours are drawn together. Fewer than 5 have no bounds. Raises DomainError for lists of
    different length, none, or a sum of `under` that is not above 0.
    """
    n = len(over)
    if n == 0 or n != len(under) or sum(under) <= 0:
        raise DomainError(f"A ratio needs pairs and a sum above 0; {n} and {len(under)} values were given.")
    value = sum(over) / sum(under)
    size = -(-n // MOST_BLOCKS)
    blocks = [(sum(over[at : at + size]), sum(under[at : at + size])) for at in range(0, n, size)]
    if len(blocks) < FEWEST_BLOCKS:
        return Interval(value, None, None, n)
    drawn = random.Random(seed)
    found = []
    for _ in range(resamples):
        picked = drawn.choices(blocks, k=len(blocks))
        if (below := sum(pair[1] for pair in picked)) > 0:
            found.append(sum(pair[0] for pair in picked) / below)
    low, *_, high = quantiles(found, n=40, method="inclusive")
    return Interval(value, low, high, n)


_T_95 = (12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139)


def t_95(freedom: int) -> float:
    """The 97.5 % point of Student's t, to 10⁻⁵ or better.

    Up to ten degrees of freedom it is tabled; beyond, the expansion of Abramowitz and Stegun 26.7.5 is used. Raises
    DomainError below one.
    """
    if freedom < 1:
        raise DomainError(f"{freedom!r} degrees of freedom: Student's t needs at least 1.")
    if freedom <= len(_T_95):
        return _T_95[freedom - 1]
    x, v = NORMAL_95, float(freedom)
    terms = (
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return x + sum(term / v ** (power + 1) for power, term in enumerate(terms))
