"""The claim on the horizon and the end of retrieval (C17)."""

from __future__ import annotations

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.verdicts.claim import Baseline, Finding, Verdict
from ropescope.evidence.verdicts.needles import THETA, ends_between, scored_runs, short_name
from ropescope.evidence.verdicts.registry import claim
from ropescope.report.report import Column, Fact, Table
from ropescope.theory.decay import gamma_pade
from ropescope.theory.horizons import horizon, niah_ceiling


@claim(
    "C17",
    subject="context extension",
    statement="The horizon d_h predicts where retrieval ends: at 2 d_h, within 1 % on Pythia-70M (4,078 against 4,096).",
    published_in="Part I, §26.5; falsification ledger, F2",
    data="needles retrieved by Pythia-70M, -1B and -1.4B at α = 1; the author's exponents of the three",
    filter="none",
    formula="count of models in which 2 d_h(γ) lies between the last length that works and the first that does not",
    verdict_rule="reproduced if it does in every model; under a filter if in more models than 1.5 times the trained length does",
    tables=("needle_retrieval",),
)
def horizon_predicts_loss(evidence: Evidence) -> Finding:
    """Where retrieval ends, where 2 d_h puts it, and where a multiple of the trained length puts it."""
    runs = {model: arms[1.0] for model, arms in scored_runs(evidence).items()}
    ends = {model: ends_between(run) for model, run in runs.items()}
    predicted = {model: niah_ceiling(THETA, run["gamma"]) for model, run in runs.items()}
    hits = [m for m, (works, fails) in ends.items() if works < predicted[m] <= fails]
    multiples = {
        factor: sum(w < factor * runs[m]["context_length"] <= f for m, (w, f) in ends.items()) for factor in (1.5, 2)
    }
    trained = max(run["context_length"] for run in runs.values())
    circle = horizon(THETA, gamma_pade(THETA, trained))
    if len(hits) == len(runs):
        verdict: Verdict = "reproduced"
    else:
        verdict = "reproduced under a filter" if len(hits) > multiples[1.5] else "not reproduced"
    missed = [f"{predicted[m]:,.0f} for {short_name(m)}, which ends by {ends[m][1]:,}" for m in runs if m not in hits]
    return Finding(
        quantity="models whose loss 2 d_h brackets",
        value=len(hits),
        n=f"{len(runs)} models of one family",
        interval_by=f"none: {len(runs)} models",
        baselines=tuple(Baseline(f"{factor:g} times the trained length", hit) for factor, hit in multiples.items()),
        verdict=verdict,
        reason=(
            f"2 d_h falls where retrieval ends in {len(hits)} of {len(runs)} models, against {multiples[1.5]} for 1.5 times the "
            f"trained length, which knows no γ: it says {' and '.join(missed)}."
        ),
        facts=(
            Fact(
                f"d_h at γ_Padé(θ, {trained:,})",
                round(circle, 6),
                "tokens",
                note="an identity: it gives back the length put in",
            ),
        ),
        tables=(
            Table(
                "Where retrieval ends",
                (
                    Column("model"),
                    Column("γ", format=".3f"),
                    *(Column(name, "tokens", ",.0f") for name in ("2 d_h", "last that works", "first that does not")),
                ),
                tuple((short_name(m), run["gamma"], predicted[m], *ends[m]) for m, run in runs.items()),
                note="Works: more needles found than by chance (binomial, one-sided 5 %). Nothing was tried in between, so that no "
                "prediction can be confirmed to within 1 %.",
            ),
        ),
    )
