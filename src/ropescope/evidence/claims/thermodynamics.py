"""Claims on the thermodynamics of a power law (C9, C10). They compute with exponents, and measure nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.verdicts.claim import Baseline, Finding, Verdict
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.scatter_figure import Points, scatter_figure
from ropescope.evidence.verdicts.statistics import cluster_interval, correlation
from ropescope.report.report import Column, Fact, Table
from ropescope.theory.thermodynamics import entropy, heat_capacity, heat_capacity_asymptotic

Array = NDArray[np.float64]

CONTEXT = 2000
"""The context N of the published tables."""
CONTEXTS = (100, 500, 1000, 2000, 2048, 10_000, 100_000, 1_000_000)
EULER = 0.5772156649015329
PUBLISHED_R = -0.954
HALF_DIGIT = 5e-4


@claim(
    "C9",
    subject="thermodynamics",
    statement="At γ = 1 the heat capacity is (log N)²/12.",
    published_in="Part I, Theorem 7.1 of version 3; (log N)²/4 in version 1",
    data="none of attention: the exact sum over distances 1 … N; 16 heat capacities as the author computed them",
    filter="none",
    formula="C_V(1, N) = Var(ln d) under p(d) ∝ 1/d, over (ln N)²/12",
    verdict_rule="reproduced if the ratio falls to 1 as N grows, by 1/ln N; it need not be 1 at any N",
    tables=("heat_capacities",),
)
def heat_capacity_at_one(evidence: Evidence) -> Finding:
    """The exact sum over its leading term, how fast they meet, and where the heat capacity has its peak."""
    exact = np.array([heat_capacity(1.0, n) for n in CONTEXTS])
    leading = np.array([heat_capacity_asymptotic(n, terms=1) for n in CONTEXTS])
    ratio = exact / leading
    # The next term of the series is (γ_E/6) ln N: the excess times ln N tends to 2 γ_E.
    rate = (ratio - 1) * np.log(CONTEXTS)
    meets = bool((np.diff(ratio) < 0).all() and (np.diff(np.abs(rate - 2 * EULER)) < 0).all())
    at = CONTEXTS.index(CONTEXT)
    peaks = {n: _peak(n) for n in (100, CONTEXT, 1_000_000)}
    stored = evidence.table("heat_capacities")
    off = np.array([row["heat_capacity"] / heat_capacity(row["gamma"], CONTEXT) - 1 for row in stored])
    return Finding(
        quantity=f"C_V(1, N) over (ln N)²/12 at N = {CONTEXT:,}",
        value=float(ratio[at]),
        published=1.0,
        n=f"the exact sum at {len(CONTEXTS)} contexts",
        interval_by="none: mathematics",
        baselines=(
            Baseline("version 1, (ln N)²/4", float(exact[at] / (3 * leading[at]))),
            Baseline("with the next two terms of the series", float(exact[at] / heat_capacity_asymptotic(CONTEXT))),
        ),
        verdict="reproduced" if meets else "not reproduced",
        reason=(
            f"(ln N)²/12 is the leading term: the exact value is {100 * (ratio[at] - 1):.0f} % above it at N = {CONTEXT:,} and "
            f"still {100 * (ratio[-1] - 1):.0f} % at a million, and it has no peak at γ = 1."
        ),
        facts=(
            *(
                Fact(f"γ of the peak at N = {n:,}", peak, basis="formula", note="it tends to 1")
                for n, peak in peaks.items()
            ),
            Fact(
                "the author's 16 values, off the exact sum",
                100 * float(np.median(off)),
                "%",
                note=f"median; {100 * off.min():.0f} to {100 * off.max():+.0f} %: a continuum in place of the sum",
            ),
        ),
        tables=(
            Table(
                "Heat capacity at γ = 1",
                (
                    Column("N", "tokens", ",d"),
                    *(Column(c, format=".3f") for c in ("exact", "(ln N)²/12", "ratio", "excess × ln N")),
                ),
                tuple(
                    zip(
                        CONTEXTS,
                        map(float, exact),
                        map(float, leading),
                        map(float, ratio),
                        map(float, rate),
                        strict=True,
                    )
                ),
                note=f"The excess times ln N tends to 2 γ_E = {2 * EULER:.3f}.",
            ),
        ),
    )


@claim(
    "C10",
    subject="thermodynamics",
    statement="Attention obeys an area law: entropy falls with γ at r = −0.954 over 56 measurements.",
    published_in="Part I, §26; falsification ledger, F5",
    data="entropy S_γ that the author computed from each of 56 exponents, N = 2,000",
    filter="none",
    formula="correlation of γ and S_γ over the 56 rows",
    verdict_rule="reproduced if r rounds to −0.954 over the 56; under a filter if over those with γ < 1 only",
    tables=("power_law_entropy",),
)
def area_law(evidence: Evidence) -> Finding:
    """The correlation over all rows and over γ < 1, and the same where no model was measured at all."""
    rows = evidence.table("power_law_entropy")
    models = [row["model"] for row in rows]
    gamma = np.array([row["gamma"] for row in rows])
    stored = np.array([row["entropy"] for row in rows])
    below = np.array([row["phase"] == "A" for row in rows])
    exact = _entropies(gamma)
    r, r_below = correlation(gamma, stored), correlation(gamma[below], stored[below])
    grid = np.linspace(gamma.min(), gamma.max(), 200)
    jump = rows[int(np.flatnonzero(~below)[np.argmin(gamma[~below])])]
    if abs(r - PUBLISHED_R) <= HALF_DIGIT:
        verdict: Verdict = "reproduced"
    else:
        verdict = "reproduced under a filter" if abs(r_below - PUBLISHED_R) <= HALF_DIGIT else "not reproduced"
    return Finding(
        quantity="correlation of γ and S_γ",
        value=r,
        interval=cluster_interval(correlation, models, gamma, stored),
        interval_by=f"cluster bootstrap over {len(set(models))} models",
        published=PUBLISHED_R,
        n=f"{len(rows)} rows, one model listed twice",
        baselines=(
            Baseline("entropy as the exact sum, the same γ", correlation(gamma, exact)),
            Baseline("entropy as the exact sum, γ spread evenly", correlation(grid, _entropies(grid))),
        ),
        verdict=verdict,
        reason=(
            f"r = {r_below:.3f} holds for the {below.sum()} rows with γ < 1 and r = {r:.2f} for all {len(rows)}, and neither is a "
            f"measurement: S_γ is computed from γ, and any spread of γ gives r near {correlation(grid, _entropies(grid)):.2f}."
        ),
        facts=(
            Fact("r over γ < 1", r_below, note=f"{below.sum()} rows"),
            Fact(
                "largest difference from the exact sum, γ < 1",
                round(float(np.abs(stored - exact)[below].max()), 9),
                "nats",
            ),
            Fact(
                "the same, γ > 1",
                float(np.abs(stored - exact)[~below].max()),
                "nats",
                note="the entropy of an endless context",
            ),
            Fact(
                f"S_γ at γ = {jump['gamma']:.4f}",
                jump["entropy"],
                "nats",
                note=f"exact: {entropy(jump['gamma'], CONTEXT):.2f}",
            ),
        ),
        figures=(
            scatter_figure(
                "area-law",
                "Entropy against exponent: one is computed from the other",
                "γ",
                "S_γ (nats)",
                (
                    Points("γ < 1, as published", tuple(gamma[below]), tuple(stored[below])),
                    Points("γ > 1, as published", tuple(gamma[~below]), tuple(stored[~below])),
                ),
                (Points("exact sum, N = 2,000", tuple(grid), tuple(_entropies(grid))),),
                "Beyond γ = 1 the published values are those of an endless context; none of them was measured.",
            ),
        ),
    )


def _entropies(gamma: Array) -> Array:
    return np.array([entropy(float(one), CONTEXT) for one in gamma])


def _peak(n_tokens: int) -> float:
    """γ of the largest heat capacity, to 0.005."""
    grid = np.arange(1.0, 1.7, 0.005)
    return round(float(grid[np.argmax([heat_capacity(float(gamma), n_tokens) for gamma in grid])]), 3)
