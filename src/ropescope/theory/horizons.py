"""Horizon: the distance scales and indices built on the inverse of γ_Padé.

With γ_Padé itself put in, each gives back its input (d_hor(θ, γ_Padé(θ, T)) = T), so only a measured exponent says
anything here; and near γ = 1 an error of 0.05 in it is a factor of three in d_hor.
"""

from __future__ import annotations

from math import expm1, log, log1p, sqrt

from ropescope.questions.domains import Real
from ropescope.theory.arguments import OPEN_GAMMA, POSITIVE_LENGTH, THETA
from ropescope.theory.constants import GAMMA_LIMIT, SQRT2
from ropescope.theory.formula import Argument, formula

_OBSERVED = {"theta": 1e4, "gamma": 0.7476, "length": 2000}


@formula(
    symbol="d_hor = θ√2 (1 − γ)/(1 + γ)",
    source="Part I, §26.2",
    definition="The length at which γ_Padé(θ, T) equals γ.",
    arguments=(THETA, OPEN_GAMMA),
    standing="identity",
    worth=(
        "Returns T when γ is γ_Padé(θ, T), so a verdict from a config alone is circular; with a measured γ, "
        "a rescaling."
    ),
    example={"theta": 1e4, "gamma": 0.7476},
    unit="tokens",
)
def horizon(theta: float, gamma: float) -> float:
    """d_hor in tokens, to 1e-12 relative. Raises `DomainError` for θ ≤ 0 or |γ| ≥ 1. Source: Part I, §26.2."""
    return theta * SQRT2 * (1.0 - gamma) / (1.0 + gamma)


@formula(
    symbol="L_NIAH = 2 d_hor",
    source="Part I, §26.5",
    definition="Twice the horizon, claimed as the length at which needle retrieval fails.",
    arguments=(THETA, OPEN_GAMMA),
    standing="contradicted",
    worth=(
        "Right for one of three models in its author's own runs; all three fail soon after the trained length instead."
    ),
    example={"theta": 1e4, "gamma": 0.7476},
    unit="tokens",
)
def niah_ceiling(theta: float, gamma: float) -> float:
    """2·d_hor in tokens. Raises `DomainError` for θ ≤ 0 or |γ| ≥ 1. Source: Part I, §26.5."""
    return 2.0 * theta * SQRT2 * (1.0 - gamma) / (1.0 + gamma)


@formula(
    symbol="max(0, 1 − (d_hor/L)^{1−γ}) · √χ/(1 + √χ)",
    source="Part I, §26.9, where it is called a probability",
    definition="An index that is 0 up to the horizon and rises beyond it, with χ = 1/(1 − γ).",
    arguments=(
        POSITIVE_LENGTH,
        THETA,
        Argument("gamma", "observed exponent of the decay", Real(above=0.0, below=1.0)),
    ),
    standing="heuristic",
    worth="Never compared with any count of hallucinations: an index between 0 and 1, and not a probability.",
    example={"length": 4096, "theta": 1e4, "gamma": 0.75},
)
def hallucination_index(length: float, theta: float, gamma: float) -> float:
    """The index, 0 … 1; exactly 0 for L ≤ d_hor, where accuracy is 1e-12 of 1 rather than of the value.

    Raises `DomainError` for L ≤ 0, θ ≤ 0 or γ outside (0, 1). Source: Part I, §26.9.
    """
    reach = horizon(theta, gamma) / length
    if reach >= 1.0:
        return 0.0
    root = sqrt(1.0 / (1.0 - gamma))
    return -expm1((1.0 - gamma) * log(reach)) * root / (1.0 + root)


@formula(
    symbol="PDI = d_hor(θ, γ)/T",
    source="Part I (Padé deviation index)",
    definition="Horizon of the observed exponent over the length: u(γ)/u(γ_Padé), with u = (1 − γ)/(1 + γ).",
    arguments=(
        THETA,
        Argument("gamma", "observed exponent of the decay, above −1", Real(above=-1.0, at_most=GAMMA_LIMIT)),
        POSITIVE_LENGTH,
    ),
    standing="identity",
    worth=(
        "1 exactly when γ is γ_Padé; explodes for every large base, so the plain difference of exponents reads better."
    ),
    example=_OBSERVED,
)
def pade_deviation_index(theta: float, gamma: float, length: float) -> float:
    """PDI: positive for γ < 1, 0 at γ = 1, negative beyond. Raises `DomainError` for θ ≤ 0, γ ≤ −1 or T ≤ 0."""
    return theta * SQRT2 * (1.0 - gamma) / (1.0 + gamma) / length


@formula(
    symbol="η = (1 − γ_Padé)/(1 − γ)",
    source="Part I (efficiency)",
    definition="θ_eff,obs / θ_eff,Padé.",
    arguments=(
        THETA,
        Argument(
            "gamma",
            "observed exponent, not 1",
            Real(at_least=-GAMMA_LIMIT, at_most=GAMMA_LIMIT, excluding=1.0),
        ),
        POSITIVE_LENGTH,
    ),
    standing="heuristic",
    worth="Small for every base above 141 T whatever the model does, so its low bands say nothing of a model.",
    example=_OBSERVED,
)
def efficiency_eta(theta: float, gamma: float, length: float) -> float:
    """η, negative for γ > 1, to 1e-12 relative. Raises `DomainError` for θ ≤ 0, γ = 1 or T ≤ 0. Source: Part I."""
    # 1 − γ_Padé = 2u/(1 + u), without cancellation for large θ.
    u = length / (theta * SQRT2)
    return 2.0 * u / (1.0 + u) / (1.0 - gamma)


@formula(
    symbol="ΔH = ln(z/2) + 2 artanh γ = −ln PDI",
    source="Part II (Cardy form), and its two spellings as one function",
    definition="Log ratio u(γ_Padé)/u(γ) in nats, with z = T√2/θ; zero when γ is γ_Padé.",
    arguments=(THETA, OPEN_GAMMA, POSITIVE_LENGTH),
    standing="identity",
    worth="Minus the logarithm of PDI under another name; no conformal theory is behind it.",
    example=_OBSERVED,
    unit="nats",
)
def cardy_entropy_gap(theta: float, gamma: float, length: float) -> float:
    """ΔH in nats. It crosses zero at γ_Padé, so its accuracy is 1e-12 of max(1, |ΔH|).

    The published "correction" of −½ ln 2 comes from putting z = T/θ into the form meant for z = T√2/θ.
    Raises `DomainError` for θ ≤ 0, |γ| ≥ 1 or T ≤ 0. Source: Part II.
    """
    if abs(gamma) < 0.5:
        return log(length / (theta * SQRT2)) + log1p(2.0 * gamma / (1.0 - gamma))
    return log(length / (theta * SQRT2) * ((1.0 + gamma) / (1.0 - gamma)))
