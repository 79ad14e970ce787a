"""offset-sweep: the published protocol with another offset c, the tokens beside the distance in each of its sequences.

The protocol reads key c − 1 of a sequence of d + c tokens, with c = 50. A property of the model does not know c; uniform
attention, 1/(d + c), does. All cells of a prompt come from one pass: in a causal model the last row of a sequence that is
cut at d + c tokens is row d + c − 1 of the whole one.
"""

from __future__ import annotations

from math import log
from statistics import linear_regression
from typing import TYPE_CHECKING

from ropescope.errors import MeasurementError
from ropescope.evidence.experiments.experiment import Expectation, Experiment, Setting, nearest
from ropescope.evidence.experiments.figures import Axis, sweep_figure
from ropescope.evidence.experiments.observations import Observations, spoken
from ropescope.evidence.experiments.published import published_null
from ropescope.models.model import Model
from ropescope.report.report import Fact
from ropescope.theory.decay import gamma_pade

if TYPE_CHECKING:
    from ropescope.evidence.experiments.context import ExperimentContext

STATISTIC = "dγ/d ln c"
OFFSETS = (10, 25, 50, 100, 200, 500)
_DISTANCES = (30, 50, 100, 200, 500, 1000, 2000)


def grid(length: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Offsets and distances such that the largest of both fit into `length` tokens; offsets up to a fifth of it.

    Raises MeasurementError when fewer than four distances or three offsets are left.
    """
    offsets = tuple(c for c in OFFSETS if 5 * c <= length)
    distances = tuple(d for d in _DISTANCES if offsets and d + offsets[-1] <= length)
    if len(offsets) < 3 or len(distances) < 4:
        raise MeasurementError(f"`length` {length} is too short for a sweep of offsets: use 250 tokens or more.")
    return offsets, distances


def expect(model: Model | None, setting: Setting) -> tuple[Expectation, ...]:
    """Zero for the theory, the slope of the null's exponents for the null."""
    offsets, distances = grid(setting.length)
    null = linear_regression([log(c) for c in offsets], [published_null(distances, c).gamma for c in offsets]).slope
    return (Expectation(STATISTIC, *nearest(0.0, null)),)


EXPERIMENT = Experiment(
    name="offset-sweep",
    question="Is the published exponent a property of the model, or of the protocol's offset?",
    theory="The exponent is the model's own, so it does not know the offset c: dγ/d ln c = 0.",
    null="Uniform attention: γ falls from 0.94 at c = 10 to 0.36 at c = 500 (distances 30 … 2,000).",
    decides="The slope of γ on ln c, on the same prompts: nearer to zero or to the null's.",
    prompts=24,
    length=2560,
    parts=1,
    shared=False,  # its rows are read by themselves, and kept in no journal
    expect=expect,
)


def observe(context: ExperimentContext) -> Observations:
    """Read the cells of every offset and distance from the same prompts, and fit each offset."""
    import numpy as np

    from ropescope.evidence.experiments.readers import CellReader
    from ropescope.measure.curve import Decay

    length, n = context.setting.length, context.setting.prompts
    offsets, distances = grid(length)
    cells = [(d + c - 1, c - 1) for c in offsets for d in distances]
    corpus = context.corpus()
    readers = context.read(
        "cells of all offsets",
        [corpus.prompt(index, length) for index in range(n)],
        [query for query, _ in cells],
        lambda: CellReader(cells),
    )
    weight = np.array([reader.mean() for reader in readers]).reshape(n, len(offsets), len(distances))
    decays = {c: Decay(np.log(distances), weight[:, i]) for i, c in enumerate(offsets)}
    gammas = {c: context.gamma(decay) for c, decay in decays.items()}
    nulls = {c: published_null(distances, c).gamma for c in offsets}
    fits = {c: decay.fit() for c, decay in decays.items()}
    values = [float(fit.gamma) for fit in fits.values()]
    slope = context.slope(np.log(offsets), decays.values())
    # One prompt whose key is a sink of its own can carry the mean: the median prompt tells.
    medians = {
        c: float(Decay(np.log(distances), np.median(decay.weight, axis=0)[None]).fit().gamma)
        for c, decay in decays.items()
    }
    null_slope = linear_regression([log(c) for c in offsets], list(nulls.values())).slope
    thetas = context.weights.model.rope_thetas
    predicted = {"uniform attention": [(float(c), null) for c, null in nulls.items()]}
    if len(thetas) == 1:
        pade = gamma_pade(thetas[0], float(distances[-1]))
        predicted = {"γ_Padé (knows no offset)": [(float(c), pade) for c in offsets], **predicted}
    return Observations(
        measured={STATISTIC: slope},
        sentence=(
            f"from c = {offsets[0]} to {offsets[-1]} the exponent goes from {spoken(gammas[offsets[0]], 2)} to "
            f"{spoken(gammas[offsets[-1]], 2)}, by {spoken(slope)} for each factor e of c; a property of the model would stay, "
            f"and uniform attention moves by {null_slope:.3f}"
        ),
        facts=(
            Fact(
                "dγ/d ln c of uniform attention",
                null_slope,
                basis="formula",
                source=f"1/(d + c) at d = {', '.join(map(str, distances))}",
            ),
            Fact(
                "largest less smallest γ", round(max(values) - min(values), 4), source="over the offsets; no interval"
            ),
        ),
        figures=(
            sweep_figure(
                "offset-sweep",
                "The published exponent at other offsets",
                "The same model and prompts, sequences of d + c tokens. Bars are 95 % intervals over prompts.",
                Axis("offset c (tokens)", log=True, values=tuple(float(c) for c in offsets)),
                {"measured": [(float(c), gamma) for c, gamma in gammas.items()]},
                predicted,
            ),
        ),
        data={
            "distances": list(distances),
            "gamma": gammas,
            "gamma_of_median_prompt": medians,
            "null": nulls,
            "null_slope": null_slope,
        },
        provenance=context.provenance(corpus),
    ).with_table_by(
        "Exponent by offset",
        "c [tokens]",
        {
            "~γ": gammas,
            "γ, median prompt :.3f": medians,
            "R² :.3f": {c: float(fit.r2) for c, fit in fits.items()},
            "null :.3f": nulls,
        },
        note=f"Fitted distances: {', '.join(map(str, distances))}. null: what uniform attention reads.",
    )
