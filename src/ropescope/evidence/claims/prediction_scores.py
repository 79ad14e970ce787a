"""Claims on how γ_Padé scores: in phase A, as a share of the variance, against sums over the frequencies (F1, F19, C18)."""

from __future__ import annotations

import numpy as np

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.verdicts.claim import Baseline, Finding, judged
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.sample import Array, Sample, baseline, column
from ropescope.evidence.verdicts.statistics import (
    SEED,
    cluster_interval,
    correlation,
    others_mean,
    permutation_p,
    r2_of_prediction,
)
from ropescope.report.report import Fact

SUBSET = 9
DRAWS = 20_000


@claim(
    "F1",
    subject="prediction",
    statement="γ_Padé is off by less than 5 % on average in non-anomalous models of phase A.",
    published_in="falsification ledger, F1: confirmed (n = 9, Part I, Table 4)",
    filter="RoPE measurements that were fitted and have γ < 1, which is phase A",
    formula="mean |γ − γ_Padé| / γ_Padé, T the largest distance measured",
    verdict_rule="reproduced if the mean of all is below 5 %; under a filter if that of the nine with the least error is",
)
def mean_error_of_phase_a(evidence: Evidence) -> Finding:
    """The mean over all of phase A, over its best nine, and over nine drawn at random."""
    panel = Sample(evidence.panel()).where(lambda m: m.gamma < 1)
    text = panel.where(lambda m: m.corpus == "text")
    errors = _relative(panel, panel.pade)
    best = _best(errors)
    drawn = np.random.default_rng(SEED).permuted(np.tile(errors, (DRAWS, 1)), axis=1)[:, :SUBSET].mean(axis=1)
    chance = float((drawn < 5).mean())
    return Finding(
        quantity="mean relative error of γ_Padé in phase A",
        value=float(errors.mean()),
        unit="%",
        interval=panel.interval(np.mean, errors),
        interval_by=f"cluster bootstrap over {panel.n_models} models",
        published=5.0,
        n=f"{len(panel)} measurements with γ < 1",
        baselines=tuple(
            Baseline(name, 100 * float(np.abs(panel.gamma / guess - 1).mean())) for name, guess in panel.rivals.items()
        ),
        verdict=judged(errors.mean() < 5, best < 5),
        reason=(
            f"The mean over phase A is {errors.mean():.1f} %, though phase A is chosen by the outcome; below 5 % takes the nine "
            f"measurements with the least error, which nine at random reach with probability {chance:.4f}."
        ),
        facts=(
            Fact(
                "best nine", best, "%", note="chosen by the outcome; the paper's nine are not named in the public data"
            ),
            Fact(
                "γ ≡ 1, its best nine",
                _best(100 * np.abs(panel.gamma - 1)),
                "%",
                note="the same choice without a theory",
            ),
            Fact("best nine on text", _best(_relative(text, text.pade)), "%", note=f"of {len(text)} with γ < 1"),
            Fact("median", float(np.median(errors)), "%"),
        ),
    )


@claim(
    "F19",
    subject="prediction",
    statement="γ_Padé predicts how the exponent varies from model to model.",
    published_in="falsification ledger, F19: partial (centroid holds, about 0.1 % of the variance)",
    filter="every RoPE measurement that was fitted: 23 models on text and on random tokens",
    formula="squared correlation of γ and γ_Padé, T the largest distance measured",
    verdict_rule="reproduced if models exchanging their γ_Padé reach it with p < 0.05",
)
def variance_over_models(evidence: Evidence) -> Finding:
    """The share of the variance, with the chance that models with exchanged predictions have as much."""
    panel = Sample(evidence.panel())
    gamma, pade = panel.gamma, panel.pade
    p = permutation_p(correlation, pade, gamma, panel.models)
    family = [m.facts.family for m in panel]
    families = r2_of_prediction(gamma, np.array([gamma[[f == one for f in family]].mean() for one in family]))
    return Finding(
        quantity="variance of γ that γ_Padé explains",
        value=_explained(pade, gamma),
        unit="%",
        interval=panel.interval(_explained, pade, gamma),
        interval_by="cluster bootstrap over models; a square cannot reach 0",
        published=0.1,
        n=f"{len(panel)} measurements of {panel.n_models} models",
        baselines=(
            Baseline("the null of each design", _explained(panel.null, gamma)),
            Baseline("the corpus", _explained(panel.values(lambda m: m.corpus == "text"), gamma)),
            Baseline("a mean for each family, in sample", 100 * families),
        ),
        verdict=judged(p < 0.05),
        reason=(
            f"γ_Padé explains {_explained(pade, gamma):.1f} % of the variance, which models with exchanged predictions reach with "
            f"p = {p:.2f}, and as a prediction it is worse than one number for all (R² = {r2_of_prediction(gamma, pade):.2f})."
        ),
        facts=(
            Fact("p when models exchange their γ_Padé", p),
            Fact("R² of γ_Padé as it is", r2_of_prediction(gamma, pade)),
        ),
    )


@claim(
    "C18",
    subject="prediction",
    statement="A Lerch sum over the RoPE frequencies is exact where γ_Padé approximates, and predicts better.",
    published_in="the author's Lerch files, where a later one calls it negative",
    data="exponents of five models: observed, by γ_Padé, and by the author's two Lerch sums",
    formula="mean |γ − prediction| of the sum over all frequencies",
    verdict_rule="reproduced if its error is below that of γ_Padé",
    tables=("lerch_exponents",),
)
def lerch_sum(evidence: Evidence) -> Finding:
    """The error of both sums, beside γ_Padé and beside constants."""
    rows = evidence.table("lerch_exponents")
    models = [row["model"] for row in rows]
    observed = column(rows, "observed")
    rivals = {
        "γ_Padé": column(rows, "pade"),
        "Lerch sum over slow frequencies": column(rows, "lerch_slow"),
        "γ ≡ 1": np.ones(len(rows)),
        "mean of the five": np.full(len(rows), observed.mean()),
        "mean of the other models": others_mean(observed, models),
    }
    error = np.abs(observed - column(rows, "lerch_all"))
    baselines = [baseline(name, np.mean, models, np.abs(observed - guess)) for name, guess in rivals.items()]
    pade, slow, _, five, _ = (one.value for one in baselines)
    return Finding(
        quantity="mean error of the Lerch sum",
        value=float(error.mean()),
        interval=cluster_interval(np.mean, models, error),
        interval_by="bootstrap over five models, which is few",
        n=f"{len(rows)} models",
        baselines=tuple(baselines),
        verdict=judged(error.mean() < pade),
        reason=(
            f"Its error is {error.mean():.2f}, that of the sum over slow frequencies {slow:.2f}, and that of γ_Padé {pade:.2f}, "
            f"which the mean of the five has as well ({five:.2f})."
        ),
    ).with_table(
        "Exponents",
        "model | θ :,.0f | observed :.3f | γ_Padé :.3f | Lerch, slow :.3f | Lerch, all :.3f",
        [[row[k] for k in ("model", "theta", "observed", "pade", "lerch_slow", "lerch_all")] for row in rows],
    )


def _relative(panel: Sample, predicted: Array) -> Array:
    """Relative error of a prediction in per cent."""
    return np.asarray(100 * np.abs(panel.gamma / predicted - 1))


def _best(errors: Array) -> float:
    """Mean of the nine smallest."""
    return float(np.sort(errors)[:SUBSET].mean())


def _explained(x: Array, y: Array) -> float:
    """Squared correlation in per cent."""
    return 100 * correlation(x, y) ** 2
