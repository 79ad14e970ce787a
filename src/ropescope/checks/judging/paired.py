"""Paired statistics of two runs on the same documents: exact where scores are right or wrong, else by resampling documents.

A document is what is independent. Its parts (several rows, several instructions) are summed, so that a score is the mean over
parts, as lm-eval has it, and a test exchanges or draws whole documents. Pure Python, seeded.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from operator import getitem
from statistics import NormalDist
from typing import Final, NamedTuple

from ropescope.quality.intervals import NORMAL_95, POWER_80, t_95

SEED: Final = 20261129
FLIPS: Final = 10_000
RESAMPLES: Final = 2_000
MOST_DRAWS: Final = 5_000_000
"""Documents × resamples: beyond, fewer resamples are drawn, which a mean of so many documents does not notice."""
ENUMERATED: Final = 16
"""Up to so many documents that differ, every exchange is counted."""
_CHUNK: Final = 8
_FEWEST: Final = 6
"""Documents that must differ before the exact test can find a gap at 5 %: 2 · 0.5⁶ = 0.03."""
LEVEL: Final = 0.05


class Document(NamedTuple):
    """One document in both runs: the sum of its scores in each, and over how many parts."""

    first: float
    second: float
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Paired:
    """How the second run differs from the first. Scores are means over all parts; the interval is of 95 %.

    wins, losses: documents that score higher, lower in the second. detectable: the smallest gap that would be beyond chance with
    as many documents that differ; None where none would. needed: documents at which a gap as seen is found four times in five.
    shares: whether every score lies in 0 … 1.
    """

    n: int
    first: float
    second: float
    wins: int
    losses: int
    p: float
    low: float | None
    high: float | None
    detectable: float | None
    needed: int | None
    test: str
    shares: bool

    @property
    def difference(self) -> float:
        """second − first."""
        return self.second - self.first


def compare(documents: Sequence[Document]) -> Paired:
    """The paired comparison of `documents`, of which there is one at least."""
    n, parts = len(documents), sum(one.parts for one in documents)
    first, second = (sum(one[at] for one in documents) / parts for at in (0, 1))
    changes = [one.second - one.first for one in documents]
    wins, losses = sum(change > 0 for change in changes), sum(change < 0 for change in changes)
    if all(one.parts == 1 and {one.first, one.second} <= {0.0, 1.0} for one in documents):
        low, high = tango(n, wins, losses)
        return Paired(
            n, first, second, wins, losses, mcnemar(wins, losses), low, high,
            smallest_gap(n, wins + losses), needed_documents(n, wins, losses), "exact McNemar", True,
        )  # fmt: skip
    gap, spread = sum(changes), sqrt(sum(change * change for change in changes))
    low_, high_ = bootstrap(documents) if n > 1 else (None, None)
    residual = sum((change - gap * one.parts / parts) ** 2 for change, one in zip(changes, documents, strict=True))
    needed = ceil(n * (NORMAL_95 + POWER_80) ** 2 * residual / gap**2) if gap else None
    return Paired(
        n, first, second, wins, losses, flips(changes), low_, high_,
        NORMAL_95 * spread / parts if spread else None, needed, "exchange of documents, paired bootstrap",
        all(0 <= one.first <= one.parts and 0 <= one.second <= one.parts for one in documents),
    )  # fmt: skip


def mcnemar(wins: int, losses: int) -> float:
    """Two-sided exact p: how often a fair coin splits the documents that differ at least as unevenly. (McNemar 1947.)"""
    n = wins + losses
    *_, tail = _tails(n, min(wins, losses))
    return min(1.0, 2 * tail / (1 << n))


def _tails(n: int, most: int) -> Iterator[int]:
    """Of the 2ⁿ ways that n coins fall, those with at most 0, 1, … `most` heads."""
    ways = total = 1
    yield total
    for heads in range(most):
        ways = ways * (n - heads) // (heads + 1)
        total += ways
        yield total


def tango(n: int, wins: int, losses: int) -> tuple[float, float]:
    """95 % score interval of (wins − losses) / n. (Tango 1998, Stat. Med. 17.)"""

    def z(gap: float) -> float:
        """The distance of what was seen from a true `gap`, in standard errors under it."""
        b = -wins - losses + (2 * n - wins + losses) * gap
        c = -losses * gap * (1 - gap)
        lost = (sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
        error = sqrt(max(0.0, n * (2 * lost + gap * (1 - gap))))
        off = wins - losses - n * gap
        return off / error if error else (0.0 if abs(off) < 1e-9 else off * float("inf"))

    def solved(target: float) -> float:
        low, high = -1.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            if z(middle) > target:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    return solved(NORMAL_95), solved(-NORMAL_95)


def smallest_gap(n: int, differing: int) -> float | None:
    """The smallest gap in n documents, of which `differing` differ, that the exact test finds at 5 %."""
    found = None
    for losses, tail in enumerate(_tails(differing, differing // 2)):
        if 2 * tail / (1 << differing) >= LEVEL:
            break
        found = (differing - 2 * losses) / n
    return found


def needed_documents(n: int, wins: int, losses: int) -> int | None:
    """Documents at which gap and disagreement as seen are found at 5 % four times in five. (Connor 1987, Biometrics 43.)"""
    if wins == losses:
        return None
    differing, gap = (wins + losses) / n, (wins - losses) / n
    found = ceil(((NORMAL_95 * sqrt(differing) + POWER_80 * sqrt(differing - gap * gap)) / gap) ** 2)
    return max(found, ceil(_FEWEST / differing))


def flips(changes: Sequence[float]) -> float:
    """Two-sided p that the sum of `changes` is as far from 0 when the two runs are exchanged document by document at random."""
    moved = [change for change in changes if change]
    seen = abs(sum(moved)) * (1 - 1e-12)
    if len(moved) <= ENUMERATED:
        sums = _signed(moved)
        return sum(abs(one) >= seen for one in sums) / len(sums)
    chunks = [_signed(moved[at : at + _CHUNK]) for at in range(0, len(moved), _CHUNK)]
    rng = random.Random(SEED)
    chunks[-1] *= 2 ** (_CHUNK - len(chunks[-1]).bit_length() + 1)  # a byte picks from each, evenly
    hits = 0
    for _ in range(FLIPS - 1):
        hits += abs(sum(map(getitem, chunks, rng.randbytes(len(chunks))))) >= seen
    return (hits + 1) / FLIPS


def _signed(values: Sequence[float]) -> list[float]:
    """The sum of `values` under every choice of signs."""
    sums = [0.0]
    for value in values:
        sums = [one + value for one in sums] + [one - value for one in sums]
    return sums


def bootstrap(documents: Sequence[Document]) -> tuple[float, float]:
    """95 % percentile interval of the gap when documents are drawn with replacement, widened for few documents.

    The percentiles lie further out, so that the mean of a normal sample is covered as Student's t covers it. (Hesterberg 2015,
    Am. Stat. 69(4), §5.3.)
    """
    n = len(documents)
    changes, parts = [one.second - one.first for one in documents], [one.parts for one in documents]
    alike = len(set(parts)) == 1
    rng = random.Random(SEED)
    drawn = []
    for _ in range(max(400, min(RESAMPLES, MOST_DRAWS // n))):
        if alike:
            drawn.append(sum(rng.choices(changes, k=n)) / (n * parts[0]))
        else:
            picked = rng.choices(range(n), k=n)
            drawn.append(sum(map(changes.__getitem__, picked)) / sum(map(parts.__getitem__, picked)))
    drawn.sort()
    tail = NormalDist().cdf(-sqrt(n / (n - 1)) * t_95(n - 1))
    at = tail * (len(drawn) - 1)
    return _quantile(drawn, at), _quantile(drawn, len(drawn) - 1 - at)


def _quantile(ordered: Sequence[float], at: float) -> float:
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])
