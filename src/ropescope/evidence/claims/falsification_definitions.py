"""The author's falsification ledger, entries on quantities that are defined from γ alone (F5, F9, F13)."""

from __future__ import annotations

from math import log

import numpy as np

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.measurement import PREDICTED_LENGTH
from ropescope.evidence.verdicts.claim import Baseline, Finding
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.statistics import cluster_interval, correlation
from ropescope.report.report import Fact
from ropescope.theory.thermodynamics import entropy, fisher_information, heat_capacity, susceptibility

N = int(PREDICTED_LENGTH)


# C10 recomputes the published entropies; this entry is about the bound.
@claim(
    "F5",
    subject="thermodynamics",
    statement="Area law: the entropy S_γ grows no faster than ln N for every γ > 0, and falls with γ (r = −0.954, n = 56).",
    published_in="falsification ledger, F5: confirmed (n = 56, r = −0.954)",
    data="the exponents of the 56 fitted measurements",
    filter="none",
    formula="entropy of d^−γ on 1 … 2000 by the exact sum; its largest value over ln N, and its correlation with γ",
    verdict_rule="true by definition if S_γ takes nothing but γ and N, for no distribution over N outcomes has more than ln N",
)
def entropy_bound(evidence: Evidence) -> Finding:
    """The correlation over the panel, and over exponents that belong to no model."""
    panel = evidence.panel(rope=False)
    models, gamma = [m.model for m in panel], np.array([m.gamma for m in panel])
    s = np.array([entropy(g, N) for g in gamma])
    low, high = cluster_interval(correlation, models, gamma, s)
    made = np.linspace(gamma.min(), gamma.max(), len(gamma))
    below = gamma < 1
    return Finding(
        quantity="correlation of γ and S_γ",
        value=correlation(gamma, s),
        interval=(low, high),
        interval_by="cluster bootstrap over 28 models",
        published=-0.954,
        n=f"{len(panel)} exponents, no entropies",
        baselines=(
            Baseline("as many exponents of no model, evenly spread", correlation(made, [entropy(g, N) for g in made])),
        ),
        verdict="true by definition" if s.max() <= log(N) else "not reproduced",
        reason=(
            f"S_γ is computed from γ alone, so it is bounded by ln N ({s.max():.2f} against {log(N):.2f} at most) and falls with γ "
            f"whatever was measured: exponents of no model at all do the same."
        ),
        facts=(
            Fact("largest S_γ over ln N", float(s.max() / log(N))),
            Fact(
                "correlation where γ < 1",
                correlation(gamma[below], s[below]),
                note=f"{int(below.sum())} exponents; the published list has one of them twice and another not at all",
            ),
            Fact(
                "S_γ at γ = 0.75, N = 2,000 and 100,000",
                f"{entropy(0.75, N):.2f} and {entropy(0.75, 100_000):.2f}",
                note="it grows as ln N, which is the largest growth there is: a volume law, if a name is wanted",
            ),
        ),
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
    panel = evidence.panel()
    gamma = np.array([m.gamma for m in panel])
    inside = int(((gamma > 1) & (gamma < 3)).sum())
    return Finding(
        quantity="measurements with a fractional order, 1 < γ < 3",
        value=inside,
        n=f"{len(gamma)} measurements",
        interval_by="a count",
        baselines=(Baseline("uniform attention in the same designs", sum(1 < m.null.gamma < 3 for m in panel)),),
        verdict="true by definition",
        reason=(
            "d_eff is 1/γ under another name and nothing was measured that could be hyperbolic, while the fractional order "
            f"that goes with it exists for {inside} of {len(gamma)} exponents."
        ),
        facts=(
            Fact(
                "d_eff = 1/γ",
                float(np.median(1 / gamma)),
                note=f"median, from {(1 / gamma).min():.2f} to {(1 / gamma).max():.2f}",
            ),
        ),
    )


@claim(
    "F13",
    subject="thermodynamics",
    statement="At γ = 1 lies a phase boundary, where the susceptibility χ diverges.",
    published_in="falsification ledger, F13: confirmed (χ → ∞)",
    data="none: χ is defined as 1/|γ − 1|",
    filter="none",
    formula="the response −dU/dγ = Var(ln d) of d^−γ on 1 … N by the exact sum, at γ = 1 and beside it",
    verdict_rule="true by definition if χ takes nothing but γ",
    tables=(),
)
def boundary_at_one(evidence: Evidence) -> Finding:
    """The response of the truncated law, which is smooth at 1, and where its heat capacity peaks."""
    grid = np.arange(0.5, 2.0, 0.005)
    peaks = {n: float(grid[int(np.argmax([heat_capacity(float(g), n) for g in grid]))]) for n in (N, 100_000)}
    response = fisher_information(1.0, N)
    defined = max(abs(susceptibility(g) * abs(g - 1) - 1) for g in (0.5, 0.9, 0.999, 1.1, 2.0))
    return Finding(
        quantity=f"response −dU/dγ at γ = 1, N = {N:,}",
        value=response,
        n="no measurements",
        interval_by="exact",
        baselines=tuple(Baseline(f"at γ = {g}", fisher_information(g, N)) for g in (0.9, 1.1)),
        verdict="true by definition" if defined < 1e-9 else "not reproduced",
        reason=(
            f"χ is set to 1/|γ − 1| and so diverges at 1 by definition, while the response of a context of {N:,} is "
            f"{response:.2f} there, hardly more than beside it, and its heat capacity peaks at γ = {peaks[N]:.2f}."
        ),
        facts=(
            Fact("χ at γ = 0.999", susceptibility(0.999), basis="formula"),
            Fact("response at γ = 0.999", fisher_information(0.999, N), basis="formula"),
            *(Fact(f"γ at which the heat capacity peaks, N = {n:,}", at, basis="formula") for n, at in peaks.items()),
        ),
    )
