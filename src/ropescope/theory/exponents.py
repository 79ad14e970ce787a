"""Exponents: the "critical exponents" of the series, and the identities and errata between them.

All are functions of one variable, x = 1 − γ, defined so that the scaling relations hold; none of the relations can
fail, for any model or for none. They check algebra, not attention.
"""

from __future__ import annotations

from math import log, sqrt
from typing import NamedTuple

from ropescope.questions.domains import Real
from ropescope.theory.constants import GAMMA_LIMIT
from ropescope.theory.formula import Argument, formula

_GAMMA = Argument(
    "gamma", "exponent of the decay, not 1", Real(at_least=-GAMMA_LIMIT, at_most=GAMMA_LIMIT, excluding=1.0)
)


class CriticalExponents(NamedTuple):
    """The exponents as functions of x = 1 − γ, and what Fisher's relation misses by."""

    nu: float
    beta: float
    eta: float
    alpha: float
    chi: float
    gamma_chi: float
    fisher_residual: float


@formula(
    symbol="ν, β, η, α, χ, γ_χ",
    source="Part II (critical exponents), with the corrected η = γ − 1",
    definition="ν = χ = 1/x, β = η = −x, α = 2 − 1/x and γ_χ = 1/x + 2x, with x = 1 − γ.",
    arguments=(_GAMMA,),
    standing="identity",
    worth="Functions of one number; Fisher's relation fails except at γ = 0 and 3/2, so no critical theory fits them.",
    example={"gamma": 0.75},
)
def critical_exponents(gamma: float) -> CriticalExponents:
    """The six exponents and the residual γ_χ − (2 − η)ν = γ(2γ − 3)/(1 − γ). Raises `DomainError` at γ = 1."""
    x = 1.0 - gamma
    inverse = 1.0 / x
    return CriticalExponents(
        nu=inverse,
        beta=-x,
        eta=-x,
        alpha=2.0 - inverse,
        chi=inverse,
        gamma_chi=inverse + 2.0 * x,
        fisher_residual=gamma * (2.0 * gamma - 3.0) * inverse,
    )


class IdentityCheck(NamedTuple):
    """One relation at one γ: its two sides, and whether it is an identity, an inequality or a published error."""

    name: str
    statement: str
    kind: str
    left: float
    right: float
    holds: bool


@formula(
    symbol="D-SAGE 1, 2, 4–7, …; errata",
    source="Part II (D-SAGE relations) and the errata of the series",
    definition="Both sides of every identity between the exponents, and of every published relation found wrong.",
    arguments=(_GAMMA,),
    standing="identity",
    worth="The identities cannot fail and the errata cannot hold, whatever γ was measured.",
    example={"gamma": 0.75},
)
def identities(gamma: float) -> tuple[IdentityCheck, ...]:
    """The relations at γ, each with its two sides. Raises `DomainError` at γ = 1. Source: Part II and its errata."""
    nu, beta, eta, alpha, chi, gamma_chi, fisher = critical_exponents(gamma)
    x = 1.0 - gamma
    old_eta = 2.0 * gamma
    rows = [
        ("D-SAGE-1", "2η² + η γ_χ + 1 = 0", "identity", 2.0 * eta * eta + eta * gamma_chi + 1.0, 0.0),
        ("D-SAGE-2", "β χ = −1", "identity", beta * chi, -1.0),
        ("closure", "ν β = −1", "identity", nu * beta, -1.0),
        ("D-SAGE-4", "α + χ = 2", "identity", alpha + chi, 2.0),
        ("D-SAGE-5", "α + γ_χ = 2(2 − γ)", "identity", alpha + gamma_chi, 2.0 * (2.0 - gamma)),
        ("D-SAGE-6", "β γ_χ = −2γ² + 4γ − 3", "identity", beta * gamma_chi, (4.0 - 2.0 * gamma) * gamma - 3.0),
        ("Rushbrooke (i)", "2β + γ_χ = ν", "identity", 2.0 * beta + gamma_chi, nu),
        ("Rushbrooke (ii)", "α + 2β + γ_χ = 2", "identity", alpha + 2.0 * beta + gamma_chi, 2.0),
        ("Josephson", "2 − α = ν", "identity", 2.0 - alpha, nu),
        ("Fisher residual", "γ_χ − (2 − η)ν = γ(2γ − 3)/(1 − γ)", "identity", gamma_chi - (2.0 - eta) * nu, fisher),
        (
            "potential",
            "−dV/dγ = −(1 − γ²)/2 for V = γ/2 − γ³/6",
            "identity",
            -(0.5 - 0.5 * gamma * gamma),
            -0.5 * x * (2.0 - x),
        ),
        ("η = 2γ", "2η² + η γ_χ + 1 = 0 with η = 2γ", "erratum", 2.0 * old_eta**2 + old_eta * gamma_chi + 1.0, 0.0),
        (
            "V off by two",
            "−dV/dγ = −(1 − γ²)/2 for V = γ − γ³/3",
            "erratum",
            -(1.0 - gamma * gamma),
            -0.5 * x * (2.0 - x),
        ),
        ("C_V /4", "C_V(1, N)/(ln N)² → 1/4, where it is 1/12", "erratum", 1.0 / 12.0, 0.25),
    ]
    checks = [IdentityCheck(*row, holds=_equal(row[3], row[4])) for row in rows]
    if abs(gamma) < 1.0:
        checks += _cardy_spellings(gamma)
    if gamma < 1.0:
        bound = 2.0 * sqrt(2.0)
        checks.append(
            IdentityCheck(
                "AM–GM", "γ_χ ≥ 2√2 for γ < 1", "inequality", gamma_chi, bound, gamma_chi >= bound * (1.0 - 1e-15)
            )
        )
    return tuple(checks)


def _cardy_spellings(gamma: float) -> list[IdentityCheck]:
    """The gap ΔH where γ is γ_Padé, T/θ = √2 (1−γ)/(1+γ): zero in both spellings, −½ ln 2 if their z's are mixed."""
    ratio = sqrt(2.0) * (1.0 - gamma) / (1.0 + gamma)
    artanh = log((1.0 + gamma) / (1.0 - gamma))
    seven, eight = log(ratio / sqrt(2.0)) + artanh, log(ratio * sqrt(2.0) / 2.0) + artanh
    mixed = log(ratio / 2.0) + artanh
    return [
        IdentityCheck(
            "phases 7 and 8",
            "ln(z/√2) with z = T/θ equals ln(z/2) with z = T√2/θ, each + 2 artanh γ",
            "identity",
            seven,
            eight,
            _equal(seven, eight),
        ),
        IdentityCheck(
            "phase 7/8 mix-up",
            "ln(z/2) + 2 artanh γ = 0 at γ_Padé with z = T/θ",
            "erratum",
            mixed,
            0.0,
            _equal(mixed, 0.0),
        ),
    ]


def _equal(left: float, right: float) -> bool:
    # The terms cancel from sizes up to a few thousand (|γ| ≤ 20), or 1/x near γ = 1.
    return abs(left - right) <= 1e-9 * max(1.0, abs(left), abs(right))
