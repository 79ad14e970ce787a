"""induction: induction heads measured directly, beside the sign of Δγ that the series takes for them.

The series calls a model "after the formation of induction heads" when γ on text is larger than γ on random tokens, and
expects that from 400 million parameters on. Prefix matching on repeated random tokens needs no such proxy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ropescope.evidence.experiments.experiment import Expectation, Experiment, Range, fixed
from ropescope.evidence.experiments.figures import MEASURED, layered
from ropescope.evidence.experiments.observations import Observations, fact_of, spoken
from ropescope.report.report import Fact, Figure
from ropescope.report.vega import layer
from ropescope.runs.share import all_of

if TYPE_CHECKING:
    from ropescope.evidence.experiments.context import ExperimentContext

MODEL = "Δγ of the model, positive where it has induction heads"
HEADS = "AUC of Δγ for induction heads"
THRESHOLD = 0.3
"""A head that matches prefixes at least so much is called an induction head."""
_SIZE_RULE = 400_000_000

EXPERIMENT = Experiment(
    name="induction",
    question="Does the sign of Δγ tell induction heads?",
    theory="Δγ = γ(text) − γ(random) is positive in a model with induction heads and negative in one without, and of its "
    "heads those with the larger Δγ are the induction heads (AUC of 0.7 or more).",
    null="Δγ of a head says nothing of prefix matching: AUC of 0.4 to 0.6.",
    decides="Prefix matching on repeated random tokens, head by head, beside Δγ of the head and of the model.",
    prompts=24,
    length=1024,
    parts=3,
    expect=fixed(
        # A proxy that works tells the heads apart; one that does not is a coin.
        Expectation(MODEL, theory=Range(low=0.0), null=None),
        Expectation(HEADS, theory=Range(low=0.7), null=Range(0.4, 0.6)),
    ),
)


def observe(context: ExperimentContext) -> Observations:
    """Prefix-matching scores on repeated tokens, and γ of every head on text and on random tokens."""
    import numpy as np

    from ropescope.evidence.experiments.readers import PrefixMatching, repeated_tokens
    from ropescope.evidence.experiments.statistics import area_under_curve, difference, head_gammas, rank_correlation
    from ropescope.measure.estimates import Estimate

    setting, resamples, n = context.setting, context.resamples, context.setting.prompts
    random = context.corpus("random")
    assert random.vocabulary is not None
    half = (setting.length - len(random.prefix)) // 2
    first = len(random.prefix) + half
    readers = context.read(
        "repeated random tokens",
        [repeated_tokens(random.vocabulary, random.prefix, half, setting.seed, index) for index in range(n)],
        range(first, first + half),
        lambda: PrefixMatching(half - 1),
    )
    scores = np.array([reader.scores() for reader in readers])
    n_heads = scores.shape[2]
    flat = scores.reshape(n, -1)
    score = flat.mean(axis=0)

    profiles = all_of(("text", "random"), lambda name: context.measure(name, corpus=context.corpus(name)))
    heads, samples, whole = {}, {}, {}
    for k, (name, profile) in enumerate(profiles.items()):
        # Prompts of text and random prompts are not the same prompts: each is resampled for itself.
        own = np.random.default_rng([setting.seed, k]).permutation(resamples)
        heads[name], samples[name] = head_gammas(profile, setting.d_min, own)
        whole[name] = context.gamma(context.decay(profile))
    delta, delta_samples = heads["text"] - heads["random"], samples["text"] - samples["random"]
    induction = score >= THRESHOLD
    induction_samples = resamples @ flat >= THRESHOLD
    sign = 1.0 if np.nanmax(score) >= THRESHOLD else -1.0
    apart = difference(whole["text"], whole["random"])
    assert apart.value is not None
    model_delta = apart.scaled(sign)
    auc = Estimate.of(area_under_curve(delta, induction), area_under_curve(delta_samples, induction_samples), n)
    relation = Estimate.of(rank_correlation(delta, score), rank_correlation(delta_samples, resamples @ flat), n)
    top = np.argsort(-np.nan_to_num(score))[:12]
    layers = [layer.index for layer in profiles["text"].layers]
    parameters = sum(parameter.numel() for parameter in context.weights.network.parameters())
    n_induction = int(induction.sum())
    measured, by_sign, by_size = (
        "has them" if yes else "has none" for yes in (n_induction, apart.value > 0, parameters >= _SIZE_RULE)
    )
    size_rule = f"size rule of the series: {by_size} (from 400 million on)"
    agree = round(float(np.mean((delta > 0)[np.isfinite(delta)] == induction[np.isfinite(delta)])), 3)
    majority = float(max(induction.mean(), 1 - induction.mean()))
    return (
        Observations(
            measured={MODEL: model_delta, HEADS: auc},
            sentence=(
                f"{n_induction} of {len(score)} heads match prefixes with {THRESHOLD:g} or more (the best "
                f"{np.nanmax(score):.2f}, chance {1 / half:.3f}), Δγ of the model is {apart.value:+.3f}, and "
                f"Δγ of a head tells induction heads from others with an AUC of {spoken(auc, 2)}"
            ),
            facts=(
                Fact(
                    "induction heads", n_induction, source=f"prefix matching of at least {THRESHOLD:g}, of {len(score)}"
                ),
                Fact("parameters", parameters, basis="config", source=size_rule),
                Fact("sign of Δγ agrees", agree, source=f"share of heads; saying the same of all: {majority:.3f}"),
                fact_of("rank correlation of Δγ and score", relation, "over heads"),
            ),
            figures=(_figure(score, delta, layers, n_heads),),
            data={
                "scores": [[_number(value) for value in row] for row in scores.mean(axis=0)],
                "delta_gamma": [[_number(value) for value in row] for row in delta.reshape(-1, n_heads)],
                "delta_gamma_model": apart.value,
                "auc": auc,
                "rank_correlation": relation,
                "chance": 1 / half,
                "threshold": THRESHOLD,
            },
            provenance=profiles["text"].provenance,
        )
        .with_table(
            "What each rule says of the model",
            "rule | induction heads",
            (
                ("measured prefix matching", measured),
                ("sign of Δγ = γ(text) − γ(random)", by_sign),
                ("size, 400 million parameters", by_size),
            ),
        )
        .with_table(
            "Heads that match prefixes most",
            "layer | head | score :.3f | γ text :.3f | γ random :.3f | Δγ :+.3f",
            [
                (
                    layers[index // n_heads],
                    int(index % n_heads),
                    float(score[index]),
                    _number(heads["text"][index]),
                    _number(heads["random"][index]),
                    _number(delta[index]),
                )
                for index in top
            ],
        )
    )


def _number(value: Any) -> float | None:
    return float(value) if abs(value) < float("inf") else None


def _figure(score: Any, delta: Any, layers: list[int], n_heads: int) -> Figure:
    rows = [
        {"score": float(s), "delta": float(d), "head": f"layer {layers[i // n_heads]}, head {i % n_heads}"}
        for i, (s, d) in enumerate(zip(score, delta, strict=True))
        if _number(s) is not None and _number(d) is not None
    ]
    x = {"field": "delta", "type": "quantitative", "title": "Δγ of the head: text less random tokens"}
    y = {"field": "score", "type": "quantitative", "title": "prefix-matching score", "scale": {"domain": [0, 1]}}
    tooltip = [{"field": name} for name in ("head", "score", "delta")]
    drawn: list[dict[str, Any]] = [
        {"data": {"values": [{"delta": 0}]}, "mark": "rule", "encoding": {"x": x}},
        {"data": {"values": [{"score": THRESHOLD}]}, "mark": "rule", "encoding": {"y": y}},
        layer("point", {"x": x, "y": y, "tooltip": tooltip}, rows, filled=True, size=34, opacity=0.75, color=MEASURED),
    ]
    return layered(
        "induction",
        "Induction heads, and the sign that is taken for them",
        drawn,
        f"Every head. Above the line at {THRESHOLD:g}: induction heads. If the sign of Δγ told them, they would lie to the right "
        "of zero and the others to the left.",
        width=600,
        height=320,
    )
