"""The author's falsification ledger, entries of algebra, which hold whatever a model does (F8, F20, F22, F23)."""

from __future__ import annotations

from math import sqrt

import numpy as np

from ropescope.errors import MissingExtraError
from ropescope.evidence.evidence import Evidence
from ropescope.evidence.verdicts.claim import Baseline, Finding, Verdict
from ropescope.evidence.verdicts.registry import claim
from ropescope.report.report import Column, Fact, Table
from ropescope.theory.base_design import theta_design
from ropescope.theory.decay import gamma_exponential, gamma_linear, gamma_pade, gamma_pade22, rg_beta
from ropescope.theory.horizons import horizon
from ropescope.theory.proofs import STATEMENTS, settle
from ropescope.theory.thermodynamics import susceptibility

ROUNDING = 1e-9
"""Two sides of an identity that differ by less, relatively, are equal as far as floats can tell."""


@claim(
    "F8",
    subject="prediction",
    statement="For the small z of language models the [1,1] Padé form says all: higher orders change nothing.",
    published_in="falsification ledger, F8: confirmed (symbolic)",
    data="bases and lengths of the RoPE measurements",
    filter="none",
    formula="largest |Padé[2,2] − Padé[1,1]| of e^(−z) over the measurements, z = T√2/θ, against 2z³/((z+2)(z²+6z+12)) ≈ z³/12",
    verdict_rule="true by definition if the difference follows from z alone",
)
def pade_saturates(evidence: Evidence) -> Finding:
    """The largest difference of the two forms at the measured lengths and at the trained ones."""
    panel = evidence.panel(partial=True)
    measured = [(m.theta, m.longest) for m in panel if m.theta is not None]
    trained = [(m.theta, float(m.facts.context_length)) for m in panel if m.theta is not None]
    gap, far = max(_gap(*pair) for pair in measured), max(_gap(*pair) for pair in trained)
    error = float(np.median([m.refit.se for m in panel]))
    z = np.array([length * sqrt(2) / theta for theta, length in measured])
    by_z = 2 * z**3 / ((z + 2) * (z**2 + 6 * z + 12))
    off = float(np.max(np.abs([_gap(*pair) for pair in measured] - by_z)))
    return Finding(
        quantity="largest difference of Padé[2,2] and Padé[1,1]",
        value=gap,
        published=0.0,
        n=f"{len(set(measured))} pairs of base and length",
        interval_by="exact",
        baselines=(
            Baseline(
                "linear form 1 − z in place of Padé[2,2]", max(abs(gamma_linear(*p) - gamma_pade(*p)) for p in measured)
            ),
            Baseline(
                "e^(−z) in place of Padé[2,2]", max(abs(gamma_exponential(*p) - gamma_pade(*p)) for p in measured)
            ),
            Baseline("median error of a measured γ", error),
        ),
        verdict=_verdict(off),
        reason=(
            f"The forms differ by z³/12, at most {gap:.4f} at the lengths measured (z up to {z.max():.2f}) where a measured γ "
            f"is known to {error:.2f}, so no measurement here can tell one from another; at the trained lengths they differ by "
            f"up to {far:.2f}."
        ),
        facts=(_proof("Padé orders"), Fact("the same at the trained lengths", far, note="z is no longer small there")),
    )


@claim(
    "F20",
    subject="prediction",
    statement="The flow of γ_Padé with ln T is exactly the logistic equation.",
    published_in="falsification ledger, F20: confirmed (symbolic)",
    data="none: both sides are formulas",
    filter="none",
    formula="β(γ) = −(1 − γ²)/2 against −2x(1 − x) with x = (1 − γ_Padé)/2, and x against the logistic 1/(1 + θ√2/T)",
    verdict_rule="true by definition if both sides agree to rounding for every θ and T tried",
    tables=(),
)
def logistic_flow(evidence: Evidence) -> Finding:
    """The largest difference of the two sides over bases and lengths."""
    gaps = []
    for theta, length in _grid():
        gamma = gamma_pade(theta, length)
        x = 1 / (1 + theta * sqrt(2) / length)
        gaps += [abs(rg_beta(gamma) + 2 * x * (1 - x)), abs((1 - gamma) / 2 - x)]
    return _identity(
        "largest difference of the two sides",
        max(gaps),
        "γ_Padé is itself the logistic function of ln T, turned about, so its derivative is the logistic equation whatever θ is.",
        "Padé forms",
        "flow",
        "erratum: flow sign",
    )


@claim(
    "F22",
    subject="thermodynamics",
    statement="At the fixed point z* of the Cayley map the susceptibility is (5 + √17)/4.",
    published_in="falsification ledger, F22: confirmed (symbolic)",
    data="none: both sides are formulas",
    filter="none",
    formula="1/(1 − z*) with γ_Padé = z at z*, against (5 + √17)/4",
    verdict_rule="true by definition if both sides agree to rounding",
    tables=(),
)
def cayley_point(evidence: Evidence) -> Finding:
    """The value at the fixed point, and at that of the same map in its other variable."""
    fixed = (sqrt(17) - 3) / 2
    closed = (5 + sqrt(17)) / 4
    theta = 10_000.0
    gap = max(abs(gamma_pade(theta, fixed * theta / sqrt(2)) - fixed), abs(susceptibility(fixed) / closed - 1))
    return Finding(
        quantity="χ at the fixed point of γ_Padé(z) = z",
        value=susceptibility(fixed),
        published=closed,
        n="no measurements",
        interval_by="exact",
        baselines=(Baseline("at that of γ_Padé(u) = u, u = z/2", susceptibility(sqrt(2) - 1)),),
        verdict=_verdict(gap),
        reason=(
            f"The equation γ = z has the root {fixed:.4f} and χ is defined as 1/|1 − γ|, so the number is that of a quadratic, "
            f"and in u = z/2 the same map gives {susceptibility(sqrt(2) - 1):.2f}."
        ),
        facts=(Fact("largest difference of the two sides", gap, basis="formula"), _proof("Cayley point")),
    )


@claim(
    "F23",
    subject="context extension",
    statement="θ_design undoes γ_Padé, and d_h gives back the length: T ↔ d_h is an involution.",
    published_in="falsification ledger, F23: confirmed (symbolic)",
    data="none: both sides are formulas",
    filter="none",
    formula="θ_design(γ_Padé(θ, T), T) against θ, and d_h(θ, γ_Padé(θ, T)) against T",
    verdict_rule="true by definition if both sides agree to rounding for every θ and T tried",
    tables=(),
)
def design_undoes_prediction(evidence: Evidence) -> Finding:
    """The largest relative difference over bases and lengths."""
    gaps = []
    for theta, length in _grid():
        gamma = gamma_pade(theta, length)
        gaps += [abs(theta_design(gamma, length) / theta - 1), abs(horizon(theta, gamma) / length - 1)]
    return _identity(
        "largest relative difference of the two sides",
        max(gaps),
        "One formula was solved for θ and for T, so putting it in gives back what was put in: d_h(γ_Padé) says nothing.",
        "circularity",
    )


def _identity(quantity: str, gap: float, reason: str, *proofs: str) -> Finding:
    """The finding of an identity that was tried on the grid."""
    return Finding(
        quantity=quantity,
        value=gap,
        n=f"{len(_grid())} pairs of base and length, no measurements",
        interval_by="exact, to the rounding of floats",
        verdict=_verdict(gap),
        reason=reason,
        facts=tuple(_proof(name) for name in proofs),
        tables=(Table("Where it was tried", (Column("θ"), Column("T")), (("10³ … 10⁷", "10 … 10⁵, below θ√2"),)),),
    )


def _verdict(gap: float) -> Verdict:
    return "true by definition" if gap < ROUNDING else "not reproduced"


def _grid() -> list[tuple[float, float]]:
    """Bases and lengths with 0 < γ_Padé < 1, and far enough from 1 that 1 − γ keeps its digits."""
    pairs = [
        (float(theta), float(length)) for theta in np.geomspace(1e3, 1e7, 9) for length in np.geomspace(10, 1e5, 9)
    ]
    return [(theta, length) for theta, length in pairs if 1e-5 < length * sqrt(2) / theta < 1.9]


def _gap(theta: float, length: float) -> float:
    return abs(gamma_pade22(theta, length) - gamma_pade(theta, length))


def _proof(name: str) -> Fact:
    """What the machine says of a statement of the proofs; they need a solver, without which the rest stands."""
    (statement,) = (s for s in STATEMENTS if s.name == name)
    try:
        outcome = settle(statement).outcome
    except MissingExtraError:
        return Fact(f"by machine: {name}", "not run", basis="formula", note="pip install 'ropescope[proofs]'")
    said = "proved" if outcome.proved else f"refuted {outcome.counterexample}"
    return Fact(f"by machine: {name}", said, basis="formula", note=statement.words)
