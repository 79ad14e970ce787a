"""corpus: the same model on text, on tokens without order or meaning, and on text with known mutual information.

If the decay is a matter of the base and the length, no corpus can change it. If it is that of the data, it must vanish where
tokens tell nothing of each other, and follow the mutual information where that is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ropescope.evidence.experiments.experiment import Expectation, Experiment, Range, fixed
from ropescope.evidence.experiments.figures import NULL, THEORY, estimates_figure
from ropescope.evidence.experiments.observations import Observations, spoken
from ropescope.report.report import Fact
from ropescope.runs.share import all_of
from ropescope.theory.decay import gamma_pade

if TYPE_CHECKING:
    from ropescope.evidence.experiments.context import ExperimentContext

SHARE = "γ(random) / γ(text)"
SLOPE = "dγ/dα over two synthetic texts"
_SLOW, _FAST = 0.25, 1.0

EXPERIMENT = Experiment(
    name="corpus",
    question="Is the decay a matter of the base and the length, or of the data?",
    theory="γ is a function of θ and T alone, so it is the same on every corpus: share 1, slope 0.",
    null="The decay is that of the data: none where tokens tell nothing of each other (share 0), and γ follows the exponent "
    "α of the mutual information (slope 1).",
    decides="γ on random tokens as a share of γ on text, and the slope of γ on α between two synthetic texts.",
    prompts=8,
    length=2048,
    parts=5,
    expect=fixed(
        # The base alone: share 1 and slope 0. The data alone: share 0 and slope 1.
        Expectation(SHARE, theory=Range.around(1.0, 0.1), null=Range.around(0.0, 0.1)),
        Expectation(SLOPE, theory=Range.around(0.0, 0.1), null=Range.around(1.0, 0.5)),
    ),
)


def observe(context: ExperimentContext) -> Observations:
    """γ on five corpora."""
    import numpy as np

    from ropescope.evidence.experiments.statistics import difference, ratio
    from ropescope.evidence.experiments.synthetic import BranchingText, branching_corpus

    setting = context.setting
    random = context.corpus("random")
    assert random.vocabulary is not None
    d_max = 3 * setting.length // 4
    corpora = {"text": context.corpus("text"), "shuffled text": context.corpus("shuffled"), "random tokens": random}
    alphas: dict[str, float | None] = dict.fromkeys(corpora)
    for alpha in (_SLOW, _FAST):
        name = f"synthetic, α = {alpha:g}"
        text = BranchingText.with_exponent(alpha, setting.d_min, d_max)
        corpora[name] = branching_corpus(
            text, random.vocabulary, random.prefix, context.tokens(setting.length), setting.prompts, setting.seed, name
        )
        alphas[name] = text.exponent(setting.d_min, d_max)

    profiles = all_of(corpora, lambda name: context.measure(name, corpus=corpora[name]))
    decays = {name: context.decay(profile) for name, profile in profiles.items()}
    gammas = {name: context.gamma(decay) for name, decay in decays.items()}
    published = {name: context.gamma(context.published(profile)) for name, profile in profiles.items()}
    value = {name: float(decay.fit().gamma) for name, decay in decays.items()}
    slow, fast = f"synthetic, α = {_SLOW:g}", f"synthetic, α = {_FAST:g}"
    # The prompts of two corpora are not the same.
    measured = {
        SHARE: ratio(gammas["random tokens"], gammas["text"]),
        SLOPE: difference(gammas[fast], gammas[slow]).scaled(1 / (_FAST - _SLOW)),
    }
    thetas = context.weights.model.rope_thetas
    pade = gamma_pade(thetas[0], float(setting.length)) if len(thetas) == 1 else None
    return Observations(
        measured=measured,
        sentence=(
            f"γ is {spoken(gammas['text'])} on text, {gammas['shuffled text'].value:.3f} on the same tokens in random order and "
            f"{spoken(gammas['random tokens'])} on random tokens: {value['random tokens'] / value['text']:.0%} of the decay "
            f"needs no meaning; between synthetic texts with α = {_SLOW:g} and {_FAST:g} it moves by "
            f"{value[fast] - value[slow]:+.3f}"
        ),
        facts=()
        if pade is None
        else (Fact("γ_Padé", round(pade, 4), basis="formula", source=f"θ = {thetas[0]:g}, T = {setting.length}"),),
        figures=(
            estimates_figure(
                "corpus",
                "The exponent of one model on five corpora",
                f"Fixed length {setting.length:,}; bars are 95 % intervals over prompts. A decay of the base alone would be the "
                "same on all; a decay of the data alone would be zero on shuffled and random tokens.",
                gammas,
                {**({} if pade is None else {"γ_Padé": (pade, THEORY)}), "no decay": (0.0, NULL)},
            ),
        ),
        data={"gamma": gammas, "gamma_published": published, "alpha": alphas},
        provenance=profiles["text"].provenance,
    ).with_table_by(
        "Exponent by corpus",
        "corpus",
        {
            "α :.2f": alphas,
            "~γ": gammas,
            "~γ published": published,
            "sinks :.3f": {name: float(np.nanmean(profile.sink_mass)) for name, profile in profiles.items()},
        },
        note=f"α: exponent of the mutual information from d = {setting.d_min} to {d_max}, exact for the synthetic texts. "
        "Random and shuffled tokens have none between them at any distance.",
    )
