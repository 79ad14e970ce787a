"""base-sweep: θ changed at inference in one model, everything else as it was.

The predictor is a function of θ and T, so a decay that comes from the base must move with it. A model that was trained at
one base is hurt by another: where its loss rises by more than a nat, there is no model left to speak of, and that base does
not enter the slope (it stands in the table all the same).
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

from ropescope.errors import MeasurementError
from ropescope.evidence.experiments.experiment import Expectation, Experiment, fixed, nearest
from ropescope.evidence.experiments.figures import Axis, sweep_figure
from ropescope.evidence.experiments.observations import Observations, fact_of, spoken
from ropescope.report.report import Fact
from ropescope.runs.share import all_of
from ropescope.theory.decay import gamma_pade

if TYPE_CHECKING:
    from ropescope.evidence.experiments.context import ExperimentContext
    from ropescope.measure.estimates import Estimate
    from ropescope.measure.profile import DecayProfile

STATISTIC = "dγ/dγ_Padé as θ changes"
WORKING_NATS = 1.0
"""A base at which the loss is at most so much above that at the model's own enters the slope."""
_FACTORS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_LEAST_BASES = 4

EXPERIMENT = Experiment(
    name="base-sweep",
    question="Does γ follow the RoPE base when θ is changed at inference?",
    theory="γ moves as γ_Padé(θ, T) does: slope 1.",
    null="γ is in the weights and does not follow θ: slope 0.",
    decides="The slope of γ (fixed length) on γ_Padé over the bases at which the model still works (loss at most 1 nat above "
    "that at its own): nearer to 1 or to 0.",
    prompts=8,
    length=1024,
    parts=len(_FACTORS),
    expect=fixed(Expectation(STATISTIC, *nearest(1.0, 0.0))),
    needs_rope=True,
)


def observe(context: ExperimentContext) -> Observations:
    """γ and the loss at seven bases, on the same prompts."""
    import numpy as np

    from ropescope.evidence.experiments.statistics import slope_estimate
    from ropescope.network.rope_base import at_rope_base

    length = context.setting.length
    own = context.weights.model.rope_thetas[0]
    thetas = [own * factor for factor in _FACTORS if own * factor > 1]
    corpus = context.corpus()

    def measure(theta: float) -> tuple[DecayProfile, float]:
        with at_rope_base(context.weights, theta) as changed:
            profile = context.measure(f"θ = {theta:,.0f}", weights=changed, corpus=corpus)
            return profile, context.loss(changed, corpus)

    found = all_of(thetas, measure)
    profiles = {theta: profile for theta, (profile, _) in found.items()}
    losses = {theta: loss for theta, (_, loss) in found.items()}
    sinks = {theta: float(np.nanmean(profile.sink_mass)) for theta, profile in profiles.items()}
    decays = {theta: context.decay(profile) for theta, profile in profiles.items()}
    gammas = {theta: context.gamma(decay) for theta, decay in decays.items()}
    predicted = {theta: gamma_pade(theta, float(length)) for theta in thetas}
    values = {theta: float(decay.fit().gamma) for theta, decay in decays.items()}

    def slope_over(bases: list[float]) -> Estimate:
        return context.slope([predicted[base] for base in bases], [decays[base] for base in bases])

    works = {theta: losses[theta] <= losses[own] + WORKING_NATS for theta in thetas}
    working = [theta for theta in thetas if works[theta]]
    n_broken = len(thetas) - len(working)
    if len(working) < _LEAST_BASES:
        raise MeasurementError(
            f"At {n_broken} of {len(thetas)} bases the loss is more than {WORKING_NATS:g} nat above that at "
            "the model's own: too few are left for a slope. Use a shorter `length`."
        )
    slope, all_slope = slope_over(working), slope_over(thetas)
    with np.errstate(invalid="ignore", divide="ignore"):  # no power of ln θ where γ is not positive: then no number
        power = slope_estimate(
            np.log(np.log(working)),
            [float(np.log(values[base])) for base in working],
            [np.log(decays[base].resampled_gamma(context.resamples)) for base in working],
            context.setting.prompts,
        )
    broken = f"with the {n_broken} at which the loss is more than {WORKING_NATS:g} nat higher"
    return Observations(
        measured={STATISTIC: slope},
        sentence=(
            f"while θ goes from {working[0]:,.0f} to {working[-1]:,.0f}, γ_Padé goes from {predicted[working[0]]:.2f} to "
            f"{predicted[working[-1]]:.2f} and γ from {spoken(gammas[working[0]], 2)} over {spoken(gammas[own], 2)} at its own "
            f"{own:,.0f} to {spoken(gammas[working[-1]], 2)}: {spoken(slope, 2)} for each unit of γ_Padé"
        ),
        facts=(
            Fact("θ of the model", own, basis="config", source="rope_theta"),
            fact_of("slope over all bases", all_slope, broken),
            fact_of("k of γ ∝ (ln θ)^k", power, "not predicted beforehand; γ_amp, the superseded law of Part I: −1"),
            Fact("loss at its own θ", round(losses[own], 3), "nats per token", source="first 2 prompts"),
        ),
        figures=(
            sweep_figure(
                "base-sweep",
                "The exponent as the base changes at inference",
                f"One model, fixed length {length:,}; it was trained at θ = {own:,.0f}. Bars are 95 % intervals over prompts.",
                Axis("RoPE base θ", log=True, values=tuple(10.0**k for k in range(1, 10))),
                {
                    "measured": [(theta, gammas[theta]) for theta in working],
                    "measured, model broken": [(theta, gammas[theta]) for theta in thetas if not works[theta]],
                },
                {
                    "γ_Padé": list(predicted.items()),
                    "uniform attention": [(theta, 0.0) for theta in thetas],
                    "γ_amp, matched at the model's own θ": [
                        (theta, values[own] * log(own) / log(theta)) for theta in thetas
                    ],
                },
            ),
        ),
        caveats=(
            "Another base than the trained one damages the model: this tests what θ does to the attention of given weights, "
            "and not what training at another θ would have made of them.",
        ),
        data={
            "slope_over_all_bases": all_slope,
            "working": [f"{theta:g}" for theta in working],
            "power_of_ln_theta": power,
            "gamma": gammas,
            "gamma_pade": predicted,
            "loss_nats": losses,
            "sink_mass": sinks,
        },
        provenance=profiles[own].provenance,
    ).with_table_by(
        "Exponent by base",
        "θ :,.0f",
        {
            "~γ": gammas,
            "γ_Padé :.3f": predicted,
            "γ·ln θ :.2f": {theta: value * log(theta) for theta, value in values.items()},
            "sinks :.3f": sinks,
            "loss [nats] :.3f": losses,
            "works": works,
        },
        note=f"Fixed length {length:,} tokens. γ·ln θ is constant for γ_amp, the superseded law of Part I. works: the "
        f"loss is at most {WORKING_NATS:g} nat above that at the model's own base; only such bases enter the slope.",
    )
