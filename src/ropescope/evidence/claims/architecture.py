"""Claims on the exponent and what a model is: KV heads, size, compute (C23, C12, C21)."""

from __future__ import annotations

import numpy as np
from scipy.stats import binomtest, mannwhitneyu, ttest_ind

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.verdicts.claim import Baseline, Finding, judged
from ropescope.evidence.verdicts.figures import Points, scatter_figure
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.sample import Array, Sample, variation
from ropescope.evidence.verdicts.statistics import correlation, permutation_p, r2_of_prediction, regress
from ropescope.report.report import Fact, Figure
from ropescope.theory.decomposition import (
    COMPUTE_MEAN,
    COMPUTE_SD,
    CONCENTRATION_SLOPE,
    INDUCTION_PARAMETERS,
    compute_invariant,
)


@claim(
    "C23",
    subject="architecture",
    statement="On text γ lies below γ_Padé by 0.012 for every KV head: R² = 0.30 against 0.02 for γ_Padé alone.",
    published_in="Part II, abstract and §33 (n = 22)",
    data="attention by distance of the published measurements; configs of the models",
    filter="RoPE models on text",
    formula="least squares of γ − γ_Padé on the number of KV heads",
    verdict_rule="reproduced if the slope's interval holds −0.012 and excludes 0",
)
def kv_head_law(evidence: Evidence) -> Finding:
    """The slope, and how well the law predicts as it stands."""
    panel = Sample(evidence.panel(corpus="text"))
    gamma, pade, heads = panel.gamma, panel.pade, panel.values(lambda m: m.facts.kv_heads)
    fit = regress(gamma - pade, heads=heads)
    low, high = fit.slope_interval
    law = pade + CONCENTRATION_SLOPE * heads
    errors = {name: np.abs(gamma - guess) for name, guess in {"γ_Padé alone": pade, **panel.rivals}.items()}
    error, alone, others = np.abs(gamma - law), errors["γ_Padé alone"], errors["mean of the other models"]
    return Finding(
        quantity="slope of γ − γ_Padé on KV heads",
        value=fit.slope,
        interval=(low, high),
        interval_by=f"t interval of least squares, p = {fit.slope_p:.2f}",
        published=CONCENTRATION_SLOPE,
        n=f"{fit.n} models",
        baselines=(Baseline("KV heads do not matter", 0.0),),
        verdict=judged(low <= CONCENTRATION_SLOPE <= high < 0),
        reason=(
            f"The slope is {fit.slope:.4f} (p = {fit.slope_p:.2f}), and the law as it stands has an R² of "
            f"{r2_of_prediction(gamma, law):.2f} and a mean error of {error.mean():.3f} where γ_Padé alone has "
            f"{alone.mean():.3f} and the mean of the other models {others.mean():.3f}."
        ),
        facts=(
            Fact("R² of the law as published", r2_of_prediction(gamma, law), note="0 is no better than the mean"),
            Fact("R² of γ_Padé alone", r2_of_prediction(gamma, pade)),
            Fact("R² of the fitted slope", fit.r2, note="of γ − γ_Padé"),
            Fact("p when models exchange their KV heads", permutation_p(_pearson, heads, gamma - pade, panel.models)),
            panel.fact("mean error of the law", np.mean, error),
            *(panel.fact(f"mean error, {name}", np.mean, one) for name, one in errors.items()),
        ),
        figures=(_heads_figure(panel, heads, fit.coefficients[:2]),),
    )


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
    text = Sample(evidence.panel(corpus="text"))
    random = {m.model: m.gamma for m in evidence.panel(corpus="random")}
    difference = text.values(lambda m: m.gamma - random[m.model])
    after = text.parameters >= INDUCTION_PARAMETERS
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
        verdict=judged(right > always and welch < 0.05),
        reason=(
            f"The sign is right for {right} of {len(text)} models where always saying `after` is right for {always}, and the "
            f"groups differ at p = {welch:.3f}."
        ),
        facts=(
            _mean("mean difference below 400 M", difference[~after]),
            _mean("mean difference from 400 M on", difference[after]),
            Fact("p of the difference, Welch's t test", welch),
            Fact("p of the difference, Mann–Whitney test", ranks),
        ),
    ).with_table(
        "Models by size",
        "model | parameters [M] :,d | γ_text − γ_random :+.3f | sign right",
        [
            (m.short_name, m.facts.parameters_millions, value, (value > 0) == large)
            for m, value, large in sorted(
                zip(text, difference, after, strict=True), key=lambda row: row[0].facts.parameters_millions
            )
        ],
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
    panel = Sample(evidence.panel(corpus="text"))
    gamma = panel.gamma
    k = panel.values(lambda m: compute_invariant(m.gamma, m.facts.parameters_millions * 1e6).k)
    less = panel.fact("variation of K less that of γ", lambda a, b: variation(a) - variation(b), k, gamma)
    return Finding(
        quantity="coefficient of variation of K",
        value=variation(k),
        interval=panel.interval(variation, k),
        interval_by="bootstrap over models",
        published=0.329,
        n=f"{len(panel)} models",
        baselines=(panel.baseline("γ alone", variation, gamma), Baseline("the logarithm alone", variation(k / gamma))),
        verdict=judged(less.interval is not None and less.interval[1] < 0),
        reason=(
            f"K varies by {variation(k):.3f} and γ alone by {variation(gamma):.3f}: K is γ times a logarithm that hardly varies "
            f"(correlation {correlation(k, gamma):.2f})."
        ),
        facts=(
            Fact("mean of K", float(k.mean()), note=f"± {k.std(ddof=1):.1f}; published {COMPUTE_MEAN} ± {COMPUTE_SD}"),
            less,
            Fact("correlation of K and γ", correlation(k, gamma)),
        ),
    )


def _pearson(x: Array, y: Array) -> float:
    return float(np.corrcoef(x, y)[0, 1])


def _mean(name: str, values: Array) -> Fact:
    return Fact(name, float(values.mean()), note=f"± {values.std(ddof=1):.3f}")


def _heads_figure(panel: Sample, heads: Array, line: tuple[float, ...]) -> Figure:
    ends = np.array([heads.min(), heads.max()])
    theta = panel.values(lambda m: m.theta)
    return scatter_figure(
        "kv-heads",
        "γ − γ_Padé on text against the number of KV heads",
        "KV heads of a layer",
        "γ − γ_Padé",
        [
            Points(name, heads[chosen], (panel.gamma - panel.pade)[chosen], list(np.array(panel.models)[chosen]))
            for name, chosen in (("θ = 10,000", theta == 1e4), ("θ ≥ 100,000", theta >= 1e5))
        ],
        [Points("published law", ends, CONCENTRATION_SLOPE * ends), Points("fit", ends, line[0] + line[1] * ends)],
        "Most models with few KV heads are those of large θ, so that the two can hardly be told apart here.",
    )
