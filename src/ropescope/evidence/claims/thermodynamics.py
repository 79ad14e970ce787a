"""Claims on the thermodynamics of a power law, most of which measure nothing (C9, C10, F5, F13, C14)."""

from __future__ import annotations

from math import log, sqrt

import numpy as np

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.measurement import PREDICTED_LENGTH
from ropescope.evidence.verdicts.claim import Baseline, Finding, by_definition, judged
from ropescope.evidence.verdicts.figures import Points, scatter_figure
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.sample import Array, Row, Sample, column, short_name
from ropescope.evidence.verdicts.statistics import cluster_interval, correlation
from ropescope.report.report import Fact
from ropescope.theory.thermodynamics import (
    entropy,
    fisher_information,
    heat_capacity,
    heat_capacity_asymptotic,
    susceptibility,
)

N = int(PREDICTED_LENGTH)
"""The context of the published tables."""
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
    meets = (np.diff(ratio) < 0).all() and (np.diff(np.abs(rate - 2 * EULER)) < 0).all()
    at = CONTEXTS.index(N)
    peaks = {n: _peak(n, np.arange(1.0, 1.7, 0.005)) for n in (100, N, 1_000_000)}
    stored = evidence.table("heat_capacities")
    off = 100 * np.array([row["heat_capacity"] / heat_capacity(row["gamma"], N) - 1 for row in stored])
    return Finding(
        quantity=f"C_V(1, N) over (ln N)²/12 at N = {N:,}",
        value=float(ratio[at]),
        published=1.0,
        n=f"the exact sum at {len(CONTEXTS)} contexts",
        interval_by="none: mathematics",
        baselines=(
            Baseline("version 1, (ln N)²/4", float(exact[at] / (3 * leading[at]))),
            Baseline("with the next two terms of the series", float(exact[at] / heat_capacity_asymptotic(N))),
        ),
        verdict=judged(meets),
        reason=(
            f"(ln N)²/12 is the leading term: the exact value is {100 * (ratio[at] - 1):.0f} % above it at N = {N:,} and "
            f"still {100 * (ratio[-1] - 1):.0f} % at a million, and it has no peak at γ = 1."
        ),
        facts=(
            *(
                Fact(f"γ of the peak at N = {n:,}", round(peak, 3), basis="formula", note="it tends to 1")
                for n, peak in peaks.items()
            ),
            Fact(
                "the author's 16 values, off the exact sum",
                float(np.median(off)),
                "%",
                note=f"median; {off.min():.0f} to {off.max():+.0f} %: a continuum in place of the sum",
            ),
        ),
    ).with_table(
        "Heat capacity at γ = 1",
        "N [tokens] :,d | exact :.3f | (ln N)²/12 :.3f | ratio :.3f | excess × ln N :.3f",
        zip(CONTEXTS, exact, leading, ratio, rate, strict=True),
        note=f"The excess times ln N tends to 2 γ_E = {2 * EULER:.3f}.",
    )


@claim(
    "C10",
    subject="thermodynamics",
    statement="Attention obeys an area law: entropy falls with γ at r = −0.954 over 56 measurements.",
    published_in="Part I, §26; falsification ledger, F5",
    data="entropy S_γ that the author computed from each of 56 exponents, N = 2,000",
    formula="correlation of γ and S_γ over the 56 rows",
    verdict_rule="reproduced if r rounds to −0.954 over the 56; under a filter if over those with γ < 1 only",
    tables=("power_law_entropy",),
)
def area_law(evidence: Evidence) -> Finding:
    """The correlation over all rows and over γ < 1, and the same where no model was measured at all."""
    rows = evidence.table("power_law_entropy")
    models = [row["model"] for row in rows]
    gamma, stored = column(rows, "gamma"), column(rows, "entropy")
    below = np.array([row["phase"] == "A" for row in rows])
    exact = _entropies(gamma)
    off = np.abs(stored - exact)
    r, r_below = correlation(gamma, stored), correlation(gamma[below], stored[below])
    grid = np.linspace(gamma.min(), gamma.max(), 200)
    of_grid = _entropies(grid)
    jump = rows[int(np.flatnonzero(~below)[np.argmin(gamma[~below])])]
    return Finding(
        quantity="correlation of γ and S_γ",
        value=r,
        interval=cluster_interval(correlation, models, gamma, stored),
        interval_by=f"cluster bootstrap over {len(set(models))} models",
        published=PUBLISHED_R,
        n=f"{len(rows)} rows, one model listed twice",
        baselines=(
            Baseline("entropy as the exact sum, the same γ", correlation(gamma, exact)),
            Baseline("entropy as the exact sum, γ spread evenly", correlation(grid, of_grid)),
        ),
        verdict=judged(abs(r - PUBLISHED_R) <= HALF_DIGIT, abs(r_below - PUBLISHED_R) <= HALF_DIGIT),
        reason=(
            f"r = {r_below:.3f} holds for the {below.sum()} rows with γ < 1 and r = {r:.2f} for all {len(rows)}, and neither is a "
            f"measurement: S_γ is computed from γ, and any spread of γ gives r near {correlation(grid, of_grid):.2f}."
        ),
        facts=(
            Fact("r over γ < 1", r_below, note=f"{below.sum()} rows"),
            Fact("largest difference from the exact sum, γ < 1", round(float(off[below].max()), 9), "nats"),
            Fact("the same, γ > 1", float(off[~below].max()), "nats", note="the entropy of an endless context"),
            Fact(
                f"S_γ at γ = {jump['gamma']:.4f}",
                jump["entropy"],
                "nats",
                note=f"exact: {entropy(jump['gamma'], N):.2f}",
            ),
        ),
        figures=(
            scatter_figure(
                "area-law",
                "Entropy against exponent: one is computed from the other",
                "γ",
                "S_γ (nats)",
                (
                    Points("γ < 1, as published", gamma[below], stored[below]),
                    Points("γ > 1, as published", gamma[~below], stored[~below]),
                ),
                (Points("exact sum, N = 2,000", grid, of_grid),),
                "Beyond γ = 1 the published values are those of an endless context; none of them was measured.",
            ),
        ),
    )


# C10 recomputes the published entropies; this entry is about the bound.
@claim(
    "F5",
    subject="thermodynamics",
    statement="Area law: the entropy S_γ grows no faster than ln N for every γ > 0, and falls with γ (r = −0.954, n = 56).",
    published_in="falsification ledger, F5: confirmed (n = 56, r = −0.954)",
    data="the exponents of the 56 fitted measurements",
    formula="entropy of d^−γ on 1 … 2000 by the exact sum; its largest value over ln N, and its correlation with γ",
    verdict_rule="true by definition if S_γ takes nothing but γ and N, for no distribution over N outcomes has more than ln N",
)
def entropy_bound(evidence: Evidence) -> Finding:
    """The correlation over the panel, and over exponents that belong to no model."""
    panel = Sample(evidence.panel(rope=False))
    gamma, s = panel.gamma, _entropies(panel.gamma)
    made = np.linspace(gamma.min(), gamma.max(), len(gamma))
    below = gamma < 1
    return Finding(
        quantity="correlation of γ and S_γ",
        value=correlation(gamma, s),
        interval=panel.interval(correlation, gamma, s),
        interval_by="cluster bootstrap over 28 models",
        published=PUBLISHED_R,
        n=f"{len(panel)} exponents, no entropies",
        baselines=(Baseline("as many exponents of no model, evenly spread", correlation(made, _entropies(made))),),
        verdict=by_definition(s.max() <= log(N)),
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
    "F13",
    subject="thermodynamics",
    statement="At γ = 1 lies a phase boundary, where the susceptibility χ diverges.",
    published_in="falsification ledger, F13: confirmed (χ → ∞)",
    data="none: χ is defined as 1/|γ − 1|",
    formula="the response −dU/dγ = Var(ln d) of d^−γ on 1 … N by the exact sum, at γ = 1 and beside it",
    verdict_rule="true by definition if χ takes nothing but γ",
    tables=(),
)
def boundary_at_one(evidence: Evidence) -> Finding:
    """The response of the truncated law, which is smooth at 1, and where its heat capacity peaks."""
    peaks = {n: _peak(n, np.arange(0.5, 2.0, 0.005)) for n in (N, 100_000)}
    response = fisher_information(1.0, N)
    defined = max(abs(susceptibility(g) * abs(g - 1) - 1) for g in (0.5, 0.9, 0.999, 1.1, 2.0))
    return Finding(
        quantity=f"response −dU/dγ at γ = 1, N = {N:,}",
        value=response,
        n="no measurements",
        interval_by="exact",
        baselines=tuple(Baseline(f"at γ = {g}", fisher_information(g, N)) for g in (0.9, 1.1)),
        verdict=by_definition(defined < 1e-9),
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


@claim(
    "C14",
    subject="entropy",
    statement="The entropy of attention lies 6 to 7 nats below the Cardy entropy ln[(θ + T/√2)/√2]: an anomaly.",
    published_in="Part II, abstract (Cardy-like entropy anomaly); the author's entropy files",
    data="entropy of attention by layer of Pythia-70M, -1B, -1.4B and Llama-2-7B on text, T = 512",
    filter="none; layers whose attention was not finite stand as 0 in the files",
    formula="mean of H − ln[(θ + T/√2)/√2]",
    verdict_rule="reproduced if attention could reach the Cardy entropy, ln[(θ + T/√2)/√2] ≤ ln T, and does not",
    tables=("attention_entropy",),
)
def cardy_anomaly(evidence: Evidence) -> Finding:
    """The shortfall as published, and that of attention with the largest entropy there is."""
    rows = evidence.table("attention_entropy")
    cardy = np.array([log((row["theta"] + row["length"] / sqrt(2)) / sqrt(2)) for row in rows])
    largest = np.array([log(row["length"]) for row in rows])
    # Uniform rows over 1, 2, … tokens, on average.
    causal = np.array([np.log(np.arange(1, row["length"] + 1)).mean() for row in rows])
    shortfall = np.array([np.mean(row["by_layer"]) for row in rows]) - cardy
    dead = {short_name(row): count for row in rows if (count := sum(value == 0 for value in row["by_layer"]))}
    return Finding(
        quantity="entropy less the Cardy entropy",
        value=float(shortfall.mean()),
        unit="nats",
        n=f"{len(rows)} models",
        interval_by=f"none: {len(rows)} models",
        baselines=(
            Baseline("uniform attention over all 512 tokens", float((largest - cardy).mean())),
            Baseline("uniform attention, mean over all queries", float((causal - cardy).mean())),
            Baseline("attention to a single token", float(-cardy.mean())),
        ),
        verdict=judged((cardy <= largest).all() and (shortfall < 0).all()),
        reason=(
            f"No attention can reach the reference: it is {cardy[0]:.2f} nats, and the largest entropy over "
            f"{rows[0]['length']} tokens is {largest[0]:.2f}, so that uniform attention, too, falls short, and "
            f"{len(dead)} of {len(rows)} means count layers without a measurement as 0."
        ),
        facts=tuple(Fact(f"layers that stand as 0, {name}", count) for name, count in dead.items()),
    ).with_table(
        "Entropy by model, in nats",
        "model | layers | as published :.2f | measured layers :.2f | Cardy :.2f | largest possible :.2f | "
        "short of it :.2f",
        [
            (short_name(row), len(row["by_layer"]), row["observed"], alive, reference, most, most - alive)
            for row, alive, reference, most in zip(rows, map(_alive, rows), cardy, largest, strict=True)
        ],
        note="measured layers: the mean without the layers that stand as 0; short of it: below the largest possible.",
    )


def _entropies(gamma: Array) -> Array:
    return np.array([entropy(float(one), N) for one in gamma])


def _peak(n_tokens: int, grid: Array) -> float:
    """The γ of a grid with the largest heat capacity."""
    return float(grid[np.argmax([heat_capacity(float(gamma), n_tokens) for gamma in grid])])


def _alive(row: Row) -> float:
    return float(np.mean([value for value in row["by_layer"] if value != 0]))
