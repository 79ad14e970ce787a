"""induction: induction heads measured directly, beside the sign of Δγ that the series takes for them.

The series calls a model "after the formation of induction heads" when γ on text is larger than γ on random tokens, and
expects that from 400 million parameters on. Prefix matching on repeated random tokens needs no such proxy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ropescope.evidence.experiments.experiment import Expectation, Experiment, Findings, Prediction, Range, Setting
from ropescope.evidence.experiments.wording import plain, spoken
from ropescope.evidence.tables import table
from ropescope.models.model import Model
from ropescope.report.report import Fact, Figure
from ropescope.report.theme import BLUE

if TYPE_CHECKING:
    from ropescope.evidence.experiments.context import ExperimentContext

MODEL = "Δγ of the model, positive where it has induction heads"
HEADS = "AUC of Δγ for induction heads"
THRESHOLD = 0.3
"""A head that matches prefixes at least so much is called an induction head."""
_SIZE_RULE = 400_000_000


def expect(model: Model | None, setting: Setting) -> tuple[Expectation, ...]:
    """A proxy that works tells the heads apart (AUC 0.7 or more); one that does not is a coin (0.4 to 0.6)."""
    return (
        Expectation(MODEL, theory=Range(low=0.0), null=None),
        Expectation(HEADS, theory=Range(low=0.7), null=Range(0.4, 0.6)),
    )


def observe(context: ExperimentContext) -> Findings:
    """Prefix-matching scores on repeated tokens, and γ of every head on text and on random tokens."""
    import numpy as np

    from ropescope.evidence.experiments.heads import area_under_curve, head_gammas, rank_correlation
    from ropescope.evidence.experiments.prefix_matching import PrefixMatching, repeated_tokens
    from ropescope.evidence.experiments.trends import difference
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

    profiles = {name: context.measure(name, corpus=context.corpus(name)) for name in ("text", "random")}
    heads, samples, whole = {}, {}, {}
    for k, (name, profile) in enumerate(profiles.items()):
        # Prompts of text and random prompts are not the same prompts: each is resampled for itself.
        own = np.random.default_rng([setting.seed, k]).permutation(resamples)
        heads[name], samples[name] = head_gammas(profile, setting.d_min, own)
        whole[name] = context.decay(profile).gamma(context.draws)
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
    by_size = "has them" if parameters >= _SIZE_RULE else "has none"
    measured = "has them" if induction.any() else "has none"
    by_sign = "has them" if apart.value > 0 else "has none"
    agree = float(np.mean((delta > 0)[np.isfinite(delta)] == induction[np.isfinite(delta)]))
    majority = float(max(induction.mean(), 1 - induction.mean()))
    return Findings(
        measured={MODEL: model_delta, HEADS: auc},
        sentence=(
            f"{int(induction.sum())} of {len(score)} heads match prefixes with {THRESHOLD:g} or more (the best "
            f"{np.nanmax(score):.2f}, chance {1 / half:.3f}), Δγ of the model is {apart.value:+.3f}, and "
            f"Δγ of a head tells induction heads from others with an AUC of {spoken(auc, 2)}"
        ),
        facts=(
            Fact(
                "induction heads",
                int(induction.sum()),
                source=f"prefix matching of at least {THRESHOLD:g}, of {len(score)}",
            ),
            Fact(
                "parameters",
                parameters,
                basis="config",
                source=f"size rule of the series: {by_size} (from 400 million on)",
            ),
            Fact(
                "sign of Δγ agrees", round(agree, 3), source=f"share of heads; saying the same of all: {majority:.3f}"
            ),
            Fact("rank correlation of Δγ and score", relation.value, interval=relation.ci, source="over heads"),
        ),
        tables=(
            table(
                "What each rule says of the model",
                "rule | induction heads",
                (
                    ("measured prefix matching", measured),
                    ("sign of Δγ = γ(text) − γ(random)", by_sign),
                    ("size, 400 million parameters", by_size),
                ),
            ),
            table(
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
            ),
        ),
        figures=(_figure(score, delta, layers, n_heads),),
        data={
            "scores": [[_number(value) for value in row] for row in scores.mean(axis=0)],
            "delta_gamma": [[_number(value) for value in row] for row in delta.reshape(-1, n_heads)],
            "delta_gamma_model": apart.value,
            "auc": plain(auc),
            "rank_correlation": plain(relation),
            "chance": 1 / half,
            "threshold": THRESHOLD,
        },
        provenance=profiles["text"].provenance,
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
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 600,
        "height": 320,
        "layer": [
            {"data": {"values": [{"delta": 0}]}, "mark": "rule", "encoding": {"x": x}},
            {"data": {"values": [{"score": THRESHOLD}]}, "mark": "rule", "encoding": {"y": y}},
            {
                "data": {"values": rows},
                "mark": {"type": "point", "filled": True, "size": 34, "opacity": 0.75, "color": BLUE},
                "encoding": {"x": x, "y": y, "tooltip": [{"field": name} for name in ("head", "score", "delta")]},
            },
        ],
    }
    return Figure(
        "induction",
        "Induction heads, and the sign that is taken for them",
        spec,
        f"Every head. Above the line at {THRESHOLD:g}: induction heads. If the sign of Δγ told them, they would lie to the right "
        "of zero and the others to the left.",
    )


EXPERIMENT = Experiment(
    name="induction",
    question="Does the sign of Δγ tell induction heads?",
    prediction=Prediction(
        theory="Δγ = γ(text) − γ(random) is positive in a model with induction heads and negative in one without, and of its "
        "heads those with the larger Δγ are the induction heads (AUC of 0.7 or more).",
        null="Δγ of a head says nothing of prefix matching: AUC of 0.4 to 0.6.",
        decides="Prefix matching on repeated random tokens, head by head, beside Δγ of the head and of the model.",
    ),
    prompts=24,
    length=1024,
    parts=3,
    expect=expect,
    observe=observe,
)
