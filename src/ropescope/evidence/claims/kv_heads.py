"""The claim on the number of KV heads (C23)."""

from __future__ import annotations

import numpy as np

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.verdicts.claim import Baseline, Finding
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.scatter_figure import Points, scatter_figure
from ropescope.evidence.verdicts.statistics import (
    cluster_interval,
    others_mean,
    permutation_p,
    r2_of_prediction,
    regress,
)
from ropescope.report.report import Fact
from ropescope.theory.decomposition import CONCENTRATION_SLOPE


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
    panel = evidence.panel(corpus="text")
    models = [m.model for m in panel]
    gamma = np.array([m.gamma for m in panel])
    pade = np.array([m.pade() for m in panel], dtype=np.float64)
    heads = np.array([m.facts.kv_heads for m in panel], dtype=np.float64)
    theta = np.array([m.theta for m in panel], dtype=np.float64)
    fit = regress(gamma - pade, heads=heads)
    low, high = fit.intervals[1]
    law = pade + CONCENTRATION_SLOPE * heads
    rivals = {
        "γ_Padé alone": pade,
        "γ ≡ 1": np.ones(len(panel)),
        "uniform attention": np.array([m.null.gamma for m in panel]),
        "mean of the other models": others_mean(gamma, models),
    }
    error = np.abs(gamma - law)
    errors = {name: np.abs(gamma - guess) for name, guess in rivals.items()}
    others = errors["mean of the other models"].mean()
    p = permutation_p(lambda x, y: float(np.corrcoef(x, y)[0, 1]), heads, gamma - pade, models)
    ends = np.array([heads.min(), heads.max()])
    return Finding(
        quantity="slope of γ − γ_Padé on KV heads",
        value=fit.coefficients[1],
        interval=(low, high),
        interval_by=f"t interval of least squares, p = {fit.p_values[1]:.2f}",
        published=CONCENTRATION_SLOPE,
        n=f"{fit.n} models",
        baselines=(Baseline("KV heads do not matter", 0.0),),
        verdict="reproduced" if low <= CONCENTRATION_SLOPE <= high < 0 else "not reproduced",
        reason=(
            f"The slope is {fit.coefficients[1]:.4f} (p = {fit.p_values[1]:.2f}), and the law as it stands has an R² of "
            f"{r2_of_prediction(gamma, law):.2f} and a mean error of {error.mean():.3f} where γ_Padé alone has "
            f"{errors['γ_Padé alone'].mean():.3f} and the mean of the other models {others:.3f}."
        ),
        facts=(
            Fact("R² of the law as published", r2_of_prediction(gamma, law), note="0 is no better than the mean"),
            Fact("R² of γ_Padé alone", r2_of_prediction(gamma, pade)),
            Fact("R² of the fitted slope", fit.r2, note="of γ − γ_Padé"),
            Fact("p when models exchange their KV heads", p),
            Fact("mean error of the law", float(error.mean()), interval=cluster_interval(np.mean, models, error)),
            *(
                Fact(f"mean error, {name}", float(one.mean()), interval=cluster_interval(np.mean, models, one))
                for name, one in errors.items()
            ),
        ),
        figures=(
            scatter_figure(
                "kv-heads",
                "γ − γ_Padé on text against the number of KV heads",
                "KV heads of a layer",
                "γ − γ_Padé",
                [
                    Points(name, heads[chosen], (gamma - pade)[chosen], list(np.array(models)[chosen]))
                    for name, chosen in (("θ = 10,000", theta == 1e4), ("θ ≥ 100,000", theta >= 1e5))
                ],
                [
                    Points("published law", ends, CONCENTRATION_SLOPE * ends),
                    Points("fit", ends, fit.coefficients[0] + fit.coefficients[1] * ends),
                ],
                "Most models with few KV heads are those of large θ, so that the two can hardly be told apart here.",
            ),
        ),
    )
