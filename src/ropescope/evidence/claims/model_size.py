"""Claims on the exponent and the size of a model: induction heads, and the compute invariant (C12, C21)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, mannwhitneyu, ttest_ind

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.verdicts.claim import Baseline, Finding
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.statistics import cluster_interval, correlation
from ropescope.report.report import Column, Fact, Table
from ropescope.theory.decomposition import COMPUTE_MEAN, COMPUTE_SD, INDUCTION_PARAMETERS, compute_invariant

Array = NDArray[np.float64]


@claim(
    "C12",
    subject="model size",
    statement="γ_text − γ_random is positive after induction heads have formed (from 400 M parameters on), negative before.",
    published_in="Part II, §30 (−0.19 ± 0.26 before, +0.03 ± 0.26 after)",
    data="attention by distance of the published measurements; parameter counts of the models",
    filter="RoPE models that were fitted on text and on random tokens",
    formula="count of models whose sign of γ_text − γ_random is the one their size calls for",
    verdict_rule="reproduced if the sign is right more often than always saying `after`, and the two groups differ at p < 0.05",
)
def induction_probe(evidence: Evidence) -> Finding:
    """How often the sign is right, beside saying `after` of every model, and how far the two groups differ."""
    text = evidence.panel(corpus="text")
    random = {m.model: m.gamma for m in evidence.panel(corpus="random")}
    difference = np.array([m.gamma - random[m.model] for m in text])
    after = np.array([m.facts.parameters_millions * 1e6 >= INDUCTION_PARAMETERS for m in text])
    right, always = int(((difference > 0) == after).sum()), int(after.sum())
    welch = float(ttest_ind(difference[~after], difference[after], equal_var=False).pvalue)
    ranks = float(mannwhitneyu(difference[~after], difference[after]).pvalue)
    exact = binomtest(right, len(text)).proportion_ci()
    return Finding(
        quantity="models whose sign is right",
        value=right,
        interval=(len(text) * float(exact.low), len(text) * float(exact.high)),
        interval_by="exact binomial interval (Clopper and Pearson 1934)",
        n=f"{len(text)} models, {(~after).sum()} of them below 400 M parameters",
        baselines=(Baseline("saying `after` of every model", always),),
        verdict="reproduced" if right > always and welch < 0.05 else "not reproduced",
        reason=(
            f"The sign is right for {right} of {len(text)} models where always saying `after` is right for {always}, and the "
            f"groups differ at p = {welch:.3f}."
        ),
        facts=(
            Fact(
                "mean difference below 400 M",
                float(difference[~after].mean()),
                note=f"± {difference[~after].std(ddof=1):.3f}",
            ),
            Fact(
                "mean difference from 400 M on",
                float(difference[after].mean()),
                note=f"± {difference[after].std(ddof=1):.3f}",
            ),
            Fact("p of the difference, Welch's t test", welch),
            Fact("p of the difference, Mann–Whitney test", ranks),
        ),
        tables=(
            Table(
                "Models by size",
                (
                    Column("model"),
                    Column("parameters", "M", ",d"),
                    Column("γ_text − γ_random", format="+.3f"),
                    Column("sign right"),
                ),
                tuple(
                    (
                        text[i].short_name,
                        text[i].facts.parameters_millions,
                        float(difference[i]),
                        bool((difference[i] > 0) == after[i]),
                    )
                    for i in sorted(range(len(text)), key=lambda i: text[i].facts.parameters_millions)
                ),
            ),
        ),
    )


@claim(
    "C21",
    subject="model size",
    statement="K = γ ln(P² D) is an invariant of compute and context: 51.2 ± 16.8, a coefficient of variation of 0.329.",
    published_in="Part II, §29 (n = 22)",
    data="attention by distance of the published measurements; parameter counts, with D = 20 P training tokens",
    filter="RoPE models on text",
    formula="standard deviation (n − 1) over mean of K",
    verdict_rule="reproduced if K varies less than γ alone: the interval of the difference lies below 0",
)
def compute_context_invariant(evidence: Evidence) -> Finding:
    """The variation of K, of γ alone, and of the logarithm that γ is multiplied with."""
    panel = evidence.panel(corpus="text")
    gamma, models = np.array([m.gamma for m in panel]), [m.model for m in panel]
    parameters = np.array([m.facts.parameters_millions * 1e6 for m in panel])
    k = np.array([compute_invariant(float(g), float(p)).k for g, p in zip(gamma, parameters, strict=True)])
    low, high = cluster_interval(lambda a, b: _variation(a) - _variation(b), models, k, gamma)
    return Finding(
        quantity="coefficient of variation of K",
        value=_variation(k),
        interval=cluster_interval(_variation, models, k),
        interval_by="bootstrap over models",
        published=0.329,
        n=f"{len(panel)} models",
        baselines=(
            Baseline("γ alone", _variation(gamma), cluster_interval(_variation, models, gamma)),
            Baseline("the logarithm alone", _variation(k / gamma)),
        ),
        verdict="reproduced" if high < 0 else "not reproduced",
        reason=(
            f"K varies by {_variation(k):.3f} and γ alone by {_variation(gamma):.3f}: K is γ times a logarithm that hardly varies "
            f"(correlation {correlation(k, gamma):.2f})."
        ),
        facts=(
            Fact("mean of K", float(k.mean()), note=f"± {k.std(ddof=1):.1f}; published {COMPUTE_MEAN} ± {COMPUTE_SD}"),
            Fact("variation of K less that of γ", _variation(k) - _variation(gamma), interval=(low, high)),
            Fact("correlation of K and γ", correlation(k, gamma)),
        ),
    )


def _variation(values: Array) -> float:
    return float(values.std(ddof=1) / values.mean())
