"""Decay: the exponents that have been predicted from the RoPE base θ and a length T alone.

All are functions of T/θ (z = T√2/θ, u = z/2), so scaling both leaves them unchanged, and for z ≤ 0.3 they agree within
0.036, far below the 0.2 scatter of measured exponents. A smaller γ means a slower decay. None of these explains the
differences between published models.
"""

from __future__ import annotations

from math import exp

from ropescope.questions.domains import Real
from ropescope.theory.arguments import LENGTH, POSITIVE_LENGTH, THETA
from ropescope.theory.constants import GAMMA_LIMIT, SQRT2
from ropescope.theory.formula import Argument, formula

_POINT = {"theta": 1e4, "length": 2000}


@formula(
    symbol="γ_Padé = (2θ − T√2) / (2θ + T√2)",
    source="Part I, §26.1",
    definition="The [1,1] Padé form of e^{−z} with z = T√2/θ; equal to (1 − u)/(1 + u) with u = T/(θ√2).",
    arguments=(THETA, LENGTH),
    standing="contradicted",
    worth=(
        "Explains none of the variance of the published measurements (r = 0.09, p = 0.55); no better than a constant."
    ),
    example=_POINT,
)
def gamma_pade(theta: float, length: float) -> float:
    """The Padé exponent, between −1 and 1, to 1e-12 relative, also where it crosses zero at T = θ√2.

    1 at T = 0, 1/3 at T = θ/√2. Raises `DomainError` for θ ≤ 0 or T < 0. Source: Part I, §26.1.
    """
    u = length / (theta * SQRT2)
    if 0.5 < u < 2.0:
        # 1 − u cancels here and √2 is rounded; (2θ² − T²) is free of √2 and is taken exactly.
        return _difference(2, theta, 1, length) / ((1.0 + u) * (1.0 + u))
    if u > 1.0:
        inverse = theta * SQRT2 / length
        return (inverse - 1.0) / (inverse + 1.0)
    return (1.0 - u) / (1.0 + u)


@formula(
    symbol="γ_lin = 1 − T√2/θ",
    source="Part I (first form of the exponent)",
    definition="One minus z = T√2/θ, read as the fraction of phases not yet aliased at T.",
    arguments=(THETA, LENGTH),
    standing="contradicted",
    worth="The first guess of the series; unbounded below, and superseded by the Padé form.",
    example=_POINT,
)
def gamma_linear(theta: float, length: float) -> float:
    """1 − z, at most 1, to 1e-12 relative, also where it crosses zero at T = θ/√2.

    Raises `DomainError` for θ ≤ 0 or T < 0. Source: Part I.
    """
    z = length * SQRT2 / theta
    if 0.5 < z < 2.0:
        return 2.0 * _difference(1, theta, 2, length) / (1.0 + z)
    return 1.0 - z


def _difference(a: int, theta: float, b: int, length: float) -> float:
    """(a·θ² − b·T²) / (2θ²), rounded once: the integers behind the doubles make the difference exact."""
    p, q = theta.as_integer_ratio()
    r, s = length.as_integer_ratio()
    left, right = p * s, r * q
    square = left * left
    return (a * square - b * right * right) / (2 * square)


@formula(
    symbol="γ_exp = e^{−z}",
    source="Part I (exponential form)",
    definition="The exponential of −z, z = T√2/θ, of which the Padé forms are approximants.",
    arguments=(THETA, LENGTH),
    standing="contradicted",
    worth="Never negative, and indistinguishable from the Padé form within the scatter of measured exponents.",
    example=_POINT,
)
def gamma_exponential(theta: float, length: float) -> float:
    """e^{−z}, between 0 and 1, to 1e-12 relative down to 1e-300, where it underflows to 0.

    Raises `DomainError` for θ ≤ 0 or T < 0. Source: Part I.
    """
    return exp(-length * SQRT2 / theta)


@formula(
    symbol="γ_Padé[2,2] = (12 − 6z + z²) / (12 + 6z + z²)",
    source="Part I (second Padé form)",
    definition="The [2,2] Padé form of e^{−z} with z = T√2/θ.",
    arguments=(THETA, LENGTH),
    standing="contradicted",
    worth="Never zero, and back to 1 as T → ∞: an artefact of the approximant, not a prediction.",
    example=_POINT,
)
def gamma_pade22(theta: float, length: float) -> float:
    """The second Padé form, positive, at most 1, to 1e-12 relative.

    Raises `DomainError` for θ ≤ 0 or T < 0. Source: Part I.
    """
    z = length * SQRT2 / theta
    if z > 1.0:
        z = theta / (length * SQRT2)
        return ((12.0 * z - 6.0) * z + 1.0) / ((12.0 * z + 6.0) * z + 1.0)
    return (12.0 - (6.0 - z) * z) / (12.0 + (6.0 + z) * z)


@formula(
    symbol="γ_Lerch = 1/(1 + z)",
    source="Part I (the form called Lerch)",
    definition="1/(1 + z) with z = T√2/θ.",
    arguments=(THETA, LENGTH),
    standing="contradicted",
    worth=(
        "Its distance from the Padé form does not predict the observed error (mean ratio 88.6, by the author's count)."
    ),
    example=_POINT,
)
def gamma_lerch(theta: float, length: float) -> float:
    """1/(1 + z), between 0 and 1, to 1e-12 relative. Raises `DomainError` for θ ≤ 0 or T < 0. Source: Part I."""
    return 1.0 / (1.0 + length * SQRT2 / theta)


@formula(
    symbol="d_alias = θ/√2",
    source="Part I (aliasing distance)",
    definition="Distance at which the linear exponent reaches zero, θ/√2.",
    arguments=(THETA,),
    standing="heuristic",
    worth="The factor √2 has no public derivation, and a fit to the published exponents does not single it out.",
    example={"theta": 1e4},
    unit="tokens",
)
def alias_distance(theta: float) -> float:
    """θ/√2 in tokens. Raises `DomainError` for θ ≤ 0. Source: Part I."""
    return theta / SQRT2


@formula(
    symbol="θ_eff,Padé = θ + T/√2",
    source="Part I (effective base)",
    definition="T√2 / (1 − γ_Padé), which is θ + T/√2.",
    arguments=(THETA, LENGTH),
    standing="identity",
    worth="Algebra on the Padé form; contains nothing but θ and T.",
    example=_POINT,
)
def theta_eff_pade(theta: float, length: float) -> float:
    """θ + T/√2. Raises `DomainError` for θ ≤ 0 or T < 0. Source: Part I."""
    return theta + length / SQRT2


@formula(
    symbol="θ_eff,obs = T√2 / (1 − γ)",
    source="Part I (effective base)",
    definition="The base whose Padé relation would give the observed exponent: T√2 / (1 − γ).",
    arguments=(
        POSITIVE_LENGTH,
        Argument(
            "gamma",
            "observed exponent, not 1",
            Real(at_least=-GAMMA_LIMIT, at_most=GAMMA_LIMIT, excluding=1.0),
        ),
    ),
    standing="identity",
    worth="A change of variable; has a pole at γ = 1, right where measured exponents lie, and is negative beyond.",
    example={"length": 2000, "gamma": 0.7476},
)
def theta_eff_observed(length: float, gamma: float) -> float:
    """T√2/(1 − γ), negative for γ > 1. Raises `DomainError` for T ≤ 0 and γ = 1. Source: Part I."""
    return length * SQRT2 / (1.0 - gamma)


@formula(
    symbol="β(γ) = −(1 − γ²)/2",
    source="Part I (renormalisation-group form)",
    definition="dγ_Padé / d ln T, written in γ.",
    arguments=(Argument("gamma", "exponent of the decay", Real(at_least=-GAMMA_LIMIT, at_most=GAMMA_LIMIT)),),
    standing="identity",
    worth="The derivative of the Padé form; its fixed points ±1 are T = 0 and T = ∞, not critical points of a network.",
    example={"gamma": 0.75},
)
def rg_beta(gamma: float) -> float:
    """−(1 − γ)(1 + γ)/2 per unit of ln T. Raises `DomainError` for |γ| > 20. Source: Part I."""
    return -0.5 * (1.0 - gamma) * (1.0 + gamma)
