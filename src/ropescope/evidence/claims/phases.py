"""Claims that read a cause from Δγ = γ_random − γ_text (F10, F11, F15 of the author's falsification ledger).

These entries write Δγ with the sign opposite to that of the induction phase, γ_text − γ_random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from scipy.stats import fisher_exact, mannwhitneyu

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.measurement import Measurement, ModelFacts
from ropescope.evidence.tables import table
from ropescope.evidence.verdicts.claim import Baseline, Finding, judged
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.sample import short_name
from ropescope.measure.protocol import LEGACY_OFFSET
from ropescope.report.report import Fact, Table
from ropescope.theory.decomposition import INDUCTION_PARAMETERS

LARGE = INDUCTION_PARAMETERS / 1e6
"""Millions of parameters from which induction heads are supposed."""
BELOW = -0.1
ABOVE = 0.3
BOUNDARY = 1.68


@dataclass(frozen=True, slots=True)
class Pair:
    """A model measured on both corpora, and its Δγ; by the median over seeds as well, which one prompt cannot move."""

    facts: ModelFacts
    difference: float
    by_median: float | None

    @property
    def name(self) -> str:
        """The Hub id without its organisation."""
        return short_name(self.facts.model)


@claim(
    "F10",
    subject="induction phase",
    statement="Δγ = γ_random − γ_text below −0.1 in a model of 400 M parameters or more means shared KV heads or induction heads.",
    published_in="falsification ledger, F10: confirmed (n > 20 models)",
    data="attention by distance of the published measurements; configs of the models",
    filter="models of 400 M parameters or more that were fitted on both corpora, with or without RoPE",
    formula="share of models with shared KV heads among those with Δγ < −0.1, against the others (Fisher's exact test)",
    verdict_rule="reproduced if the share is higher with p < 0.05; no measurement tells induction heads",
)
def low_difference_means_shared_heads(evidence: Evidence) -> Finding:
    """Who has a low Δγ, and whether shared heads are more common there."""
    pairs = [p for p in _pairs(evidence) if p.facts.parameters_millions >= LARGE]
    low, rest = [p for p in pairs if p.difference < BELOW], [p for p in pairs if p.difference >= BELOW]
    shared, shared_rest = (sum(p.facts.grouped_query for p in group) for group in (low, rest))
    counts = [[shared, len(low) - shared], [shared_rest, len(rest) - shared_rest]]
    test = fisher_exact(counts, alternative="greater")
    mean = float(np.mean([p.difference for p in pairs]))
    return Finding(
        quantity="models with shared KV heads among those with Δγ < −0.1",
        value=100 * (shared / len(low)),
        unit="%",
        interval_by=f"Fisher's exact test against the others: p = {test.pvalue:.2f}",
        published=100.0,
        n=f"{len(pairs)} models, {len(low)} of them with Δγ < −0.1",
        baselines=(Baseline("among those with Δγ ≥ −0.1", 100 * (shared_rest / len(rest))),),
        verdict=judged(test.pvalue < 0.05 and shared / len(low) > shared_rest / len(rest)),
        reason=(
            f"{shared} of the {len(low)} models with Δγ < −0.1 share KV heads and {shared_rest} of the other {len(rest)} do "
            f"(p = {test.pvalue:.2f}), and that these models have induction heads is supposed from their size, not measured."
        ),
        facts=(Fact("mean Δγ of these models", mean, note="near 0: a model of this size has no typical sign"),),
        tables=(_table(pairs),),
    )


@claim(
    "F11",
    subject="induction phase",
    statement="Δγ = γ_random − γ_text above +0.3 is the mark of alternating sliding windows, the Gemma family's.",
    published_in="falsification ledger, F11: confirmed (Gemma-2-9B, Δγ = +0.51)",
    data="attention by distance of the published measurements; configs of the models",
    filter="models that were fitted on both corpora, with or without RoPE",
    formula="share of models with alternating windows among those with Δγ > 0.3",
    verdict_rule="reproduced if all of them alternate windows",
)
def high_difference_means_windows(evidence: Evidence) -> Finding:
    """Who has a high Δγ, and who still has when the median over seeds stands for the mean."""
    pairs = _pairs(evidence)
    high = [p for p in pairs if p.difference > ABOVE]
    alternate = [p for p in high if p.facts.family == "Gemma"]
    steady = [p.name for p in pairs if p.by_median is not None and p.by_median > ABOVE]
    base = sum(p.facts.family == "Gemma" for p in pairs) / len(pairs)
    others = ", ".join(p.name for p in high if p not in alternate)
    longest = max(m.longest for m in evidence.panel() if m.facts.sliding_window) + LEGACY_OFFSET
    return Finding(
        quantity="models with alternating windows among those with Δγ > 0.3",
        value=100 * len(alternate) / len(high),
        unit="%",
        published=100.0,
        n=f"{len(pairs)} models, {len(high)} of them with Δγ > 0.3",
        interval_by=f"none: {len(high)} models, one of which alternates windows",
        baselines=(Baseline("among all models", 100 * base),),
        verdict=judged(len(alternate) == len(high)),
        reason=(
            f"{len(high)} models have it and {len(alternate)} of them alternates windows, the others being {others}; nor can a "
            f"window act here, for no sequence has more than {longest:,.0f} tokens."
        ),
        facts=(
            Fact("Δγ of Gemma-2-9B", alternate[0].difference, note="as published: +0.51"),
            Fact("with Δγ > 0.3 by the median of the seeds", len(steady), "models", note=", ".join(steady)),
        ),
        tables=(_table(pairs),),
    )


@claim(
    "F15",
    subject="induction phase",
    statement="The ratio R_c = ln(d_head/n_kv)/ln(P/400 M) parts models before induction from those after at R_c* = 1.68.",
    published_in="falsification ledger, F15: refuted by the author (overlap from 0.92 to 3.08, n = 9)",
    data="attention by distance of the published measurements and of their repeats; configs of the models; published R_c",
    filter="RoPE models of more than 400 M parameters measured on both corpora, each once",
    formula="R_c of the models with Δγ > 0 (before) against those with Δγ < 0 (after): rank test, and accuracy of 1.68",
    verdict_rule="reproduced if 1.68 parts them in full; not reproduced if the ranges overlap",
    tables=("panel", "boundary_ratios"),
)
def boundary_ratio(evidence: Evidence) -> Finding:
    """How well R_c parts the models by the sign of Δγ, and whether the formula gives the published values."""
    pairs = [
        p for p in _pairs(evidence, repeats=True) if p.facts.positions == "rope" and p.facts.parameters_millions > LARGE
    ]
    ratio = np.array([_ratio(p.facts.head_dim, p.facts.kv_heads, p.facts.parameters_millions) for p in pairs])
    before = np.array([p.difference > 0 for p in pairs])
    test = mannwhitneyu(ratio[before], ratio[~before])
    right = float(max(np.mean((ratio < BOUNDARY) == before), np.mean((ratio > BOUNDARY) == before)))
    majority = float(max(before.mean(), 1 - before.mean()))
    low, high = max(ratio[before].min(), ratio[~before].min()), min(ratio[before].max(), ratio[~before].max())
    inside = int(((ratio >= low) & (ratio <= high)).sum())
    off = [
        abs(_ratio(row["head_dim"], row["kv_heads"], row["parameters_millions"]) / row["ratio"] - 1)
        for row in evidence.table("boundary_ratios")
    ]
    return Finding(
        quantity="models that R_c* = 1.68 puts on the right side",
        value=100 * right,
        unit="%",
        interval_by=f"rank test of R_c between the groups: p = {test.pvalue:.2f}",
        published=100.0,
        n=f"{len(pairs)} models, {int(before.sum())} with Δγ > 0",
        baselines=(Baseline("always the larger group", 100 * majority),),
        verdict=judged(low > high and right == 1),
        reason=(
            f"As the author found, the groups overlap, here from {low:.2f} to {high:.2f}, where {inside} of the "
            f"{len(pairs)} models lie, and 1.68 is right for {100 * right:.0f} % where always saying the same is right for "
            f"{100 * majority:.0f} %."
        ),
        facts=(
            Fact("p of R_c between the groups", float(test.pvalue), note="Mann and Whitney's test"),
            Fact("formula against published R_c, largest relative difference", max(off), note=f"{len(off)} models"),
            Fact("R_c at 405 M parameters", float(ratio.max()), note="the ratio has a pole at 400 M"),
        ),
    ).with_table(
        "Models by R_c",
        "model | R_c :.3f | Δγ :+.3f",
        [(pairs[i].name, ratio[i], pairs[i].difference) for i in np.argsort(ratio)],
    )


def _pairs(evidence: Evidence, repeats: bool = False) -> list[Pair]:
    """The models fitted on both corpora; with `repeats`, those that only the repeats measured so too."""
    series = ("e4", "cloud") if repeats else ("e4",)
    found: dict[tuple[str, str], Measurement] = {}
    for m in sorted(evidence.measurements, key=lambda m: m.series != "e4"):
        if m.series in series:
            found.setdefault((m.model, m.corpus), m)
    models = dict.fromkeys(model for model, _ in found)
    both = [(found.get((model, "text")), found.get((model, "random"))) for model in models]
    return [_pair(text, random) for text, random in both if text is not None and random is not None]


def _pair(text: Measurement, random: Measurement) -> Pair:
    medians = (random.gamma_median_of_seeds, text.gamma_median_of_seeds)
    by_median = None if medians[0] is None or medians[1] is None else medians[0] - medians[1]
    return Pair(text.facts, random.gamma - text.gamma, by_median)


def _ratio(head_dim: int, kv_heads: int, parameters_millions: float) -> float:
    return log(head_dim / kv_heads) / log(parameters_millions / LARGE)


def _table(pairs: Sequence[Pair]) -> Table:
    rows = []
    for p in sorted(pairs, key=lambda p: p.difference):
        f = p.facts
        windows = bool(f.sliding_window)
        rows.append((p.name, f.parameters_millions, f.grouped_query, windows, p.difference, p.by_median))
    header = "model | parameters [M] :,d | shared KV heads | windows | Δγ :+.3f | by median of seeds :+.3f"
    return table("Models by Δγ", header, rows)
