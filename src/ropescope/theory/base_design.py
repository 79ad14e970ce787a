"""Base design: the base θ, or its multiplier α, that a scaling rule asks for at a longer context."""

from __future__ import annotations

from ropescope.questions.domains import Real, Whole
from ropescope.theory.arguments import OPEN_GAMMA, POSITIVE_LENGTH, THETA
from ropescope.theory.constants import SQRT2
from ropescope.theory.formula import Argument, formula

STRETCH = Argument("stretch", "target length over trained length, s", Real(at_least=1.0, at_most=1e9))


@formula(
    symbol="θ_design = (T/√2)(1 + γ)/(1 − γ)",
    source="Part I, §26.3",
    definition="The base at which γ_Padé equals a chosen γ at length T.",
    arguments=(OPEN_GAMMA, POSITIVE_LENGTH),
    standing="heuristic",
    worth="The exact inverse of γ_Padé, linear in T; above about 8k tokens it falls below the Men et al. lower bound.",
    example={"gamma": 0.85, "length": 32768},
)
def theta_design(gamma: float, length: float) -> float:
    """The base θ, to 1e-12 relative. Raises `DomainError` for |γ| ≥ 1 or T ≤ 0. Source: Part I, §26.3."""
    return length / SQRT2 * (1.0 + gamma) / (1.0 - gamma)


@formula(
    symbol="α_opt = θ_design / θ",
    source="Part I, §26.4",
    definition="θ_design over the model's own base.",
    arguments=(THETA, OPEN_GAMMA, POSITIVE_LENGTH),
    standing="heuristic",
    worth=(
        "Keeping γ_Padé fixed gives α = s exactly; the target γ is arbitrary and was never tested against NTK or YaRN."
    ),
    example={"theta": 5e5, "gamma": 0.85, "length": 131072},
)
def alpha_opt(theta: float, gamma: float, length: float) -> float:
    """The multiplier α of θ. Raises `DomainError` for θ ≤ 0, |γ| ≥ 1 or T ≤ 0. Source: Part I, §26.4."""
    return theta_design(gamma, length) / theta


@formula(
    symbol="α_NTK = s^{d_h/(d_h − 2)}",
    source="NTK-aware scaling (bloc97, 2023); the published α is its limit for a large head",
    definition="The multiplier of θ that stretches the slowest wavelength by exactly s.",
    arguments=(STRETCH, Argument("head_dim", "rotary dimensions of a head", Whole(4, 65_536, even=True))),
    standing="exact",
    worth=(
        "Exact about wavelengths, and practice agrees: α = 4 restores retrieval at twice the trained length on "
        "three models."
    ),
    example={"stretch": 4, "head_dim": 128},
)
def ntk_aware_alpha(stretch: float, head_dim: int) -> float:
    """s^{d_h/(d_h−2)}. Raises `DomainError` for s < 1 or an odd or too small head. Source: NTK-aware scaling."""
    return float(stretch ** (head_dim / (head_dim - 2)))
