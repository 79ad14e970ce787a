"""Kernel: the mean positional score of RoPE when every pair carries the same aligned amplitude.

It falls as the logarithm of distance, not as a power; a power appears only once a softmax exponentiates it.
"""

from __future__ import annotations

from functools import lru_cache
from math import cos, log, pi

from ropescope.questions.domains import Real, Whole
from ropescope.theory.arguments import HEAD_DIM, THETA_ABOVE_ONE
from ropescope.theory.constants import EULER_GAMMA
from ropescope.theory.cosine_integral import cosine_integral_difference
from ropescope.theory.formula import Argument, formula

_BITS = 100
_DISTANCE = Argument("distance", "query–key distance Δ", Whole(0, 10**12), "tokens")


@formula(
    symbol="K(Δ) = (2/d_h) Σ_i cos(ω_i Δ)",
    source="RoPE (Su et al. 2021); Part I calls the same sum a Lerch sum",
    definition="Mean of cos(ω_i Δ) over the rotary pairs: the positional score of equal, aligned amplitudes.",
    arguments=(THETA_ABOVE_ONE, HEAD_DIM, _DISTANCE),
    standing="exact",
    worth="Exact for equal amplitudes; a trained head weighs the pairs as it likes, so it bounds nothing by itself.",
    example={"theta": 1e4, "head_dim": 64, "distance": 10},
)
def mean_kernel(theta: float, head_dim: int, distance: int) -> float:
    """The kernel, between −1 and 1, to 1e-15 absolute at every distance.

    It crosses zero, so absolute accuracy is what can be had; the phases are kept to 100 bits, since a double loses
    them beyond some 10⁴ tokens. Raises `DomainError` for θ < 1.5, an odd head, or a distance that is not whole.
    Source: RoPE; Part I.
    """
    mask, scale = (1 << _BITS) - 1, 2.0 * pi / (1 << _BITS)
    total = 0.0
    for turns in _turns_per_token(theta, head_dim):
        total += cos(((turns * distance) & mask) * scale)
    return 2.0 * total / head_dim


@lru_cache(maxsize=64)
def _turns_per_token(theta: float, head_dim: int) -> tuple[int, ...]:
    """ω_i / 2π of every pair in units of 2^−100 turns: whole numbers, so that products with a distance are exact."""
    from decimal import Decimal, localcontext

    with localcontext() as context:
        context.prec = 50
        two_pi = 2 * Decimal("3.14159265358979323846264338327950288419716939937510")
        step = (Decimal(theta).ln() * -2 / head_dim).exp()
        value, turns = (1 << _BITS) / two_pi, []
        for _ in range(head_dim // 2):
            turns.append(int(value.to_integral_value()))
            value *= step
        return tuple(turns)


@formula(
    symbol="K(Δ) = [Ci(Δ) − Ci(Δ/θ)] / ln θ",
    source="the limit d_h → ∞ of the mean kernel",
    definition="Mean kernel of infinitely many pairs, from the cosine integral.",
    arguments=(
        THETA_ABOVE_ONE,
        Argument("distance", "query–key distance Δ", Real(above=0.0, at_most=1e15), "tokens"),
    ),
    standing="exact",
    worth="Exact as a limit; a head of 64 differs from it by up to 0.09 at 1,000 tokens.",
    example={"theta": 1e4, "distance": 1000},
)
def mean_kernel_limit(theta: float, distance: float) -> float:
    """The limit kernel, to 1e-14 absolute (it crosses zero). Raises `DomainError` for θ < 1.5 or Δ ≤ 0."""
    return cosine_integral_difference(distance, theta) / log(theta)


@formula(
    symbol="K(Δ) ≈ 1 − log_θ Δ − γ_E/ln θ",
    source="the mean kernel for 1 ≪ Δ ≪ θ",
    definition="Logarithmic form of the mean kernel between one token and the base.",
    arguments=(
        THETA_ABOVE_ONE,
        Argument("distance", "query–key distance Δ", Real(above=0.0, at_most=1e15), "tokens"),
    ),
    standing="exact",
    worth="An asymptotic form: the score is linear in ln Δ, which is why a softmax of it looks like a power law.",
    example={"theta": 1e4, "distance": 1000},
)
def mean_kernel_logarithmic(theta: float, distance: float) -> float:
    """The asymptotic kernel, to 1e-14 absolute (it crosses zero). Raises `DomainError` for θ < 1.5 or Δ ≤ 0."""
    return 1.0 - (log(distance) + EULER_GAMMA) / log(theta)


@formula(
    symbol="γ_amp = Ā √d_h / (2 ln θ)",
    source="Part I (superseded law γ·ln θ = C)",
    definition="Exponent of a softmax over the mean kernel when its pairs have mean amplitude Ā.",
    arguments=(
        Argument("theta", "base of the rotary angles", Real(at_least=1.5, at_most=1e21)),
        HEAD_DIM,
        Argument("amplitude", "mean amplitude of a pair in the logit, Ā", Real(at_least=0.0, at_most=1e6), "nats"),
    ),
    standing="open",
    worth=(
        "The one mechanism that turns RoPE into a power law; falls with θ where γ_Padé rises. One test: 0.58 for 0.93."
    ),
    example={"theta": 1e4, "head_dim": 256, "amplitude": 0.6728},
)
def amplitude_exponent(theta: float, head_dim: int, amplitude: float) -> float:
    """γ_amp, dimensionless, to 1e-12 relative. Raises `DomainError` for θ < 1.5 or Ā < 0. Source: Part I."""
    return float(amplitude * head_dim**0.5 / (2.0 * log(theta)))
