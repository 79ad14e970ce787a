"""Nulls: the exponent that a measurement protocol returns when attention is uniform and does not decay at all.

A protocol that gives every distance d its own sequence of d + c tokens reads the softmax normalisation 1/(d + c) as a
decay, with R² near 0.99. A measured exponent means something only beside the null of its own design.
"""

from __future__ import annotations

from math import log
from typing import NamedTuple

from ropescope.errors import DomainError
from ropescope.questions.domains import Real, Reals, Whole
from ropescope.theory.constants import TOKENS_LIMIT
from ropescope.theory.formula import Argument, formula
from ropescope.theory.zeta_sums import LAST_DIRECT, power_sum_between

_DISTANCES = Argument(
    "distances",
    "distances of the fit",
    Reals(at_least=1.0, at_most=float(TOKENS_LIMIT), min_length=2, increasing=True),
    "tokens",
)
_PUBLISHED = (30, 50, 100, 200, 500, 1000, 2000)


class NullExponent(NamedTuple):
    """Exponent and R² of a log–log least-squares line through the profile of uniform attention."""

    gamma: float
    r_squared: float


@formula(
    symbol="γ_null: A(d) = 1/(d + c)",
    source="recomputed from the published data: its protocol, sequences of d + 50 tokens",
    definition="Log–log slope, with its sign turned, of 1/(d + c) at the distances of the fit.",
    arguments=(
        _DISTANCES,
        Argument(
            "offset", "tokens beside the distance in each sequence, c", Real(at_least=0.0, at_most=1e12), "tokens"
        ),
    ),
    standing="exact",
    worth="What the published protocol returns for attention that does not decay: 0.783 with R² 0.988.",
    example={"distances": _PUBLISHED, "offset": 50},
)
def uniform_null_exponent(distances: tuple[float, ...], offset: float) -> NullExponent:
    """The null exponent and its R²; 1 and 1 at c = 0. Raises `DomainError` for fewer than two distances or c < 0."""
    return _fit([log(d) for d in distances], [-log(d + offset) for d in distances])


@formula(
    symbol="γ_null = 0: A(d) = const",
    source="the design recommended here: one length, queries at its end",
    definition="Exponent of uniform attention when all distances share one length and one set of queries: exactly 0.",
    arguments=(
        _DISTANCES,
        Argument("length", "tokens of every sequence", Whole(2, TOKENS_LIMIT), "tokens"),
        Argument("n_queries", "queries, the last positions of the sequence", Whole(1, TOKENS_LIMIT)),
    ),
    standing="exact",
    worth="Zero by design, which is the reason for the design: what is measured there is decay.",
    example={"distances": _PUBLISHED, "length": 2048, "n_queries": 1},
)
def fixed_length_null(distances: tuple[float, ...], length: int, n_queries: int = 1) -> NullExponent:
    """(0, 0): a constant profile has slope 0 and no variance for a line to explain.

    Raises `DomainError` when a distance does not fit before the first query, since the profile is then cut.
    """
    if distances[-1] > length - n_queries:
        raise DomainError(
            f"distances reach {distances[-1]:g}: with length = {length} and n_queries = {n_queries} they must be at "
            f"most {length - n_queries}, so that every query sees every distance."
        )
    return NullExponent(0.0, 0.0)


@formula(
    symbol="γ_null: A(d) = (H_n − H_d)/(n − d)",
    source="recomputed for the recipe that averages all causal pairs of one length",
    definition="Exponent of uniform attention at one length when every row that reaches back d tokens is averaged.",
    arguments=(_DISTANCES, Argument("length", "tokens of every sequence, n", Whole(3, TOKENS_LIMIT), "tokens")),
    standing="exact",
    worth="Averaging short and long rows brings back 0.2 to 0.4 of spurious exponent even at a fixed length.",
    example={"distances": (10, 20, 50, 100, 200, 500, 1000), "length": 2048},
)
def random_row_null(distances: tuple[float, ...], length: int) -> NullExponent:
    """The null exponent and its R² when rows are drawn at random. Raises `DomainError` for d not whole or d ≥ n."""
    if distances[-1] >= length or any(d != int(d) for d in distances):
        raise DomainError(f"distances = {distances!r} are outside the domain: they must be whole and below {length}.")
    return _fit(
        [log(d) for d in distances],
        [log(_harmonic_between(int(d) + 1, length) / (length - d)) for d in distances],
    )


def _harmonic_between(first: int, last: int) -> float:
    """H_last − H_{first−1}, relative to itself."""
    if first >= LAST_DIRECT:
        return power_sum_between(1.0, first, last)
    stop = min(LAST_DIRECT, last)
    head = sum(1.0 / d for d in range(stop, first - 1, -1))
    return head + (power_sum_between(1.0, stop + 1, last) if last > stop else 0.0)


def _fit(x: list[float], y: list[float]) -> NullExponent:
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    dx, dy = [a - mean_x for a in x], [b - mean_y for b in y]
    xx = sum(a * a for a in dx)
    xy = sum(a * b for a, b in zip(dx, dy, strict=True))
    yy = sum(b * b for b in dy)
    return NullExponent(-xy / xx, xy * xy / (xx * yy))
