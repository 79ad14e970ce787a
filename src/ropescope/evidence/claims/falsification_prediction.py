"""The author's falsification ledger, entries on what γ_Padé and the power law predict (F1, F2, F18, F19)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import gamma as gamma_function

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.measurement import Measurement
from ropescope.evidence.verdicts.claim import Baseline, Finding, Verdict
from ropescope.evidence.verdicts.needles import THETA, ends_between, scored_runs, short_name
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.statistics import (
    SEED,
    cluster_interval,
    correlation,
    others_mean,
    permutation_p,
    r2_of_prediction,
)
from ropescope.report.report import Column, Fact, Table
from ropescope.theory.decay import gamma_pade
from ropescope.theory.horizons import horizon, niah_ceiling
from ropescope.theory.thermodynamics import partition_function

Array = NDArray[np.float64]

SUBSET = 9
DRAWS = 20_000
PUBLISHED_MODEL = "EleutherAI/pythia-70m"


@claim(
    "F1",
    subject="prediction",
    statement="γ_Padé is off by less than 5 % on average in non-anomalous models of phase A.",
    published_in="falsification ledger, F1: confirmed (n = 9, Part I, Table 4)",
    data="attention by distance of the published measurements",
    filter="RoPE measurements that were fitted and have γ < 1, which is phase A",
    formula="mean |γ − γ_Padé| / γ_Padé, T the largest distance measured",
    verdict_rule="reproduced if the mean of all is below 5 %; under a filter if that of the nine with the least error is",
)
def mean_error_of_phase_a(evidence: Evidence) -> Finding:
    """The mean over all of phase A, over its best nine, and over nine drawn at random."""
    panel = [m for m in evidence.panel() if m.gamma < 1]
    errors, models = _errors(panel), [m.model for m in panel]
    low, high = cluster_interval(np.mean, models, errors)
    best = _best(errors)
    drawn = np.random.default_rng(SEED).permuted(np.tile(errors, (DRAWS, 1)), axis=1)[:, :SUBSET].mean(axis=1)
    chance = float((drawn < 5).mean())
    text = _errors([m for m in panel if m.corpus == "text"])
    gamma = np.array([m.gamma for m in panel])
    rivals = {
        "γ ≡ 1": np.ones(len(gamma)),
        "uniform attention": np.array([m.null.gamma for m in panel]),
        "mean of the other models": others_mean(gamma, models),
    }
    if errors.mean() < 5:
        verdict: Verdict = "reproduced"
    else:
        verdict = "reproduced under a filter" if best < 5 else "not reproduced"
    return Finding(
        quantity="mean relative error of γ_Padé in phase A",
        value=float(errors.mean()),
        unit="%",
        interval=(low, high),
        interval_by=f"cluster bootstrap over {len(set(models))} models",
        published=5.0,
        n=f"{len(panel)} measurements with γ < 1",
        baselines=tuple(Baseline(name, float(100 * np.abs(gamma / g - 1).mean())) for name, g in rivals.items()),
        verdict=verdict,
        reason=(
            f"The mean over phase A is {errors.mean():.1f} %, though phase A is chosen by the outcome; below 5 % takes the nine "
            f"measurements with the least error, which nine at random reach with probability {chance:.4f}."
        ),
        facts=(
            Fact(
                "best nine", best, "%", note="chosen by the outcome; the paper's nine are not named in the public data"
            ),
            Fact("γ ≡ 1, its best nine", _best(100 * np.abs(gamma - 1)), "%", note="the same choice without a theory"),
            Fact("best nine on text", _best(text), "%", note=f"of {len(text)} with γ < 1"),
            Fact("median", float(np.median(errors)), "%"),
        ),
    )


# C17 asks the same of three models; this entry claims 1 % for one.
@claim(
    "F2",
    subject="context extension",
    statement="Retrieval ends at 2 d_h, to within 1 %: at 4,078 tokens foretold and 4,096 observed in Pythia-70M.",
    published_in="falsification ledger, F2: confirmed at first, later refuted by the author as circular",
    data="needles retrieved by Pythia-70M, -1B and -1.4B without scaling, at five lengths",
    filter="the scored task",
    formula="2 d_h(γ) over the lengths between which retrieval falls to chance (binomial, one-sided 5 %)",
    verdict_rule="reproduced if 2 d_h lies between them in every model, and they are less than 1 % apart",
    tables=("needle_retrieval",),
)
def horizon_to_one_per_cent(evidence: Evidence) -> Finding:
    """How far 2 d_h can be from where retrieval ends, given the lengths that were tried, in each model."""
    runs = {model: arms[1.0] for model, arms in scored_runs(evidence).items()}
    rows = []
    for model, run in runs.items():
        last, first = ends_between(run)
        foretold = niah_ceiling(THETA, run["gamma"])
        rows.append((short_name(model), run["gamma"], foretold, last, first, last < foretold <= first))
    name, _, foretold, last, first, _ = next(row for row in rows if row[0] == short_name(PUBLISHED_MODEL))
    hits = sum(row[-1] for row in rows)
    fine = all(first < 1.01 * last for *_, last, first, _ in rows)
    trained, trials = (runs[PUBLISHED_MODEL][key] for key in ("context_length", "trials"))
    multiples = {f"{k:g} times the trained length": k * trained for k in (1.5, 2)}
    return Finding(
        quantity=f"2 d_h over the first length that fails, {name}",
        value=foretold / first,
        interval_by=f"none: where retrieval ends is known to between {last:,} and {first:,}",
        published=4078 / 4096,
        n=f"{len(rows)} models of one family, {trials} needles a length",
        baselines=tuple(Baseline(text, length / first) for text, length in multiples.items()),
        verdict="reproduced" if hits == len(rows) and fine else "not reproduced",
        reason=(
            f"The lengths tried, {last:,} and {first:,}, leave the end of {name} open by {100 * (first / last - 1):.0f} %, "
            f"twice the trained length foretells it as well, and 2 d_h is right in {hits} of {len(rows)} models."
        ),
        facts=(
            Fact(
                f"d_h at γ_Padé(θ, {trained:,})",
                round(horizon(THETA, gamma_pade(THETA, trained)), 6),
                "tokens",
                note="by identity: with γ_Padé in place of a measured γ nothing is foretold",
            ),
        ),
        tables=(
            Table(
                "Where retrieval ends",
                (
                    Column("model"),
                    Column("γ", format=".3f"),
                    *(Column(text, "tokens", ",.0f") for text in ("2 d_h", "last that works", "first that fails")),
                    Column("2 d_h between them"),
                ),
                tuple(rows),
            ),
        ),
    )


@claim(
    "F18",
    subject="decay law",
    statement="The amplitude A(1) of the power law is 1/Γ(1 − γ), the prefactor of a Mittag-Leffler function.",
    published_in="falsification ledger, F18: refuted by the author (n = 39, ratio 0.23)",
    data="attention by distance of the 56 fitted measurements",
    filter="those with γ < 1, where 1/Γ(1 − γ) is positive",
    formula="median of A(1) Γ(1 − γ), A(1) the amplitude of the published fit",
    verdict_rule="reproduced if the interval of the median holds 1",
)
def mittag_leffler_amplitude(evidence: Evidence) -> Finding:
    """The median ratio, how A(1) and the prefactor go together, and the amplitude that makes A a distribution."""
    panel = [m for m in evidence.panel(rope=False) if m.gamma < 1]
    models = [m.model for m in panel]
    gamma = np.array([m.gamma for m in panel])
    amplitude = np.array([_amplitude(m) for m in panel])
    prefactor = np.asarray(1 / gamma_function(1 - gamma))
    normal = np.array([1 / partition_function(m.gamma, int(m.longest)) for m in panel])
    ratio = amplitude / prefactor
    low, high = cluster_interval(np.median, models, ratio)
    r = correlation(np.log(prefactor), np.log(amplitude))
    return Finding(
        quantity="median of A(1) Γ(1 − γ)",
        value=float(np.median(ratio)),
        interval=(low, high),
        interval_by=f"cluster bootstrap over {len(set(models))} models",
        published=1.0,
        n=f"{len(panel)} measurements with γ < 1",
        baselines=(
            Baseline(
                "A(1) over what makes A sum to 1",
                float(np.median(amplitude / normal)),
                cluster_interval(np.median, models, amplitude / normal),
            ),
        ),
        verdict="reproduced" if low <= 1 <= high else "not reproduced",
        reason=(
            f"A(1) is {np.median(ratio):.2f} times the prefactor in the median, as the author found, and grows where the prefactor "
            f"falls (r = {r:.2f} of their logarithms)."
        ),
        facts=(
            Fact(
                "correlation of ln A(1) and −ln Γ(1 − γ)",
                r,
                interval=cluster_interval(correlation, models, np.log(prefactor), np.log(amplitude)),
            ),
            Fact("scatter of the ratio", _factor(ratio), note="standard deviation as a factor"),
            Fact(
                "scatter of A(1) alone",
                _factor(amplitude),
                note="standard deviation as a factor: the prefactor adds to it",
            ),
            Fact(
                "scatter of A(1) over what makes A sum to 1",
                _factor(amplitude / normal),
                note="standard deviation as a factor",
            ),
        ),
    )


@claim(
    "F19",
    subject="prediction",
    statement="γ_Padé predicts how the exponent varies from model to model.",
    published_in="falsification ledger, F19: partial (centroid holds, about 0.1 % of the variance)",
    data="attention by distance of the published measurements",
    filter="every RoPE measurement that was fitted: 23 models on text and on random tokens",
    formula="squared correlation of γ and γ_Padé, T the largest distance measured",
    verdict_rule="reproduced if models exchanging their γ_Padé reach it with p < 0.05",
)
def variance_over_models(evidence: Evidence) -> Finding:
    """The share of the variance, with the chance that models with exchanged predictions have as much."""
    panel = evidence.panel()
    models = [m.model for m in panel]
    gamma = np.array([m.gamma for m in panel])
    pade = np.array([m.pade() for m in panel], dtype=np.float64)
    share = 100 * correlation(pade, gamma) ** 2
    low, high = cluster_interval(lambda x, y: 100 * correlation(x, y) ** 2, models, pade, gamma)
    p = permutation_p(correlation, pade, gamma, models)
    family = [m.facts.family for m in panel]
    families = r2_of_prediction(gamma, np.array([gamma[[f == one for f in family]].mean() for one in family]))
    return Finding(
        quantity="variance of γ that γ_Padé explains",
        value=share,
        unit="%",
        interval=(low, high),
        interval_by="cluster bootstrap over models; a square cannot reach 0",
        published=0.1,
        n=f"{len(panel)} measurements of {len(set(models))} models",
        baselines=(
            Baseline("the null of each design", 100 * correlation([m.null.gamma for m in panel], gamma) ** 2),
            Baseline("the corpus", 100 * correlation([m.corpus == "text" for m in panel], gamma) ** 2),
            Baseline("a mean for each family, in sample", 100 * families),
        ),
        verdict="reproduced" if p < 0.05 else "not reproduced",
        reason=(
            f"γ_Padé explains {share:.1f} % of the variance, which models with exchanged predictions reach with p = {p:.2f}, "
            f"and as a prediction it is worse than one number for all (R² = {r2_of_prediction(gamma, pade):.2f})."
        ),
        facts=(
            Fact("p when models exchange their γ_Padé", p),
            Fact("R² of γ_Padé as it is", r2_of_prediction(gamma, pade)),
        ),
    )


def _errors(panel: Sequence[Measurement]) -> Array:
    """Relative error of γ_Padé in per cent."""
    pade = np.array([m.pade() for m in panel], dtype=np.float64)
    return np.asarray(100 * np.abs(np.array([m.gamma for m in panel]) / pade - 1))


def _best(errors: Array) -> float:
    """Mean of the nine smallest."""
    return float(np.sort(errors)[:SUBSET].mean())


def _amplitude(m: Measurement) -> float:
    """A(1) of the published fit A(1) d^−γ."""
    kept = m.distances >= m.fit_from
    return float(np.exp((np.log(m.attention[kept]) + m.gamma * np.log(m.distances[kept])).mean()))


def _factor(values: Array) -> float:
    return float(np.exp(np.log(values).std(ddof=1)))
