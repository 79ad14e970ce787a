"""theta-panel: many models at one fixed length, their measured γ against what γ_Padé says from θ.

The only test of a predictor across models. Sources are models, or profiles that `measure` has kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ropescope.errors import MeasurementError
from ropescope.evidence.experiments.experiment import Expectation, Experiment, Range, fixed
from ropescope.evidence.experiments.figures import MEASURED, THEORY, interval_ends, layered
from ropescope.evidence.experiments.observations import Observations, spoken
from ropescope.evidence.vega import layer, quantitative
from ropescope.network.type_words import types_compared
from ropescope.report.report import Fact, Figure
from ropescope.theory.decay import gamma_pade

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ropescope.evidence.experiments.context import ExperimentContext
    from ropescope.measure.estimates import Estimate
    from ropescope.measure.profile import DecayProfile

STATISTIC = "correlation of γ with γ_Padé across models"
LEAST_MODELS = 4
"""A correlation of fewer than four models has no interval."""
ENOUGH_MODELS = 20
"""The panel that was asked for beforehand; fewer seldom decide."""


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    theta: float
    length: int
    corpus: str
    gamma: Estimate
    predicted: float
    dtype: str | None = None


EXPERIMENT = Experiment(
    name="theta-panel",
    question="Does γ_Padé predict γ across models?",
    theory="Across models γ rises with γ_Padé(θ, T): a correlation above 0.5.",
    null="γ does not follow the base: a correlation between −0.2 and 0.2.",
    decides="The correlation over models at one fixed length (20 or more were called for), with its interval over models.",
    prompts=8,
    length=1024,
    parts=0,
    expect=fixed(Expectation(STATISTIC, theory=Range(low=0.5), null=Range(-0.2, 0.2))),
    sources=LEAST_MODELS,
)


def observe(context: ExperimentContext) -> Observations:
    """Take the profiles, measure the models, and correlate."""
    import numpy as np

    members = [_member(context, source) for source in context.sources]
    for what in ("length", "corpus"):
        found = sorted({str(getattr(member, what)) for member in members})
        if len(found) > 1:
            raise MeasurementError(
                f"The members of a panel must share one {what}; these have {', '.join(found)}: measure them alike."
            )
    measured = np.array([member.gamma.value for member in members], dtype=np.float64)
    predicted = np.array([member.predicted for member in members])
    if np.ptp(predicted) == 0:
        raise MeasurementError(
            f"All {len(members)} models have θ = {members[0].theta:g}, so γ_Padé is the same for all: add models with other bases."
        )
    correlation = _correlation(measured, predicted)
    error = float(np.abs(measured - predicted).mean())
    others = (measured.sum() - measured) / (len(measured) - 1)
    constant = float(np.abs(measured - others).mean())
    slope = float(np.polyfit(predicted, measured, 1)[0])
    length = members[0].length
    few = f"{ENOUGH_MODELS} models were called for beforehand; {len(members)} seldom decide."
    return Observations(
        measured={STATISTIC: correlation},
        sentence=(
            f"over {len(members)} models at {length:,} tokens γ and γ_Padé have a correlation of "
            f"{spoken(correlation, 2)}; γ_Padé is off by {error:.3f} on the average, the mean of the other models by {constant:.3f}"
        ),
        facts=(
            Fact("mean error of γ_Padé", round(error, 4), source="absolute"),
            Fact("mean error of a constant", round(constant, 4), source="the mean of the other models, for each"),
            Fact("slope of γ on γ_Padé", round(slope, 3), source="least squares; the theory: 1"),
        ),
        figures=(_figure(members),),
        caveats=(
            "The interval of the correlation is over models (Fisher's z), as if they were drawn independently; models of one "
            "family are not.",
            *types_compared((member.name, member.dtype) for member in members),
            *([few] if len(members) < ENOUGH_MODELS else ()),
        ),
        data={
            "models": [
                {"model": m.name, "theta": m.theta, "gamma": m.gamma, "gamma_pade": m.predicted, "dtype": m.dtype}
                for m in members
            ],
            "correlation": correlation,
            "mean_error_pade": error,
            "mean_error_constant": constant,
            "slope": slope,
            "length": length,
            "corpus": members[0].corpus,
        },
    ).with_table(
        "Models",
        "model | θ :,.0f | ~γ | γ_Padé :.3f",
        [
            (member.name, member.theta, member.gamma, member.predicted)
            for member in sorted(members, key=lambda member: member.theta)
        ],
        note=f"Fixed length {length:,}, corpus: {members[0].corpus}. Intervals of γ are over prompts.",
    )


def _member(context: ExperimentContext, source: str) -> _Member:
    from ropescope.measure.intervals import normal_draws
    from ropescope.measure.profile import DecayProfile

    kept = source.endswith(".parquet")
    if kept:
        profile = DecayProfile.load(Path(source))
    else:
        weights = context.load(source)
        profile = context.measure(weights.source.name, weights=weights, corpus=context.corpus(weights=weights))
    _check(profile, source)
    theta = float(profile.provenance["rope_thetas"][0])
    draws = normal_draws(profile.n_prompts, context.setting.resamples, context.setting.seed)
    length = profile.protocol.length
    return _Member(
        name=str(profile.provenance["model"]),
        dtype=profile.provenance.get("dtype"),
        theta=theta,
        length=length,
        corpus=str(profile.provenance["corpus"]),
        gamma=context.decay(profile).gamma(draws),
        predicted=gamma_pade(theta, float(length)),
    )


def _check(profile: DecayProfile, source: str) -> None:
    thetas = profile.provenance.get("rope_thetas", [])
    if len(thetas) != 1:
        found = ", ".join(f"{theta:g}" for theta in thetas) or "none"
        raise MeasurementError(f"{source} has the RoPE bases {found}: γ_Padé knows models with one base only.")
    if profile.provenance.get("random_init"):
        raise MeasurementError(f"{source} is a profile of random weights: leave it out of a panel of models.")
    if profile.n_prompts < 2:
        raise MeasurementError(f"{source} holds one prompt, so its γ has no error: measure it with more.")


def _correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> Estimate:
    """Pearson's correlation with its 95 % interval over models, by Fisher's z."""
    import numpy as np
    from scipy.stats import norm

    from ropescope.measure.estimates import Estimate

    r = float(np.corrcoef(x, y)[0, 1])
    half = float(norm.ppf(0.975)) / np.sqrt(len(x) - 3)
    z = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12))
    return Estimate(r, float((1 - r * r) / np.sqrt(len(x) - 3)), (float(np.tanh(z - half)), float(np.tanh(z + half))))


def _figure(members: list[_Member]) -> Figure:
    rows = []
    for m in members:
        low, high = m.gamma.ci or (m.gamma.value, m.gamma.value)
        rows.append(
            {"model": m.name, "θ": m.theta, "predicted": m.predicted, "γ": m.gamma.value, "low": low, "high": high}
        )
    ends = [
        {"predicted": end, "γ": end} for end in (min(m.predicted for m in members), max(m.predicted for m in members))
    ]
    x, y = quantitative("predicted", "γ_Padé"), quantitative("γ", "measured γ")
    tooltip = [{"field": name} for name in ("model", "θ", "predicted", "γ")]
    layers = [
        layer("line", {"x": x, "y": y}, ends, strokeDash=[6, 3], color=THEORY),
        layer("rule", {"x": x, **interval_ends("y", y)}, rows, strokeDash=[1, 0], color=MEASURED),
        layer("point", {"x": x, "y": y, "tooltip": tooltip}, rows, filled=True, size=70, color=MEASURED, opacity=1),
    ]
    return layered(
        "theta-panel",
        "Measured and predicted exponents across models",
        layers,
        "Dashed: where the models would lie if γ_Padé predicted them. Bars are 95 % intervals over prompts.",
        width=560,
        height=340,
    )
