"""Base bound: the smallest RoPE base whose mean kernel stays non-negative up to a length (Men et al. 2024)."""

from __future__ import annotations

from cmath import exp as complex_exp
from math import cos, e, exp, log, sqrt
from operator import mul

from ropescope.questions.domains import Whole
from ropescope.theory.formula import Argument, formula

_REMEMBERED = 12
_LENGTH = Argument("length", "context length L", Whole(2, 16_384), "tokens")


@formula(
    symbol="θ_min(L): Σ_i cos(m θ^{−2i/d_h}) ≥ 0 for all m ≤ L",
    source="Men et al. 2024, arXiv:2405.14591",
    definition="Smallest base whose mean kernel is non-negative at every distance up to L.",
    arguments=(_LENGTH, Argument("head_dim", "rotary dimensions of a head", Whole(4, 512, even=True))),
    standing="heuristic",
    worth="A necessary condition that practice respects; grows faster than L, unlike θ_design, which is linear.",
    example={"length": 1024, "head_dim": 128},
)
def base_lower_bound(length: int, head_dim: int = 128) -> float:
    """The base, to 1e-6 relative, found by climbing from base 2.

    The good bases do not form one interval, so halving between a bad and a good one would miss the smallest. The climb
    goes in steps of ln θ within which no pair turns by more than about a third of a radian at L; an island of good
    bases narrower than such a step may be missed. Every distance is looked at: a tenth of a second at 1,024 tokens,
    some fifteen seconds at 16,384. Raises `DomainError` outside 2 ≤ L ≤ 16,384 and 4 ≤ d_h ≤ 512.
    Source: Men et al. 2024.
    """
    bad, base = 2.0, 2.0
    culprits: list[int] = []
    while culprit := _broken_at(base, head_dim, length, culprits):
        # The latest culprit first: neighbouring bases mostly break at the same distance.
        culprits.remove(culprit)
        culprits.insert(0, culprit)
        # d(phase)/d(ln θ) = m·x·θ^{−x} with x = 2i/d_h, at most m / (e ln θ).
        bad, base = base, base * (1.0 + min(0.01, 0.3 * e * log(base) / length))
    good = base
    while good / bad > 1.0 + 1e-6:
        middle = sqrt(bad * good)
        if _broken_at(middle, head_dim, length, culprits):
            bad = middle
        else:
            good = middle
    return good


def _broken_at(base: float, head_dim: int, length: int, culprits: list[int]) -> int:
    """A distance with a negative kernel, or 0. Distances that broke earlier bases are tried first: one sum each."""
    step = -2.0 * log(base) / head_dim
    frequencies = [exp(i * step) for i in range(head_dim // 2)]
    for culprit in culprits[:_REMEMBERED]:
        if sum([cos(culprit * w) for w in frequencies]) < 0.0:
            return culprit
    found = _most_negative(frequencies, length)
    if found and found not in culprits:
        culprits.append(found)
    return found


def _most_negative(frequencies: list[float], length: int) -> int:
    """The distance ≤ length with the lowest kernel if that is negative, else 0.

    The lowest, not the first: it goes on breaking the bases above this one longest. The pairs are turned one token at a
    time, from exact phases every 1,024 tokens so that rounding does not build up.
    """
    turns = [complex_exp(1j * w) for w in frequencies]
    lowest, where = 0.0, 0
    for block in range(0, length, 1024):
        state = [complex_exp(1j * block * w) for w in frequencies]
        for distance in range(block + 1, min(block + 1024, length) + 1):
            state = list(map(mul, state, turns))
            kernel = sum(state).real
            if kernel < lowest:
                lowest, where = kernel, distance
    return where


@formula(
    symbol="θ_min ≈ 0.0424 L^{1.628}",
    source="Men et al. 2024, arXiv:2405.14591, their fit",
    definition="Fitted form of the smallest base whose mean kernel is non-negative up to L.",
    arguments=(Argument("length", "context length L", Whole(1, 10**12), "tokens"),),
    standing="heuristic",
    worth="A fit over their range of lengths; the search itself is `base_lower_bound`.",
    example={"length": 32768},
)
def base_lower_bound_fit(length: int) -> float:
    """The fitted base. Raises `DomainError` outside 1 ≤ L ≤ 1e12. Source: Men et al. 2024."""
    return float(0.0424 * length**1.628)
