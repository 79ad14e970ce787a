"""Geometry: what follows from the rotary angles alone — frequencies, wavelengths, and how many pairs still turn."""

from __future__ import annotations

from math import log, log1p, pi, sqrt
from typing import NamedTuple

from ropescope.questions.domains import Real, Whole
from ropescope.questions.kind import outside
from ropescope.theory.arguments import HEAD_DIM, POSITIVE_LENGTH, THETA_ABOVE_ONE
from ropescope.theory.constants import SQRT2
from ropescope.theory.formula import Argument, formula

_SOURCE = "RoPE (Su et al. 2021); Part I, geometry"


@formula(
    symbol="λ_i = 2π θ^{2i/d_h}",
    source=_SOURCE,
    definition="Distance over which rotary pair i makes one full turn.",
    arguments=(
        THETA_ABOVE_ONE,
        HEAD_DIM,
        Argument("pair", "index of the pair, 0 … d_h/2 − 1", Whole(0, 32_767)),
    ),
    standing="exact",
    worth="What the rotation does; what a head does with it is learned.",
    example={"theta": 1e4, "head_dim": 128, "pair": 0},
    unit="tokens",
)
def wavelength(theta: float, head_dim: int, pair: int) -> float:
    """λ_i in tokens, from 2π up. Raises `DomainError` for θ < 1.5 or a pair that the head has not. Source: RoPE."""
    if pair >= head_dim // 2:
        raise outside("pair", pair, f"whole, in [0, {head_dim // 2 - 1}] for head_dim = {head_dim}")
    return float(2.0 * pi * theta ** (2 * pair / head_dim))


@formula(
    symbol="λ_max = 2π θ^{1 − 2/d_h}",
    source="RoPE (Su et al. 2021); the published tool writes 2πθ, without the 2/d_h",
    definition="Wavelength of the slowest rotary pair, i = d_h/2 − 1.",
    arguments=(THETA_ABOVE_ONE, HEAD_DIM),
    standing="exact",
    worth="Exact; the usual 2πθ is the limit of a large head, 15 % too long for d_h = 128 at θ = 10⁴.",
    example={"theta": 1e4, "head_dim": 128},
    unit="tokens",
)
def longest_wavelength(theta: float, head_dim: int) -> float:
    """λ_max in tokens. Raises `DomainError` for θ < 1.5 or an odd head. Source: RoPE."""
    return float(2.0 * pi * theta ** ((head_dim - 2) / head_dim))


@formula(
    symbol="T_cross = 2π√θ",
    source="Part I (RoPE scales)",
    definition="Distance at which half of the pairs have made a full turn.",
    arguments=(THETA_ABOVE_ONE,),
    standing="exact",
    worth="Exact about angles; the one retrieval test of it found no match at any distance.",
    example={"theta": 1e4},
    unit="tokens",
)
def crossing_length(theta: float) -> float:
    """2π√θ in tokens. Raises `DomainError` for θ < 1.5. Source: Part I."""
    return 2.0 * pi * sqrt(theta)


@formula(
    symbol="n_active(d) = (d_h/2)(1 − log_θ(d/2π))",
    source="Part I (active pairs)",
    definition="Number of pairs, as a real number, that have not made a full turn at distance d; clamped to 0 … d_h/2.",
    arguments=(
        THETA_ABOVE_ONE,
        HEAD_DIM,
        Argument("distance", "query–key distance d", Real(above=0.0, at_most=1e21), "tokens"),
    ),
    standing="exact",
    worth="Exact about angles; without the clamp it exceeds the number of pairs for d < 2π.",
    example={"theta": 1e4, "head_dim": 128, "distance": 100},
    unit="pairs",
)
def active_pairs(theta: float, head_dim: int, distance: float) -> float:
    """Pairs not yet turned once, 0 … d_h/2; zero from d = 2πθ on.

    Near that end the value crosses zero, so its accuracy is 1e-12 of d_h/2. Raises `DomainError` for θ < 1.5, d ≤ 0 or
    an odd head. Source: Part I.
    """
    turns_left = log(2.0 * pi * theta / distance) / log(theta)
    return 0.5 * head_dim * min(max(turns_left, 0.0), 1.0)


class RopeScales(NamedTuple):
    """The length scales of one rotary embedding at one context length; lengths in tokens, pairs as counts."""

    shortest_wavelength: float
    crossing_length: float
    alias_distance: float
    longest_wavelength: float
    wavelength_limit: float
    active_pairs: float
    dead_pairs: int
    aliased_fraction: float


@formula(
    symbol="λ_0, T_cross, d_alias, λ_max, …",
    source="Part III (RoPE scales); Part I, geometry",
    definition="Every length scale of a rotary embedding, with the pairs active and dead (past half a turn) at T.",
    arguments=(THETA_ABOVE_ONE, HEAD_DIM, POSITIVE_LENGTH),
    standing="exact",
    worth="A summary of the angles; both conventions for a spent pair, a full turn and half a turn, are shown.",
    example={"theta": 1e4, "head_dim": 64, "length": 2048},
)
def rope_scales(theta: float, head_dim: int, length: float) -> RopeScales:
    """All scales at once. `wavelength_limit` is 2πθ; `dead_pairs` counts ω_i·T > π; `aliased_fraction` = log_θ(T/2π).

    Raises `DomainError` for θ < 1.5, T ≤ 0 or an odd head. Source: Parts I and III.
    """
    return RopeScales(
        shortest_wavelength=2.0 * pi,
        crossing_length=crossing_length(theta),
        alias_distance=theta / SQRT2,
        longest_wavelength=longest_wavelength(theta, head_dim),
        wavelength_limit=2.0 * pi * theta,
        active_pairs=active_pairs(theta, head_dim, length),
        dead_pairs=sum(theta ** (-2 * i / head_dim) * length > pi for i in range(head_dim // 2)),
        aliased_fraction=aliased_fraction(theta, length),
    )


def aliased_fraction(theta: float, length: float) -> float:
    """log_θ(T/2π), the fraction of pairs past a full turn at T, negative below 2π tokens; accurate near T = 2π."""
    ratio = length / (2.0 * pi)
    return (log1p(ratio - 1.0) if 0.5 < ratio < 2.0 else log(ratio)) / log(theta)
