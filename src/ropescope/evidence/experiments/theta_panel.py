"""theta-panel: many models at one fixed length, their measured γ against what γ_Padé says from θ.

The only test of a predictor across models, beside the simplest ones: a constant, and a line in ln θ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ropescope.errors import MeasurementError
from ropescope.evidence.experiments.experiment import Expectation, Experiment, Range, fixed
from ropescope.evidence.experiments.figures import MEASURED, THEORY, interval_ends, layered
from ropescope.evidence.experiments.observations import Observations, fact_of, spoken
from ropescope.evidence.experiments.panel_members import Member, member
from ropescope.network.type_words import types_compared
from ropescope.report.report import Fact, Figure
from ropescope.report.vega import layer, quantitative
from ropescope.runs.share import all_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ropescope.evidence.experiments.context import ExperimentContext
    from ropescope.measure.estimates import Estimate

    Array = NDArray[np.float64]

STATISTIC = "correlation of γ with γ_Padé across models"
PADE, CONSTANT, LOG_THETA, LINE = "γ_Padé", "a constant", "a + b·ln θ", "a + b·γ_Padé"
"""The predictors, by the names that a report gives them."""
LEAST_MODELS = 4
"""A correlation of fewer than four models has no interval."""
ENOUGH_MODELS = 20
"""The panel that was asked for beforehand; fewer seldom decide."""


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
    """Take the profiles, measure the models, correlate, and hold three predictors against a constant."""
    import numpy as np

    members = list(all_of(context.sources, lambda source: member(context, source)).values())
    for what in ("length", "corpus"):
        found = sorted({str(getattr(one, what)) for one in members})
        if len(found) > 1:
            raise MeasurementError(
                f"The members of a panel must share one {what}; these have {', '.join(found)}: measure them alike."
            )
    measured = np.array([one.gamma.value for one in members], dtype=np.float64)
    predicted = np.array([one.predicted for one in members])
    if np.ptp(predicted) == 0:
        raise MeasurementError(
            f"All {len(members)} models have θ = {members[0].theta:g}, so γ_Padé is the same for all: add models with other bases."
        )
    correlation = _correlation(measured, predicted)
    predictors = _predictors(measured, predicted, np.log([one.theta for one in members]))
    pade, constant, line = (predictors[name].error.value for name in (PADE, CONSTANT, LOG_THETA))
    slope = float(np.polyfit(predicted, measured, 1)[0])
    length = members[0].length
    few = f"{ENOUGH_MODELS} models were called for beforehand; {len(members)} seldom decide."
    return (
        Observations(
            measured={STATISTIC: correlation},
            sentence=(
                f"over {len(members)} models at {length:,} tokens γ and γ_Padé have a correlation of "
                f"{spoken(correlation, 2)}; γ_Padé misses a model by {pade:.3f} on average, the mean of the other models "
                f"by {constant:.3f}, a line in ln θ through the others by {line:.3f}"
            ),
            facts=(
                *(fact_of(f"mean error of {name}", one.error, source=one.how) for name, one in predictors.items()),
                Fact("slope of γ on γ_Padé", round(slope, 3), source="least squares; the theory: 1"),
            ),
            figures=(_figure(members),),
            caveats=(
                "Intervals over models (Fisher's z for the correlation, Student's t for errors) take them for independent; "
                "models of one family, or trained by one recipe, are not.",
                *types_compared((one.name, one.dtype) for one in members),
                *([few] if len(members) < ENOUGH_MODELS else ()),
            ),
            data={
                "models": [
                    {"model": m.name, "theta": m.theta, "gamma": m.gamma, "gamma_pade": m.predicted, "dtype": m.dtype}
                    for m in members
                ],
                "correlation": correlation,
                "predictors": {
                    name: {"mean_error": one.error, "less_constant": one.less_constant}
                    for name, one in predictors.items()
                },
                "slope": slope,
                "length": length,
                "corpus": members[0].corpus,
            },
        )
        .with_table(
            "Predictors",
            "predictor | ~mean error | ~less the constant's | how",
            [(name, one.error, one.less_constant, one.how) for name, one in predictors.items()],
            note="Mean absolute error of γ over the models, each left out of what predicts it; paired by model. A negative "
            "difference is better than the mean of the other models.",
        )
        .with_table(
            "Models",
            "model | θ :,.0f | ~γ | γ_Padé :.3f",
            [(one.name, one.theta, one.gamma, one.predicted) for one in sorted(members, key=lambda one: one.theta)],
            note=f"Fixed length {length:,}, corpus: {members[0].corpus}. Intervals of γ are over prompts.",
        )
    )


@dataclass(frozen=True, slots=True)
class _Predictor:
    """How far a predictor misses γ, with 95 % intervals over models. less_constant: its error less that of the constant."""

    error: Estimate
    less_constant: Estimate | None
    how: str


def _predictors(measured: Array, predicted: Array, log_theta: Array) -> dict[str, _Predictor]:
    import numpy as np

    ones = np.ones_like(measured)
    errors = {
        PADE: (measured - predicted, "θ and T alone; nothing is fitted"),
        CONSTANT: (_left_out(measured, ones), "the mean of the other models"),
        LOG_THETA: (_left_out(measured, ones, log_theta), "least squares on the other models"),
        LINE: (_left_out(measured, ones, predicted), "least squares on the other models"),
    }
    constant = np.abs(errors[CONSTANT][0])
    return {
        name: _Predictor(_mean(np.abs(error)), None if name == CONSTANT else _mean(np.abs(error) - constant), how)
        for name, (error, how) in errors.items()
    }


def _left_out(y: Array, *columns: Array) -> Array:
    """[models] what a least-squares fit on all other models misses each by: its residual over 1 − its leverage.

    NaN for a model without which the columns cannot be told apart.
    """
    import numpy as np

    q, _ = np.linalg.qr(np.stack(columns, axis=1))
    room = 1 - (q * q).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(room > 1e-9, (y - q @ (q.T @ y)) / room, np.nan)


def _mean(values: Array) -> Estimate:
    """The mean over models with Student's 95 % interval."""
    import numpy as np
    from scipy.stats import t

    from ropescope.measure.estimates import Estimate

    if not np.isfinite(values).all():
        return Estimate(None)
    mean, se = float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
    half = float(t.ppf(0.975, len(values) - 1)) * se
    return Estimate(mean, se, (mean - half, mean + half))


def _correlation(x: Array, y: Array) -> Estimate:
    """Pearson's correlation with its 95 % interval over models, by Fisher's z."""
    import numpy as np
    from scipy.stats import norm

    from ropescope.measure.estimates import Estimate

    r = float(np.corrcoef(x, y)[0, 1])
    half = float(norm.ppf(0.975)) / np.sqrt(len(x) - 3)
    z = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12))
    return Estimate(r, float((1 - r * r) / np.sqrt(len(x) - 3)), (float(np.tanh(z - half)), float(np.tanh(z + half))))


def _figure(members: list[Member]) -> Figure:
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
