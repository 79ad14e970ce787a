"""quantised: the same weights with fewer bits, and whether the exponent moves as the NF4 rule of the series says.

Weights are rounded to the nearest value of each format, without calibration, and computed with in the number type of the
setting. Two and three bits are there to show that the measurement would see a change.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ropescope.evidence.experiments.experiment import Expectation, Experiment, Range, Setting
from ropescope.evidence.experiments.figures import estimates_figure
from ropescope.evidence.experiments.observations import Observations, fact_of, spoken
from ropescope.models.model import Model
from ropescope.report.report import Fact
from ropescope.runs.share import all_of

if TYPE_CHECKING:
    from ropescope.evidence.experiments.context import ExperimentContext
    from ropescope.measure.curve import Decay
    from ropescope.measure.estimates import Estimate
    from ropescope.measure.profile import DecayProfile
    from ropescope.network.loading.weights import Weights

PUBLISHED = "Δγ of NF4, published protocol"
FIXED = "Δγ of NF4, fixed length"
RULE = "Δγ of NF4 outside the rule's band, published protocol"
_BASELINE = "bfloat16"
_STABLE = Range(-0.05, 0.05)


def is_grouped(model: Model) -> bool:
    """Whether query heads share key heads in every attention layer (GQA or MQA)."""
    layers = model.attention_layers
    return bool(layers) and all(layer.n_kv_heads < layer.n_heads for layer in layers)


def band(r2: float) -> Range:
    """What the rule gives a model with a key head for each query head, from the R² of its bfloat16 fit (Part II)."""
    if r2 < 0.9:
        return Range(0.3, 0.8)
    if r2 > 0.99:
        return Range(-0.4, -0.2)
    return _STABLE


def expect(model: Model | None, setting: Setting) -> tuple[Expectation, ...]:
    """With grouped queries the rule and the null both say: no change. Otherwise the rule's band depends on the bf16 fit."""
    assert model is not None
    if is_grouped(model):
        return (Expectation(PUBLISHED, theory=_STABLE, null=_STABLE), Expectation(FIXED, theory=_STABLE, null=_STABLE))
    return (
        Expectation(RULE, theory=Range.around(0.0, 0.02), null=None),
        Expectation(PUBLISHED, theory=None, null=_STABLE),
        Expectation(FIXED, theory=None, null=_STABLE),
    )


EXPERIMENT = Experiment(
    name="quantised",
    question="Does rounding the weights move the exponent as the NF4 rule says?",
    theory="The NF4 rule: with grouped queries |Δγ| < 0.05; without, γ rises by 0.3 to 0.8 where the bfloat16 fit has "
    "R² < 0.9, falls by 0.2 to 0.4 where R² > 0.99, and stays between.",
    null="Rounding to four bits is noise on the weights and leaves γ within 0.05, whatever the model.",
    decides="γ in NF4 less γ in bfloat16, on the same prompts. With grouped queries both say the same, so such a model can "
    "refute the two but not decide between them.",
    prompts=12,
    length=1024,
    parts=7,
    expect=expect,
)


def observe(context: ExperimentContext) -> Observations:
    """γ and the loss of the weights as they are (float32), and rounded to six formats, on the same prompts."""
    import numpy as np

    from ropescope.network.rounding import ROUNDINGS, rounded, rounded_share

    whole: Weights = context.load(context.sources[0], dtype="float32")
    corpus = context.corpus(weights=whole)

    def measure(name: str) -> tuple[DecayProfile, float]:
        weights = whole if name == "float32" else rounded(whole, name, dtype=context.setting.dtype)
        return context.measure(name, weights=weights, corpus=corpus), context.loss(weights, corpus)

    found = all_of(("float32", *ROUNDINGS), measure)
    profiles = {name: profile for name, (profile, _) in found.items()}
    losses = {name: loss for name, (_, loss) in found.items()}
    fixed = {name: context.decay(profile) for name, profile in profiles.items()}
    published = {name: context.published(profile) for name, profile in profiles.items()}

    def changes_of(decays: dict[str, Decay]) -> dict[str, Estimate]:
        return {name: context.change(decay, decays[_BASELINE]) for name, decay in decays.items()}

    gammas = {name: context.gamma(decay) for name, decay in fixed.items()}
    changes, published_changes = changes_of(fixed), changes_of(published)
    others = [name for name in fixed if name != _BASELINE]
    r2 = float(published[_BASELINE].fit().r2)
    expected = band(r2)
    assert expected.low is not None and expected.high is not None
    outside = context.change(
        published["NF4"], published[_BASELINE], lambda change: change - np.clip(change, expected.low, expected.high)
    )
    r2_source = "what the rule looks at without grouped queries"
    share = round(rounded_share(whole.network), 3)
    return Observations(
        measured={PUBLISHED: published_changes["NF4"], FIXED: changes["NF4"], RULE: outside},
        sentence=(
            f"from bfloat16 to NF4 γ changes by {spoken(changes['NF4'])} at a fixed length and by "
            f"{spoken(published_changes['NF4'])} in the published protocol, to Q4_0 by {spoken(changes['Q4_0'])}, to Q8_0 by "
            f"{spoken(changes['Q8_0'])}; to 2 bits, where the loss goes from {losses[_BASELINE]:.2f} to "
            f"{losses['2 bits']:.2f} nats, by {spoken(changes['2 bits'])}"
        ),
        facts=(
            fact_of("γ in bfloat16", gammas[_BASELINE]),
            Fact("R² in bfloat16, published protocol", round(r2, 4), source=r2_source),
            Fact("parameters rounded", share, source="share; linear layers but the head"),
        ),
        figures=(
            estimates_figure(
                "quantised",
                "What rounding the weights does to the exponent",
                f"Change of γ at a fixed length of {context.setting.length:,}, on the same prompts, from bfloat16; bars are 95 % "
                "intervals. The NF4 rule gives a model with grouped queries ± 0.05.",
                {name: changes[name] for name in others},
                {},
                x_title="Δγ from bfloat16",
            ),
        ),
        caveats=_baseline(whole),
        data={
            "gamma": gammas,
            "change": changes,
            "change_published": published_changes,
            "loss_nats": losses,
            "r2_published_bfloat16": r2,
            "grouped_queries": is_grouped(whole.model),
        },
        provenance=profiles[_BASELINE].provenance,
    ).with_table_by(
        "Exponent by format",
        "format",
        {
            "bits :.2g": {"float32": 32.0, **{name: rounding.bits for name, rounding in ROUNDINGS.items()}},
            "~γ": gammas,
            "~Δγ :.4f": {**changes, _BASELINE: None},
            "~Δγ published": {**published_changes, _BASELINE: None},
            "loss [nats] :.3f": losses,
        },
        note="Δγ: less γ in bfloat16, on the same prompts. Rounded to the nearest value, weights only, no calibration: "
        + "; ".join(f"{rounding.name}, {rounding.about}" for rounding in ROUNDINGS.values())
        + ".",
    )


def _baseline(weights: Weights) -> tuple[str, ...]:
    """A GGUF file of few bits has been rounded once before: its dequantised weights are the baseline here."""
    from ropescope.models.gguf.header import read_header

    if weights.source.kind != "gguf" or weights.source.path is None:
        return ()
    weights_by_type: Counter[str] = Counter()
    for tensor in read_header(weights.source.path).tensors:
        weights_by_type[tensor.type_name] += tensor.n_elements
    kind, count = weights_by_type.most_common(1)[0]
    return (
        f"{weights.source.name} is a GGUF file with {count / weights_by_type.total():.0%} of its weights in {kind}: the baseline "
        "is what it holds, dequantised, so these weights were rounded once before.",
    )
