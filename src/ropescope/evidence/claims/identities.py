"""Claims of algebra, which hold whatever a model does (F8, F9, F20, F22, F23, P2-entropy-gap, P2-identities)."""

from __future__ import annotations

from math import log, sqrt

import numpy as np

from ropescope.errors import MissingExtraError
from ropescope.evidence.evidence import Evidence
from ropescope.evidence.verdicts.claim import Baseline, Finding, by_definition
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.sample import Sample
from ropescope.evidence.verdicts.statistics import regress
from ropescope.report.report import Fact
from ropescope.theory.base_design import theta_design
from ropescope.theory.decay import gamma_exponential, gamma_linear, gamma_pade, gamma_pade22, rg_beta
from ropescope.theory.exponents import identities
from ropescope.theory.horizons import cardy_entropy_gap, horizon, pade_deviation_index
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
    formula="largest |Padé[2,2] − Padé[1,1]| of e^(−z) over the measurements, z = T√2/θ, against 2z³/((z+2)(z²+6z+12)) ≈ z³/12",
    verdict_rule="true by definition if the difference follows from z alone",
)
def pade_saturates(evidence: Evidence) -> Finding:
    """The largest difference of the two forms at the measured lengths and at the trained ones."""
    panel = evidence.panel(partial=True)
    measured = [(m.theta, m.longest) for m in panel if m.theta is not None]
    far = max(_gap(m.theta, float(m.facts.context_length)) for m in panel if m.theta is not None)
    error = float(np.median([m.refit.se for m in panel]))
    z = np.array([length * sqrt(2) / theta for theta, length in measured])
    gaps = np.array([_gap(*pair) for pair in measured])
    off = np.abs(gaps - 2 * z**3 / ((z + 2) * (z**2 + 6 * z + 12))).max()
    linear, exponential = (
        max(abs(form(*pair) - gamma_pade(*pair)) for pair in measured) for form in (gamma_linear, gamma_exponential)
    )
    return Finding(
        quantity="largest difference of Padé[2,2] and Padé[1,1]",
        value=float(gaps.max()),
        published=0.0,
        n=f"{len(set(measured))} pairs of base and length",
        interval_by="exact",
        baselines=(
            Baseline("linear form 1 − z in place of Padé[2,2]", linear),
            Baseline("e^(−z) in place of Padé[2,2]", exponential),
            Baseline("median error of a measured γ", error),
        ),
        verdict=by_definition(off < ROUNDING),
        reason=(
            f"The forms differ by z³/12, at most {gaps.max():.4f} at the lengths measured (z up to {z.max():.2f}) where a measured "
            f"γ is known to {error:.2f}, so no measurement here can tell one from another; at the trained lengths they differ by "
            f"up to {far:.2f}."
        ),
        facts=(_proof("Padé orders"), Fact("the same at the trained lengths", far, note="z is no longer small there")),
    )


@claim(
    "F9",
    subject="geometry",
    statement="Attention under RoPE is Euclidean and fractional, of dimension d_eff = 1/γ, and not hyperbolic.",
    published_in="falsification ledger, F9: confirmed (symbolic)",
    data="exponents of the RoPE measurements",
    filter="every RoPE measurement that was fitted",
    formula="d_eff = 1/γ; count of exponents for which the fractional order (γ − 1)/2 exists, 1 < γ < 3",
    verdict_rule="true by definition if d_eff takes nothing but γ",
)
def fractional_dimension(evidence: Evidence) -> Finding:
    """The range of 1/γ, and how many exponents lie where a fractional order is defined."""
    panel = Sample(evidence.panel())
    inside, of_uniform = (int(((gamma > 1) & (gamma < 3)).sum()) for gamma in (panel.gamma, panel.null))
    dimension = 1 / panel.gamma
    spread = f"median, from {dimension.min():.2f} to {dimension.max():.2f}"
    return Finding(
        quantity="measurements with a fractional order, 1 < γ < 3",
        value=inside,
        n=f"{len(panel)} measurements",
        interval_by="a count",
        baselines=(Baseline("uniform attention in the same designs", of_uniform),),
        verdict="true by definition",
        reason=(
            "d_eff is 1/γ under another name and nothing was measured that could be hyperbolic, while the fractional order "
            f"that goes with it exists for {inside} of {len(panel)} exponents."
        ),
        facts=(Fact("d_eff = 1/γ", float(np.median(dimension)), note=spread),),
    )


@claim(
    "F20",
    subject="prediction",
    statement="The flow of γ_Padé with ln T is exactly the logistic equation.",
    published_in="falsification ledger, F20: confirmed (symbolic)",
    data="none: both sides are formulas",
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
    formula="1/(1 − z*) with γ_Padé = z at z*, against (5 + √17)/4",
    verdict_rule="true by definition if both sides agree to rounding",
    tables=(),
)
def cayley_point(evidence: Evidence) -> Finding:
    """The value at the fixed point, and at that of the same map in its other variable."""
    fixed = (sqrt(17) - 3) / 2
    closed = (5 + sqrt(17)) / 4
    other = susceptibility(sqrt(2) - 1)
    theta = 10_000.0
    gap = max(abs(gamma_pade(theta, fixed * theta / sqrt(2)) - fixed), abs(susceptibility(fixed) / closed - 1))
    return Finding(
        quantity="χ at the fixed point of γ_Padé(z) = z",
        value=susceptibility(fixed),
        published=closed,
        n="no measurements",
        interval_by="exact",
        baselines=(Baseline("at that of γ_Padé(u) = u, u = z/2", other),),
        verdict=by_definition(gap < ROUNDING),
        reason=(
            f"The equation γ = z has the root {fixed:.4f} and χ is defined as 1/|1 − γ|, so the number is that of a quadratic, "
            f"and in u = z/2 the same map gives {other:.2f}."
        ),
        facts=(Fact("largest difference of the two sides", gap, basis="formula"), _proof("Cayley point")),
    )


@claim(
    "F23",
    subject="context extension",
    statement="θ_design undoes γ_Padé, and d_h gives back the length: T ↔ d_h is an involution.",
    published_in="falsification ledger, F23: confirmed (symbolic)",
    data="none: both sides are formulas",
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


@claim(
    "P2-entropy-gap",
    subject="thermodynamics",
    statement="The entropy gap ΔH = ln(z/2) + 2 artanh γ is linear in γ over the panel, with a slope near 5.",
    published_in="Part II, abstract (Cardy-like entropy anomaly)",
    data="exponents of the RoPE measurements with γ < 1",
    filter="one z at a time; over all of them for comparison",
    formula="least squares of 2 artanh γ on γ; ΔH against −ln PDI",
    verdict_rule="true by definition if ΔH equals −ln PDI for every measurement, so that its slope is that of a formula",
)
def entropy_gap_slope(evidence: Evidence) -> Finding:
    """The slope of the formula over the measured exponents, and that over all z, where γ_Padé varies too."""
    given = [(m.theta, m.gamma, m.longest) for m in evidence.panel() if m.gamma < 1 and m.theta is not None]
    gamma = np.array([g for _, g, _ in given])
    gap = np.array([cardy_entropy_gap(*each) for each in given])
    by_index = np.array([-log(pade_deviation_index(*each)) for each in given])
    by_hand = np.array([log(t * sqrt(2) / theta / 2) + 2 * np.arctanh(g) for theta, g, t in given])
    off = float(max(np.abs(gap - by_index).max(), np.abs(gap - by_hand).max()))
    one, every = regress(2 * np.arctanh(gamma), gamma=gamma), regress(gap, gamma=gamma)
    return Finding(
        quantity="slope of ΔH on γ at one z",
        value=one.slope,
        interval=one.slope_interval,
        interval_by="t interval of least squares",
        published=5.0,
        n=f"{len(given)} measurements",
        baselines=(
            Baseline("2/(1 − γ²) at the median γ", 2 / (1 - float(np.median(gamma)) ** 2)),
            Baseline("over all z at once", every.slope, every.slope_interval),
        ),
        verdict=by_definition(off < ROUNDING),
        reason=(
            "ΔH is −ln PDI and holds no entropy, so its slope is 2/(1 − γ²) averaged over the exponents that happened to be "
            f"measured, {one.slope:.1f} here, and over models of other bases it is {every.slope:.1f} (R² = {every.r2:.2f})."
        ),
        facts=(Fact("largest difference of ΔH and −ln PDI", off), Fact("R² of a line at one z", one.r2)),
    )


@claim(
    "P2-identities",
    subject="thermodynamics",
    statement="Fifteen algebraic identities of the critical exponents hold, verified by two machines.",
    published_in="Part II, abstract (Sage and Lean; D-SAGE)",
    data="none: the exponents of the panel, and exponents that belong to no model",
    filter="γ < 1, where all of them are defined",
    formula="count of the identities that hold at every γ tried",
    verdict_rule="true by definition if they hold for exponents of no model as well",
)
def identities_hold(evidence: Evidence) -> Finding:
    """How many hold at the measured exponents and at arbitrary ones; and how many published relations never do."""
    measured = [m.gamma for m in evidence.panel(rope=False) if 0 < m.gamma < 1]
    arbitrary = [float(g) for g in np.random.default_rng(1).uniform(0.001, 0.999, 200)]
    kept, kept_anyway = _holding(measured), _holding(arbitrary)
    checks = {check.name: check.statement for check in identities(0.7) if check.kind == "identity"}
    errata = [check.name for check in identities(0.7) if check.kind == "erratum"]
    fisher = "the one relation that was not built in, and it fails elsewhere"
    return Finding(
        quantity="identities that hold at every measured γ",
        value=len(kept),
        published=15,
        n=f"{len(measured)} measured exponents and {len(arbitrary)} of no model",
        interval_by="a count",
        baselines=(Baseline("at exponents of no model", len(kept_anyway)),),
        verdict=by_definition(kept_anyway == kept == set(checks)),
        reason=(
            f"The {len(checks)} that are published in full hold at exponents of no model as well, since every one is a "
            "function of 1 − γ alone, so none of them can fail in a model."
        ),
        facts=(
            Fact("published relations found wrong", len(errata), basis="formula", note=", ".join(errata)),
            Fact("γ at which Fisher's relation holds", "0 and 1.5", basis="formula", note=fisher),
        ),
    ).with_table("Identities", "name | statement", checks.items())


def _identity(quantity: str, gap: float, reason: str, *proofs: str) -> Finding:
    """The finding of an identity that was tried on the grid."""
    return Finding(
        quantity=quantity,
        value=gap,
        n=f"{len(_grid())} pairs of base and length, no measurements",
        interval_by="exact, to the rounding of floats",
        verdict=by_definition(gap < ROUNDING),
        reason=reason,
        facts=tuple(_proof(name) for name in proofs),
    ).with_table("Where it was tried", "θ | T", [("10³ … 10⁷", "10 … 10⁵, below θ√2")])


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


def _holding(gammas: list[float]) -> set[str]:
    """The identities that hold at every γ."""
    checks = [check for g in gammas for check in identities(g) if check.kind == "identity"]
    return {check.name for check in checks} - {check.name for check in checks if not check.holds}
