"""shape: which law the decay follows, judged on prompts that were not fitted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ropescope.errors import MeasurementError
from ropescope.evidence.experiments.experiment import Expectation, Experiment, Range, fixed
from ropescope.evidence.experiments.figures import NULL, estimates_figure
from ropescope.evidence.experiments.observations import Observations, spoken
from ropescope.report.report import Fact

if TYPE_CHECKING:
    from ropescope.evidence.experiments.context import ExperimentContext
    from ropescope.measure.estimates import Estimate
    from ropescope.measure.shapes import ShapeComparison

POWER = "power law behind the best other law, nats"
UNIFORM = "uniform attention behind the best other law, nats"

EXPERIMENT = Experiment(
    name="shape",
    question="Is the decay a power law?",
    theory="A(d) ∝ d^−γ: on prompts that were not fitted, no other law is ahead of the power law.",
    null="A(d) does not depend on d: no law is ahead of uniform attention.",
    decides="Held-out log-likelihood of eight laws at a fixed length, paired over prompts.",
    prompts=12,
    length=2048,
    parts=1,
    expect=fixed(
        # No other law is ahead of the one that is claimed.
        Expectation(POWER, theory=Range(high=0.0), null=None),
        Expectation(UNIFORM, theory=None, null=Range(high=0.0)),
    ),
)


def observe(context: ExperimentContext) -> Observations:
    """Compare the candidate laws on the head-averaged curve, and on each layer's."""
    import numpy as np

    from ropescope.measure.curve import fitted_bins, fitted_curve
    from ropescope.measure.exponent import DistanceBins
    from ropescope.measure.shapes import compare_shapes

    profile = context.measure(f"{context.setting.prompts} prompts")
    context.decay(profile)
    curve = fitted_curve(profile, context.setting.d_min)
    whole = compare_shapes(curve.mass, curve.bins)
    if whole is None:
        raise MeasurementError("Some prompt puts no attention on the fitted distances, so no law can be compared.")
    behind = {score.name: _behind_best_other(whole, score.name) for score in whole.scores}

    context.log("comparing the laws layer by layer")
    best_of_layer: dict[int, str] = {}
    edges = profile.protocol.edges
    for place, layer in enumerate(profile.layers):
        bins = fitted_bins(profile, place, context.setting.d_min)
        if len(bins):
            mass = np.nanmean(profile.mass[:, place].astype(np.float64), axis=1)[:, bins]
            found = compare_shapes(mass, DistanceBins.between(edges[bins], edges[bins + 1] - 1))
            if found is not None:
                best_of_layer[layer.index] = found.best if found.separable else f"{found.best} (not separable)"
    counts = Counter(best_of_layer.values())
    best = whole.scores[0]
    gain = 1 - max(behind["power"].value or 0.0, 0.0) / (behind["uniform"].value or 1.0)
    exponent = round(float(curve.decay.fit().gamma), 4)
    ahead = "ahead of all others" if whole.separable else f"not separable from {', '.join(whole.equals[1:])}"
    return (
        Observations(
            measured={POWER: behind["power"], UNIFORM: behind["uniform"]},
            sentence=(
                f"the best law is {best.name} ({best.formula}), {ahead}; the pure power law is behind the best other by "
                f"{spoken(behind['power'], 4)} nats of held-out likelihood, with {gain:.1%} of its gain over uniform attention"
            ),
            facts=(
                Fact(
                    "gain over uniform attention", round(gain, 4), source="power law, as a share of the best law's gain"
                ),
                Fact("exponent of the power law", exponent, source="least squares in log–log"),
            ),
            figures=(
                estimates_figure(
                    "shape",
                    "How far each law is behind the best other one",
                    "Held-out log-likelihood per unit of attention; 95 % intervals over prompts. Left of zero is ahead of all "
                    "others. Laws far to the right are not drawn.",
                    _near(behind),
                    {"equal to the best other": (0.0, NULL)},
                    x_title="nats behind the best other law",
                ),
            ),
            data={
                "behind_best_other_nats": behind,
                "best": best.name,
                "separable": whole.separable,
                "parameters": {score.name: list(score.parameters) for score in whole.scores},
                "best_by_layer": best_of_layer,
            },
            provenance=profile.provenance,
        )
        .with_table(
            "Laws, best first",
            "law | formula | ~behind the best other [nats] :.4f",
            [(score.name, score.formula, behind[score.name]) for score in whole.scores],
            note="Mean over prompts of the held-out log-likelihood of where attention falls. Negative: ahead of all others.",
        )
        .with_table(
            "Best law by layer",
            "law | layers",
            counts.most_common(),
            note="Each layer's head-averaged curve for itself.",
        )
    )


def _behind_best_other(found: ShapeComparison, name: str) -> Estimate:
    """How far a law is behind the best of the others; for the best one, minus how far the second is behind it."""
    from ropescope.measure.estimates import Estimate

    first, second = found.scores[:2]
    score = next(score for score in found.scores if score.name == name)
    value, half = score.behind_best_nats, score.behind_best_half_width
    if score is first:
        value, half = -second.behind_best_nats, second.behind_best_half_width
    return Estimate(value, ci=(value - half, value + half))


def _near(behind: dict[str, Estimate]) -> dict[str, Estimate]:
    """Those that can be told apart in one picture: within five times the third law's distance."""
    values = sorted(estimate.value or 0.0 for estimate in behind.values())
    return {name: estimate for name, estimate in behind.items() if (estimate.value or 0.0) <= max(5 * values[2], 0.01)}
