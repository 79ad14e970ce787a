"""base-sweep: θ changed at inference in one model, everything else as it was.

The predictor is a function of θ and T, so a decay that comes from the base must move with it. A model that was trained at
one base is hurt by another: where its loss rises by more than a nat, there is no model left to speak of, and that base does
not enter the slope (it stands in the table all the same).
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

from ropescope.errors import MeasurementError
from ropescope.evidence.experiments.experiment import Expectation, Experiment, Findings, Prediction, Setting, nearest
from ropescope.evidence.experiments.figures import Axis, sweep_figure
from ropescope.evidence.experiments.wording import plain, spoken
from ropescope.evidence.tables import table
from ropescope.models.model import Model
from ropescope.report.report import Fact
from ropescope.theory.decay import gamma_pade

if TYPE_CHECKING:
    from ropescope.evidence.experiments.context import ExperimentContext
    from ropescope.measure.estimates import Estimate

STATISTIC = "dγ/dγ_Padé as θ changes"
WORKING_NATS = 1.0
"""A base at which the loss is at most so much above that at the model's own enters the slope."""
_FACTORS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_LEAST_BASES = 4


def expect(model: Model | None, setting: Setting) -> tuple[Expectation, ...]:
    """One for the theory, zero for the null."""
    for_theory, for_null = nearest(1.0, 0.0)
    return (Expectation(STATISTIC, theory=for_theory, null=for_null),)


def observe(context: ExperimentContext) -> Findings:
    """γ and the loss at seven bases, on the same prompts."""
    import numpy as np

    from ropescope.evidence.experiments.loss import mean_loss
    from ropescope.evidence.experiments.trends import slope_estimate, slope_of_gammas
    from ropescope.measure.rope_base import at_rope_base

    length, draws, n = context.setting.length, context.draws, context.setting.prompts
    own = context.weights.model.rope_thetas[0]
    thetas = [own * factor for factor in _FACTORS if own * factor > 1]
    corpus = context.corpus()
    decays, losses, sinks, profile = {}, {}, {}, None
    for theta in thetas:
        with at_rope_base(context.weights, theta) as changed:
            measured = context.measure(f"θ = {theta:,.0f}", weights=changed, corpus=corpus)
            losses[theta] = mean_loss(changed, corpus, length)
        decays[theta] = context.decay(measured)
        sinks[theta] = float(np.nanmean(measured.sink_mass))
        profile = measured if theta == own else profile
    assert profile is not None
    gammas = {theta: decay.gamma(draws) for theta, decay in decays.items()}
    predicted = {theta: gamma_pade(theta, float(length)) for theta in thetas}
    values = {theta: float(decay.fit().gamma) for theta, decay in decays.items()}
    samples = {theta: decay.resampled_gamma(context.resamples) for theta, decay in decays.items()}

    def trend(bases: list[float]) -> Estimate:
        return slope_of_gammas([predicted[base] for base in bases], [decays[base] for base in bases], draws)

    working = [theta for theta in thetas if losses[theta] <= losses[own] + WORKING_NATS]
    if len(working) < _LEAST_BASES:
        raise MeasurementError(
            f"At {len(thetas) - len(working)} of {len(thetas)} bases the loss is more than {WORKING_NATS:g} nat above that at "
            "the model's own: too few are left for a slope. Use a shorter `length`."
        )
    slope, all_slope = trend(working), trend(thetas)
    with np.errstate(invalid="ignore", divide="ignore"):  # no power of ln θ where γ is not positive: then no number
        power = slope_estimate(
            np.log(np.log(working)),
            [float(np.log(values[base])) for base in working],
            [np.log(samples[base]) for base in working],
            n,
        )
    amplitude = {theta: values[own] * log(own) / log(theta) for theta in thetas}
    return Findings(
        measured={STATISTIC: slope},
        sentence=(
            f"while θ goes from {working[0]:,.0f} to {working[-1]:,.0f}, γ_Padé goes from {predicted[working[0]]:.2f} to "
            f"{predicted[working[-1]]:.2f} and γ from {spoken(gammas[working[0]], 2)} over {spoken(gammas[own], 2)} at its own "
            f"{own:,.0f} to {spoken(gammas[working[-1]], 2)}: {spoken(slope, 2)} for each unit of γ_Padé"
        ),
        facts=(
            Fact("θ of the model", own, basis="config", source="rope_theta"),
            Fact(
                "slope over all bases",
                all_slope.value,
                interval=all_slope.ci,
                source=f"with the {len(thetas) - len(working)} at which the loss is more than {WORKING_NATS:g} nat higher",
            ),
            Fact(
                "k of γ ∝ (ln θ)^k",
                power.value,
                source="not predicted beforehand; γ_amp, the superseded law of Part I: −1",
                interval=power.ci,
            ),
            Fact("loss at its own θ", round(losses[own], 3), "nats per token", source="first 2 prompts"),
        ),
        tables=(
            table(
                "Exponent by base",
                "θ :,.0f | ~γ | γ_Padé :.3f | γ·ln θ :.2f | sinks :.3f | loss [nats] :.3f | works",
                [
                    (
                        theta,
                        gammas[theta],
                        predicted[theta],
                        values[theta] * log(theta),
                        sinks[theta],
                        losses[theta],
                        theta in working,
                    )
                    for theta in thetas
                ],
                note=f"Fixed length {length:,} tokens. γ·ln θ is constant for γ_amp, the superseded law of Part I. works: the "
                f"loss is at most {WORKING_NATS:g} nat above that at the model's own base; only such bases enter the slope.",
            ),
        ),
        figures=(
            sweep_figure(
                "base-sweep",
                "The exponent as the base changes at inference",
                f"One model, fixed length {length:,}; it was trained at θ = {own:,.0f}. Bars are 95 % intervals over prompts.",
                Axis("RoPE base θ", log=True, values=tuple(10.0**k for k in range(1, 10))),
                {
                    "measured": [(theta, gammas[theta]) for theta in working],
                    "measured, model broken": [(theta, gammas[theta]) for theta in thetas if theta not in working],
                },
                {
                    "γ_Padé": list(predicted.items()),
                    "uniform attention": [(theta, 0.0) for theta in thetas],
                    "γ_amp, matched at the model's own θ": list(amplitude.items()),
                },
            ),
        ),
        caveats=(
            "Another base than the trained one damages the model: this tests what θ does to the attention of given weights, "
            "and not what training at another θ would have made of them.",
        ),
        data={
            "slope_over_all_bases": plain(all_slope),
            "working": [f"{theta:g}" for theta in working],
            "power_of_ln_theta": plain(power),
            "gamma": {f"{theta:g}": plain(gamma) for theta, gamma in gammas.items()},
            "gamma_pade": {f"{theta:g}": value for theta, value in predicted.items()},
            "loss_nats": {f"{theta:g}": value for theta, value in losses.items()},
            "sink_mass": {f"{theta:g}": value for theta, value in sinks.items()},
        },
        provenance=profile.provenance,
    )


EXPERIMENT = Experiment(
    name="base-sweep",
    question="Does γ follow the RoPE base when θ is changed at inference?",
    prediction=Prediction(
        theory="γ moves as γ_Padé(θ, T) does: slope 1.",
        null="γ is in the weights and does not follow θ: slope 0.",
        decides="The slope of γ (fixed length) on γ_Padé over the bases at which the model still works (loss at most 1 nat above "
        "that at its own): nearer to 1 or to 0.",
    ),
    prompts=8,
    length=1024,
    parts=len(_FACTORS),
    expect=expect,
    observe=observe,
    needs_rope=True,
)
