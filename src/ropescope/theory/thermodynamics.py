"""Thermodynamics of the truncated power law: elementary statistics of p(d) = d^−γ / Z on the distances 1 … N.

With energies ln d this is the truncated primon gas (Julia 1990; Spector 1990), and every quantity here is a sum to full
precision: there is no singularity at γ = 1 for a finite N, only a crossover of width about 1/ln N.
"""

from __future__ import annotations

from math import log, log1p

from ropescope.questions.domains import Real, Whole
from ropescope.theory.arguments import GAMMA, N_TOKENS, POSITIVE_GAMMA
from ropescope.theory.constants import EULER_GAMMA, GAMMA_LIMIT, STIELTJES_1, TOKENS_LIMIT
from ropescope.theory.formula import Argument, formula
from ropescope.theory.zeta_sums import moments_from_last, moments_from_one, power_sum

_SOURCE = "Part I, §26 (γ-thermodynamics)"
_EXAMPLE = {"gamma": 0.75, "n_tokens": 2000}


@formula(
    symbol="Z(γ, N)",
    source=_SOURCE,
    definition="Z = Σ d^−γ over the distances d = 1 … N, the normaliser of the power law.",
    arguments=(GAMMA, N_TOKENS),
    standing="exact",
    worth="An exact sum; the published closed form (an integral plus one) is off by 2 % at γ = 0.75 and 22 % at γ = 2.",
    example=_EXAMPLE,
)
def partition_function(gamma: float, n_tokens: int) -> float:
    """Σ_{d=1}^{N} d^−γ, dimensionless, to 1e-12 relative.

    Raises `DomainError` outside |γ| ≤ 20, 1 ≤ N ≤ 1e12. Source: Part I, §26; the truncated Riemann zeta function.
    """
    return power_sum(gamma, n_tokens)


@formula(
    symbol="U = E[ln d]",
    source=_SOURCE,
    definition="Mean of ln d under p(d) = d^−γ / Z: the energy, and the sufficient statistic of the exponent.",
    arguments=(GAMMA, N_TOKENS),
    standing="exact",
    worth="An exact sum, in one-to-one relation with γ; the maximum-likelihood exponent is its inverse.",
    example=_EXAMPLE,
    unit="nats",
)
def mean_log_distance(gamma: float, n_tokens: int) -> float:
    """E[ln d] in nats, between 0 and ln N, to 1e-12 relative.

    Raises `DomainError` outside |γ| ≤ 20, 1 ≤ N ≤ 1e12. Source: Part I, §26.
    """
    if n_tokens == 1:
        return 0.0
    if gamma > 1.0:
        return moments_from_one(gamma, n_tokens).mean
    return log(n_tokens) - moments_from_last(gamma, n_tokens).mean


@formula(
    symbol="S",
    source=_SOURCE,
    definition="Shannon entropy −Σ p ln p of p(d) = d^−γ / Z, equal to ln Z + γU.",
    arguments=(GAMMA, N_TOKENS),
    standing="exact",
    worth=(
        "An exact function of γ and N alone, so it adds nothing to a measured γ; it is not the entropy of "
        "attention rows."
    ),
    example=_EXAMPLE,
    unit="nats",
)
def entropy(gamma: float, n_tokens: int) -> float:
    """Shannon entropy in nats, between 0 and ln N, to 1e-12 relative.

    Raises `DomainError` outside |γ| ≤ 20, 1 ≤ N ≤ 1e12. Source: Part I, §26.
    """
    if n_tokens == 1:
        return 0.0
    # ln Z + γU measured from the end that holds the mass: both terms are then small where S is, and nothing cancels.
    if gamma > 1.0:
        moments = moments_from_one(gamma, n_tokens)
        return log1p(moments.excess) + gamma * moments.mean
    moments = moments_from_last(gamma, n_tokens)
    return log1p(moments.excess) - gamma * moments.mean


@formula(
    symbol="F = −ln Z / γ",
    source=_SOURCE,
    definition="Helmholtz free energy −ln Z / γ, with 1/γ as the temperature.",
    arguments=(POSITIVE_GAMMA, N_TOKENS),
    standing="exact",
    worth="A restatement of ln Z; diverges as γ → 0 and loses its meaning for γ < 0, where it is refused.",
    example=_EXAMPLE,
    unit="nats",
)
def free_energy(gamma: float, n_tokens: int) -> float:
    """−ln Z / γ in nats (≤ 0), to 1e-12 relative.

    Raises `DomainError` outside 0 < γ ≤ 20, 1 ≤ N ≤ 1e12. Source: Part I, §26 (sign and scale of the corrected text).
    """
    if n_tokens == 1:
        return 0.0
    if gamma > 1.0:
        return -log1p(moments_from_one(gamma, n_tokens).excess) / gamma
    return -log(power_sum(gamma, n_tokens)) / gamma


@formula(
    symbol="I(γ) = Var(ln d)",
    source=_SOURCE,
    definition="Variance of ln d under the power law: the Fisher information of one draw about γ, and −dU/dγ.",
    arguments=(GAMMA, N_TOKENS),
    standing="exact",
    worth="Exact; gives the smallest standard error of a fitted exponent, 1/√(n·I), if draws were independent.",
    example=_EXAMPLE,
    unit="nats²",
)
def fisher_information(gamma: float, n_tokens: int) -> float:
    """Var(ln d) in nats², to 1e-12 relative, from centred moments.

    Raises `DomainError` outside |γ| ≤ 20, 1 ≤ N ≤ 1e12. Source: Part I, §26.
    """
    if n_tokens == 1:
        return 0.0
    moments = moments_from_one(gamma, n_tokens) if gamma > 1.0 else moments_from_last(gamma, n_tokens)
    return moments.variance


@formula(
    symbol="C_V = γ² Var(ln d)",
    source=_SOURCE,
    definition="Heat capacity −γ² dU/dγ of the truncated power law.",
    arguments=(GAMMA, N_TOKENS),
    standing="exact",
    worth="Exact, but no marker of γ = 1: at N = 2000 it peaks near γ = 1.26.",
    example=_EXAMPLE,
    unit="nats²",
)
def heat_capacity(gamma: float, n_tokens: int) -> float:
    """γ² Var(ln d) in nats², to 1e-12 relative.

    Raises `DomainError` outside |γ| ≤ 20, 1 ≤ N ≤ 1e12. Source: Part I, §26.
    """
    return gamma * gamma * fisher_information(gamma, n_tokens)


@formula(
    symbol="C_V(1, N) ≈ L²/12 + γ_E L/6 − (5γ_E²/12 + γ_1)",
    source="Part I, §26, erratum (1/12 for 1/4); the next two terms from the Stieltjes expansion",
    definition="Large-N form of the heat capacity at γ = 1 with L = ln N; `terms` = 1 keeps the published L²/12 alone.",
    arguments=(
        Argument("n_tokens", "number of distances N, 1 … N", Whole(2, TOKENS_LIMIT), "tokens"),
        Argument("terms", "how many terms of the expansion to keep", Whole(1, 3)),
    ),
    standing="exact",
    worth=("The leading term alone is 14 % low at N = 2000; all three are 0.1 % low; the rest falls as 1/ln N."),
    example={"n_tokens": 2000},
    unit="nats²",
)
def heat_capacity_asymptotic(n_tokens: int, terms: int = 3) -> float:
    """The asymptotic heat capacity at γ = 1 in nats².

    Raises `DomainError` outside 2 ≤ N ≤ 1e12 or terms not 1, 2 or 3. Source: Part I, §26 with its erratum.
    """
    length = log(n_tokens)
    total = length * length / 12.0
    if terms >= 2:
        total += EULER_GAMMA / 6.0 * length
    if terms >= 3:
        total -= 5.0 * EULER_GAMMA * EULER_GAMMA / 12.0 + STIELTJES_1
    return total


@formula(
    symbol="χ = 1/|γ − 1|",
    source="Part I, §26.16",
    definition="Distance of γ from 1, inverted.",
    arguments=(
        Argument("gamma", "exponent of the decay", Real(at_least=-GAMMA_LIMIT, at_most=GAMMA_LIMIT, excluding=1.0)),
    ),
    standing="identity",
    worth=(
        "A definition, so its divergence at γ = 1 is put in by hand; the real response of a finite context "
        "is Var(ln d)."
    ),
    example={"gamma": 0.75},
)
def susceptibility(gamma: float) -> float:
    """1/|γ − 1|, dimensionless. Raises `DomainError` at γ = 1 and for |γ| > 20. Source: Part I, §26.16."""
    return 1.0 / abs(gamma - 1.0)


@formula(
    symbol="ξ = 1/|ln γ|",
    source="Part I, §26",
    definition="Inverse of |ln γ|, called a correlation length.",
    arguments=(Argument("gamma", "exponent of the decay", Real(above=0.0, at_most=GAMMA_LIMIT, excluding=1.0)),),
    standing="heuristic",
    worth="A power law has no correlation length; this is a function of γ that happens to diverge at 1.",
    example={"gamma": 0.75},
)
def correlation_length(gamma: float) -> float:
    """1/|ln γ|, dimensionless. Raises `DomainError` for γ ≤ 0, γ = 1, γ > 20. Source: Part I, §26."""
    # γ − 1 is exact near 1 (Sterbenz), so log1p keeps all digits where ln γ → 0.
    return 1.0 / abs(log1p(gamma - 1.0) if 0.5 < gamma < 2.0 else log(gamma))
