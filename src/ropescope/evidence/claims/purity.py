"""Claims on how near a model comes to the learned imprint, and on what an untrained model has of it (Part II, §28)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.measurement import PROTOCOL_OFFSET
from ropescope.evidence.verdicts.claim import Baseline, Finding, Verdict
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.statistics import LEVEL, cluster_interval, others_mean, regress
from ropescope.report.report import Column, Fact, Table
from ropescope.theory.decomposition import IMPRINT_HALF_WIDTH, imprint_purity
from ropescope.theory.nulls import uniform_null_exponent

Array = NDArray[np.float64]


# C11 is the slope itself; this is how near single models come to the line with that slope.
@claim(
    "P2-purity",
    subject="model size",
    statement="On random tokens γ lies within 0.18 of γ_Padé − log10(P/14 M)/(2π): beyond, a model is over- or under-imprinted.",
    published_in="Part II, §28.2 (imprint purity; ± 0.18 as the 95 % interval)",
    data="attention by distance of the published measurements; parameters of the models",
    filter="RoPE measurements on random tokens, the unfitted curves included",
    formula="share of models with |γ − γ_Padé − ν log10(P/14 M)| < 0.18, ν = −1/(2π), T the largest distance measured",
    verdict_rule="reproduced if the interval of the share holds 95 %",
)
def imprint_residuals(evidence: Evidence) -> Finding:
    """The share within, beside the same half-width about other predictions, and each model's residual."""
    panel = evidence.panel(corpus="random", partial=True)
    models = [m.model for m in panel]
    gamma = np.array([m.gamma for m in panel])
    found = [
        imprint_purity(m.gamma, m.theta, m.longest, m.facts.parameters_millions * 1e6)
        for m in panel
        if m.theta is not None
    ]
    residual = np.array([f.residual for f in found])
    rivals = {
        "the mean of the other models": others_mean(gamma, models),
        "γ_Padé alone": np.array([m.pade() for m in panel], dtype=np.float64),
        "uniform attention": np.array([m.null.gamma for m in panel]),
    }
    low, high = cluster_interval(_share, models, residual)
    under = sum(f.verdict == "under-imprinted" for f in found)
    size = np.log10([m.facts.parameters_millions for m in panel])
    left = regress(residual, size=size)
    best = max(rivals, key=lambda name: _share(gamma - rivals[name]))
    return Finding(
        quantity="models within 0.18 of the imprint line",
        value=_share(residual),
        unit="%",
        interval=(low, high),
        interval_by="bootstrap over models",
        published=100 * LEVEL,
        n=f"{len(panel)} models on random tokens",
        baselines=tuple(
            Baseline(f"within 0.18 of {name}", _share(gamma - g), cluster_interval(_share, models, gamma - g))
            for name, g in rivals.items()
        ),
        verdict="reproduced" if low <= 100 * LEVEL <= high else "not reproduced",
        reason=(
            f"{_share(residual):.0f} % of the models lie within 0.18 of the line where {_share(gamma - rivals[best]):.0f} % lie "
            f"so near to {best}, and what is wrong is its level, {residual.mean():.2f} too low on average, not its slope "
            f"({left.coefficients[1]:+.3f} a decade is left)."
        ),
        facts=(
            Fact("mean residual", float(residual.mean()), interval=cluster_interval(np.mean, models, residual)),
            Fact("standard deviation of the residuals", float(residual.std(ddof=1))),
            Fact("models called under-imprinted", under, f"of {len(panel)}"),
            Fact(
                "slope left in the residuals",
                left.coefficients[1],
                interval=left.intervals[1],
                note="for each factor of ten in parameters; C11 fits the slope itself",
            ),
        ),
        tables=(
            Table(
                "Residuals",
                (
                    Column("model"),
                    Column("parameters", "M", ",d"),
                    *(Column(name, format="+.3f") for name in ("γ", "imprint line", "residual")),
                    Column("published word"),
                ),
                tuple(
                    (m.short_name, m.facts.parameters_millions, m.gamma, f.predicted, f.residual, f.verdict)
                    for m, f in sorted(zip(panel, found, strict=True), key=lambda pair: pair[1].residual)
                ),
                limit=12,
            ),
        ),
    )


@claim(
    "P2-random-init",
    subject="model size",
    statement="Models with random weights have no imprint: Pythia-70M, -410M and -1B do not differ (p = 0.44).",
    published_in="Part II, abstract (random-init falsifier)",
    data="none of the three; the nearest is Pythia-1B after its first training step, measured twice",
    filter="none",
    formula="γ of that checkpoint against what uniform attention gives in sequences of d + c tokens, c solved for in each run",
    verdict_rule="not testable until the three measurements are published",
    tables=("checkpoint_exponents",),
)
def untrained_models(evidence: Evidence) -> Finding:
    """What the nearest published measurement says: two fits of one untrained model are those of uniform attention."""
    rows = [row for row in evidence.table("checkpoint_exponents") if row["step"] == 1]
    offsets = [_offset(row["distances"], row["gamma"]) for row in rows]
    nulls = [uniform_null_exponent(row["distances"], PROTOCOL_OFFSET) for row in rows]
    verdict: Verdict = "not testable from public data"
    return Finding(
        quantity="p of the imprint in untrained models",
        value=None,
        published=0.44,
        n="none of the three models",
        verdict=verdict,
        reason=(
            "The three measurements are not published, and the nearest, Pythia-1B after one step, is uniform attention: two "
            f"fits over other distances ask for sequences of d + {offsets[0]:.1f} and d + {offsets[1]:.1f} tokens."
        ),
        tables=(
            Table(
                "Pythia-1B after one step",
                (
                    Column("distances to", format=",.0f"),
                    *(Column(name, format=".4f") for name in ("γ", "R²", "uniform at d + 50")),
                    Column("c that gives γ", "tokens", ".2f"),
                ),
                tuple(
                    (row["distances"][-1], row["gamma"], row["r2"], null.gamma, c)
                    for row, null, c in zip(rows, nulls, offsets, strict=True)
                ),
            ),
        ),
    )


def _share(residual: Array) -> float:
    """Per cent of the residuals within the published half-width."""
    return float(100 * np.mean(np.abs(residual) < IMPRINT_HALF_WIDTH))


def _offset(distances: tuple[float, ...], gamma: float) -> float:
    """Tokens beside the distance with which uniform attention reads γ."""
    return float(brentq(lambda c: uniform_null_exponent(distances, c).gamma - gamma, 1, 1000))
