"""random-init: does the published exponent need anything that was learned?

The same architecture with fresh weights, measured in both protocols on the prompts of the trained network. Three
initialisations are averaged, since one is one draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ropescope.evidence.experiments.experiment import Expectation, Experiment, Range, Setting
from ropescope.evidence.experiments.figures import NULL, THIRD, estimates_figure
from ropescope.evidence.experiments.observations import Observations, spoken
from ropescope.evidence.experiments.published import fitted_distances, published_distances, published_null
from ropescope.models.model import Model
from ropescope.report.report import Fact
from ropescope.runs.share import all_of

if TYPE_CHECKING:
    from ropescope.evidence.experiments.context import ExperimentContext
    from ropescope.measure.curve import Decay
    from ropescope.measure.estimates import Estimate
    from ropescope.measure.profile import DecayProfile

PUBLISHED = "γ of random weights, published protocol"
FIXED = "γ of random weights, fixed length"
_INITIALISATIONS = 3


def expect(model: Model | None, setting: Setting) -> tuple[Expectation, ...]:
    """The null of each protocol; the theory stays 0.1 below the published one."""
    assert model is not None
    null = published_null(published_distances(model, setting)).gamma
    return (
        Expectation(PUBLISHED, theory=Range(high=null - 0.1), null=Range.around(null, 0.03)),
        Expectation(FIXED, theory=None, null=Range.around(0.0, 0.02)),
    )


EXPERIMENT = Experiment(
    name="random-init",
    question="Does the published exponent need anything that was learned?",
    theory="The level of γ is learned attention: random weights stay at least 0.1 below what uniform attention reads.",
    null="Uniform attention already gives the published level (0.783 over 30 … 2,000 tokens), and 0 at a fixed length.",
    decides="γ of the same network with random weights, mean of three initialisations, in both protocols.",
    prompts=8,
    length=2048,
    parts=1 + _INITIALISATIONS,
    expect=expect,
)


def observe(context: ExperimentContext) -> Observations:
    """Measure the trained network, and three with random weights."""
    import numpy as np

    from ropescope.measure.curve import combination
    from ropescope.network.loading.weights import with_random_weights

    def measure(k: int) -> DecayProfile:
        if not k:
            return context.measure("trained weights")
        weights = with_random_weights(context.weights, context.setting.seed + k - 1)
        return context.measure(f"random weights {k} of {_INITIALISATIONS}", weights=weights)

    profiles = list(all_of(range(1 + _INITIALISATIONS), measure).values())
    trained = profiles[0]

    def mean(decays: Sequence[Decay]) -> Estimate:
        return combination(decays, [1 / len(decays)] * len(decays), context.draws)

    published = [context.published(profile) for profile in profiles]
    fixed = [context.decay(profile) for profile in profiles]
    found = {
        "trained, published protocol": mean(published[:1]),
        PUBLISHED: mean(published[1:]),
        "trained, fixed length": mean(fixed[:1]),
        FIXED: mean(fixed[1:]),
    }
    null = published_null(fitted_distances(trained.legacy_distances))
    r2 = float(np.mean([decay.fit().r2 for decay in published[1:]]))
    names = ("trained", *(f"random, seed {context.setting.seed + k}" for k in range(_INITIALISATIONS)))
    return Observations(
        measured={name: found[name] for name in (PUBLISHED, FIXED)},
        sentence=(
            f"with random weights the published protocol reads γ = {spoken(found[PUBLISHED])}, where uniform attention reads "
            f"{null.gamma:.3f}; at a fixed length it is {spoken(found[FIXED])}, and {spoken(found['trained, fixed length'])} "
            "with the trained weights"
        ),
        facts=(
            Fact(
                "R² of random weights, published protocol",
                round(r2, 4),
                source=f"uniform attention: {null.r_squared:.4f}",
            ),
        ),
        figures=(
            estimates_figure(
                "random-init",
                "What the protocols make of random weights",
                "Where nothing was learned there is nothing to read: a protocol of decay alone gives 0 there. Bars are 95 % "
                "intervals over prompts.",
                {
                    "trained, published": found["trained, published protocol"],
                    "random, published": found[PUBLISHED],
                    "trained, fixed length": found["trained, fixed length"],
                    "random, fixed length": found[FIXED],
                },
                {
                    "no decay": (0.0, NULL),
                    f"uniform attention, published protocol ({null.gamma:.3f})": (null.gamma, THIRD),
                },
            ),
        ),
        data={"gamma": found, "null": null._asdict()},
        provenance=trained.provenance,
    ).with_table(
        "Trained and random weights",
        "weights | ~γ published | ~γ fixed",
        zip(names, map(context.gamma, published), map(context.gamma, fixed), strict=True),
        note="Intervals are 95 %, over prompts.",
    )
