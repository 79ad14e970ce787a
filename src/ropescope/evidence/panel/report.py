"""The panel as a report: every measurement refitted, beside its prediction and the null of its protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ropescope.errors import EvidenceError
from ropescope.evidence.evidence import Evidence
from ropescope.evidence.measurement import Measurement
from ropescope.evidence.panel.doubts import doubts
from ropescope.evidence.panel.figure import panel_figure
from ropescope.evidence.panel.filter import Filter
from ropescope.evidence.raw import PUBLISHED_AT
from ropescope.evidence.tables import table
from ropescope.evidence.verdicts.statistics import cluster_interval, correlation, others_mean
from ropescope.report.report import Fact, Report, Step, Table

SHOWN = 70
_SIZES = ("context_length", "parameters_millions", "layers", "heads", "kv_heads", "head_dim", "rotary_dim")


def panel_report(evidence: Evidence, chosen: Filter) -> Report:
    """The measurements that pass the filter. Raises EvidenceError for a filter that nothing passes."""
    panel = chosen.of(evidence)
    predicted = [m for m in panel if m.pade() is not None]
    fitted = [m for m in panel if m.gamma_published is not None]
    figure = panel_figure(panel)
    facts, caveats = _score(predicted)
    worst = max((abs(m.gamma - (m.gamma_published or 0.0)) for m in fitted), default=0.0)
    return Report(
        title="Panel of published measurements" + (f": {chosen.words}" if chosen.words else ""),
        verdict=_verdict(panel),
        facts=(
            Fact("measurements", len(panel), basis="published", source=evidence.origin, note="C. Marín, Apache-2.0"),
            Fact("models", len({m.model for m in panel}), basis="published"),
            Fact(
                "refit against published γ",
                worst,
                basis="published",
                source=f"largest difference over the {len(fitted)} that their author fitted",
            ),
            *facts,
        ),
        tables=(_table(panel),),
        figures=(figure,) if figure else (),
        caveats=(
            "The protocol reads each distance in a sequence of its own length, so uniform attention has the exponent "
            "in the column uniform: only what differs from it has been learned.",
            *caveats,
            *(_changed(evidence)),
        ),
        next_steps=(
            Step("claims", {"ids": ["C1"]}, "What γ_Padé explains of these"),
            Step("measure", {"source": "MODEL"}, "The same at one fixed length"),
        ),
        data={"source": PUBLISHED_AT, "measurements": [measurement_data(m) for m in panel]},
    )


def _changed(evidence: Evidence) -> tuple[str, ...]:
    """A caveat naming raw files that differ from the published ones, if any do."""
    changed = evidence.changed(("panel",))
    return (f"Raw files that differ from the published ones: {', '.join(changed)}.",) if changed else ()


def measurement_data(m: Measurement) -> dict[str, Any]:
    """A measurement with its refit as plain data; absent numbers are None."""
    facts = m.facts
    return {
        "series": m.series,
        "model": m.model,
        "family": facts.family,
        "positions": facts.positions,
        "corpus": m.corpus,
        "variant": m.variant,
        "theta": m.theta,
        "theta_in_file": m.theta_in_file,
        "length": m.longest,
        **{name: getattr(facts, name) for name in _SIZES},
        "prompts": m.prompts,
        "distances": m.distances.tolist(),
        "attention": m.attention.tolist(),
        "attention_by_seed": m.by_seed.tolist(),
        "fit_from": m.fit_from,
        "gamma": _finite(m.gamma),
        "gamma_se": _finite(m.refit.se),
        "r2": _finite(m.refit.r2),
        "gamma_published": m.gamma_published,
        "gamma_interval_published": None if m.interval_published is None else list(m.interval_published),
        "r2_published": m.r2_published,
        "gamma_by_seed": m.gamma_by_seed.tolist(),
        "gamma_median_of_seeds": m.gamma_median_of_seeds,
        "gamma_pade": m.pade(),
        "gamma_uniform": m.null.gamma,
        "doubts": list(doubts(m)),
        "file": m.file,
    }


def _verdict(panel: Sequence[Measurement]) -> str:
    gamma = np.array([m.gamma for m in panel])
    null = float(np.mean([m.null.gamma for m in panel]))
    models = len({m.model for m in panel})
    said = (
        f"{len(panel)} measurement{'s' if len(panel) > 1 else ''} of {models} model{'s' if models > 1 else ''}: "
        f"median γ = {np.median(gamma):.3f}"
    )
    spread = f", from {gamma.min():.2f} to {gamma.max():.2f}" if len(panel) > 1 else ""
    return f"{said}{spread}; uniform attention would read {null:.3f} in the same design."


def _score(panel: Sequence[Measurement]) -> tuple[tuple[Fact, ...], tuple[str, ...]]:
    """What γ_Padé explains of the measurements, or why that cannot be said of so few."""
    if not panel:
        return (), ("None of these models has a RoPE base, so γ_Padé is not defined for them.",)
    models = [m.model for m in panel]
    gamma = np.array([m.gamma for m in panel])
    pade = np.array([m.pade() for m in panel], dtype=np.float64)
    facts = [
        Fact(
            "mean error of γ_Padé",
            float(np.abs(gamma - pade).mean()),
            basis="published",
            source=f"{len(panel)} with RoPE",
        ),
        Fact("mean error of γ ≡ 1", float(np.abs(gamma - 1).mean()), basis="published"),
    ]
    try:
        rival = float(np.abs(gamma - others_mean(gamma, models)).mean())
        facts.append(Fact("mean error of the other models' mean", rival, basis="published"))
        r = correlation(pade, gamma)
        if np.isfinite(r):
            ends = cluster_interval(correlation, models, pade, gamma)
            facts.append(Fact("correlation of γ and γ_Padé", r, basis="published", interval=ends))
    except EvidenceError as refusal:
        return tuple(facts), (f"No correlation is given: {refusal}",)
    return tuple(facts), ()


def _table(panel: Sequence[Measurement]) -> Table:
    return table(
        "Measurements, refitted",
        "model | corpus | θ :,.0f | T [tokens] | γ :.3f | ± :.3f | R² :.3f | γ_Padé :.3f | uniform :.3f | doubts",
        (
            (
                m.short_name + (f" · {m.variant}" if m.variant else ""),
                *(m.corpus, m.theta, int(m.longest)),
                *(_finite(value) for value in (m.gamma, m.refit.se, m.refit.r2)),
                *(m.pade(), m.null.gamma, "; ".join(doubts(m))),
            )
            for m in panel
        ),
        note="±: standard error of the fit. T: largest distance. uniform: what attention without decay reads there. "
        "A(d) summed over the distances: a row of attention holds at most 1.",
        limit=SHOWN,
    )


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
