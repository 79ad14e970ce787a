"""length-sweep: how γ moves with the length T in one model.

The predictor falls with T, the null of the published protocol rises with it, so the sign decides. The published protocol
is read at every largest distance that it has; beside it stands γ at fixed lengths, on prompts that are the beginnings of
the longest ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from statistics import linear_regression
from typing import TYPE_CHECKING

from ropescope.errors import MeasurementError
from ropescope.evidence.experiments.experiment import Expectation, Experiment, Range, Setting, nearest
from ropescope.evidence.experiments.figures import Axis, sweep_figure
from ropescope.evidence.experiments.observations import Observations, fact_of, spoken
from ropescope.evidence.experiments.published import fitted_distances, published_distances, published_null
from ropescope.models.model import Model
from ropescope.report.report import Fact
from ropescope.runs.share import all_of
from ropescope.theory.decay import gamma_pade

if TYPE_CHECKING:
    from ropescope.evidence.experiments.context import ExperimentContext
    from ropescope.measure.curve import Decay
    from ropescope.measure.estimates import Estimate

PUBLISHED = "dγ/d ln T, published protocol"
FIXED = "dγ/d ln T, fixed length"
_LENGTHS = 4
_LEAST_POINTS = 4


def reaches(distances: tuple[int, ...]) -> tuple[int, ...]:
    """The largest distances T that leave at least four distances to fit."""
    return distances[_LEAST_POINTS - 1 :]


def expect(model: Model | None, setting: Setting) -> tuple[Expectation, ...]:
    """The slopes of γ_Padé and of the null over the same T."""
    assert model is not None
    distances = published_distances(model, setting)
    ends = reaches(distances)
    if len(ends) < 2:
        raise MeasurementError(
            f"A sweep needs two lengths at least, so 550 tokens or more: `length` {setting.length} is too short."
        )
    theory = _slope(_pade(model.rope_thetas[0], list(ends)))
    null = _slope({end: published_null(tuple(d for d in distances if d <= end)).gamma for end in ends})
    return (
        Expectation(PUBLISHED, *nearest(theory, null)),
        Expectation(FIXED, theory=Range(high=0.0), null=Range.around(0.0, 0.02)),
    )


EXPERIMENT = Experiment(
    name="length-sweep",
    question="Does γ fall with the context length, as γ_Padé does?",
    theory="γ falls with T as γ_Padé(θ, T) does, in the published protocol and at a fixed length.",
    null="Uniform attention: in the published protocol γ rises with T (0.60 to 0.78 from T = 200 to 2,000); at a fixed length "
    "it is 0 at every T, so its slope is 0.",
    decides="The slope of γ on ln T in one model: in the published protocol, which of the two predicted slopes it is nearer "
    "to; at a fixed length, whether it falls (theory) or stays within 0.02 of zero (null).",
    prompts=24,
    length=2048,
    parts=_LENGTHS,
    expect=expect,
    needs_rope=True,
)


def observe(context: ExperimentContext) -> Observations:
    """γ at lengths of L, L/2, L/4 and L/8, and in the published protocol up to each of its distances."""
    import numpy as np

    from ropescope.measure.curve import Decay

    length = context.setting.length
    theta = context.weights.model.rope_thetas[0]
    lengths = [
        length // 2**k for k in reversed(range(_LENGTHS)) if 3 * length // 2**k // 4 >= 4 * context.setting.d_min
    ]
    longest = context.tokens(length)
    corpus = context.corpus(window=longest)
    profiles = all_of(lengths, lambda size: context.measure(f"{size:,} tokens", corpus=corpus, length=size))
    shortest_reach = profiles[lengths[0]].protocol.max_distance

    fixed = {size: context.decay(profile) for size, profile in profiles.items()}
    alike = {size: context.decay(profile, d_max=shortest_reach) for size, profile in profiles.items()}
    cells = context.published(profiles[length])
    distances = fitted_distances(profiles[length].legacy_distances)
    published = {}
    for end in reaches(distances):
        within = np.array(distances) <= end
        published[end] = Decay(cells.log_distance[within], cells.weight[:, within])

    def trend(decays: dict[int, Decay]) -> Estimate:
        return context.slope(np.log(list(decays)), decays.values())

    slopes = {PUBLISHED: trend(published), FIXED: trend(fixed)}
    same = trend(alike)
    nulls = {end: published_null(tuple(d for d in distances if d <= end)).gamma for end in published}
    gammas = {size: context.gamma(decay) for size, decay in fixed.items()}
    published_gammas = {end: context.gamma(decay) for end, decay in published.items()}
    alike_gammas = {size: context.gamma(decay) for size, decay in alike.items()}
    same_distances = f"d from {context.setting.d_min} to {shortest_reach} at every length"
    pade, pade_published = _pade(theta, lengths), _pade(theta, list(published))
    return (
        Observations(
            measured=slopes,
            sentence=(
                f"from T = {min(published):,} to {max(published):,} the published exponent moves by {spoken(slopes[PUBLISHED])} "
                f"for each factor e of T, where γ_Padé moves by {_slope(pade_published):.3f} and uniform attention by "
                f"{_slope(nulls):.3f}; at a fixed length γ moves by {spoken(slopes[FIXED])}"
            ),
            facts=(
                fact_of("dγ/d ln T, fixed length, same distances", same, same_distances),
                Fact("dγ_Padé/d ln T at these lengths", _slope(pade), basis="formula", source=f"θ = {theta:g}"),
            ),
            figures=(
                sweep_figure(
                    "length-sweep",
                    "The exponent as the context grows",
                    "What γ_Padé and uniform attention say of T, and what was measured. Bars are 95 % intervals over prompts.",
                    Axis("T (tokens)", log=True, values=tuple(float(t) for t in lengths)),
                    {
                        "measured, published protocol": list(published_gammas.items()),
                        "measured, fixed length": list(gammas.items()),
                    },
                    {
                        "γ_Padé": sorted({**pade_published, **pade}.items()),
                        "uniform attention, published protocol": list(nulls.items()),
                    },
                ),
            ),
            data={
                "published": published_gammas,
                "fixed": gammas,
                "fixed_same_distances": alike_gammas,
                "fixed_same_distances_slope": same,
                "null": nulls,
                "theta": theta,
            },
            provenance=profiles[length].provenance,
        )
        .with_table_by(
            "Published protocol, by its largest distance",
            "T [tokens]",
            {"~γ": published_gammas, "γ_Padé :.3f": pade_published, "null :.3f": nulls},
            note="null: what uniform attention reads on the same distances.",
        )
        .with_table_by(
            "Fixed length",
            "T [tokens]",
            {"~γ": gammas, "~γ, same distances": alike_gammas, "γ_Padé :.3f": pade},
            note=f"same distances: {context.setting.d_min} to {shortest_reach} tokens at every length. Uniform attention: 0.",
        )
    )


def _pade(theta: float, lengths: list[int]) -> dict[int, float]:
    return {length: gamma_pade(theta, float(length)) for length in lengths}


def _slope(gammas: Mapping[int, float]) -> float:
    """dγ/d ln T of predicted exponents by T."""
    return linear_regression([log(length) for length in gammas], list(gammas.values())).slope
