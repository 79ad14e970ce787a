"""The claim on sums over the RoPE frequencies in place of γ_Padé (C18)."""

from __future__ import annotations

import numpy as np

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.verdicts.claim import Baseline, Finding
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.statistics import cluster_interval, others_mean
from ropescope.report.report import Column, Table


@claim(
    "C18",
    subject="prediction",
    statement="A Lerch sum over the RoPE frequencies is exact where γ_Padé approximates, and predicts better.",
    published_in="the author's Lerch files, where a later one calls it negative",
    data="exponents of five models: observed, by γ_Padé, and by the author's two Lerch sums",
    filter="none",
    formula="mean |γ − prediction| of the sum over all frequencies",
    verdict_rule="reproduced if its error is below that of γ_Padé",
    tables=("lerch_exponents",),
)
def lerch_sum(evidence: Evidence) -> Finding:
    """The error of both sums, beside γ_Padé and beside constants."""
    rows = evidence.table("lerch_exponents")
    models = [row["model"] for row in rows]
    observed = np.array([row["observed"] for row in rows])
    rivals = {
        "γ_Padé": np.array([row["pade"] for row in rows]),
        "Lerch sum over slow frequencies": np.array([row["lerch_slow"] for row in rows]),
        "γ ≡ 1": np.ones(len(rows)),
        "mean of the five": np.full(len(rows), observed.mean()),
        "mean of the other models": others_mean(observed, models),
    }
    error = np.abs(observed - np.array([row["lerch_all"] for row in rows]))
    errors = {name: np.abs(observed - guess) for name, guess in rivals.items()}
    means = {name: float(one.mean()) for name, one in errors.items()}
    return Finding(
        quantity="mean error of the Lerch sum",
        value=float(error.mean()),
        interval=cluster_interval(np.mean, models, error),
        interval_by="bootstrap over five models, which is few",
        n=f"{len(rows)} models",
        baselines=tuple(
            Baseline(name, means[name], cluster_interval(np.mean, models, one)) for name, one in errors.items()
        ),
        verdict="reproduced" if error.mean() < means["γ_Padé"] else "not reproduced",
        reason=(
            f"Its error is {error.mean():.2f}, that of the sum over slow frequencies "
            f"{means['Lerch sum over slow frequencies']:.2f}, and that "
            f"of γ_Padé {means['γ_Padé']:.2f}, which the mean of the five has as well ({means['mean of the five']:.2f})."
        ),
        tables=(
            Table(
                "Exponents",
                (
                    Column("model"),
                    Column("θ", format=",.0f"),
                    *(Column(name, format=".3f") for name in ("observed", "γ_Padé", "Lerch, slow", "Lerch, all")),
                ),
                tuple(
                    (row["model"], row["theta"], row["observed"], row["pade"], row["lerch_slow"], row["lerch_all"])
                    for row in rows
                ),
            ),
        ),
    )
