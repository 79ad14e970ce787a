"""base-scaling: θ multiplied at inference to read twice the trained length, beside the methods that people use for it.

Part I calls scaling by α_opt Pareto-dominant over the unscaled base: nowhere worse, somewhere better. Inside the trained
length a scaled base is a change that training never met, so the null is a trade: a little lost inside for much beyond. α_opt
needs a target γ; the one that keeps γ_Padé from the trained length T_0 to T is α = T/T_0, and that is what is held against it.
γ is measured at every α, inside the trained length, to see whether it tells which α is best.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ropescope.errors import MeasurementError
from ropescope.evidence.experiments.experiment import Expectation, Experiment, Range, fixed
from ropescope.evidence.experiments.figures import Axis, sweep_figure
from ropescope.evidence.experiments.observations import Observations, spoken
from ropescope.evidence.tables import table, table_by
from ropescope.report.report import Fact, Table
from ropescope.runs.share import all_of

if TYPE_CHECKING:
    from ropescope.evidence.experiments.context import ExperimentContext
    from ropescope.extend.evaluate.result import ExtensionResult
    from ropescope.measure.estimates import Estimate
    from ropescope.measure.profile import DecayProfile

STRETCH = 2
INSIDE = "Δloss inside the trained length, α_opt less unscaled"
BEYOND = "Δloss beyond it, α_opt less unscaled"
TRADE = 0.005
"""Nats a token that the null expects to be lost inside, at the least."""
ALPHAS = (1.0, 1.5, 2.0, 3.0, 4.0, 8.0)
PEERS = ("ntk", "dynamic", "yarn")

EXPERIMENT = Experiment(
    name="base-scaling",
    question="Is a base scaled by α_opt better everywhere than the unscaled one?",
    theory="At α_opt the loss is nowhere higher than unscaled, and lower beyond the trained length (Pareto-dominant).",
    null=f"Scaling is a trade: at least {TRADE:g} nats a token are lost inside the trained length for what is won beyond.",
    decides="The loss at α = 2, which keeps γ_Padé at twice the trained length, less that of the unscaled base on the same "
    "texts: inside the trained length, and beyond.",
    prompts=6,
    length=2048,
    parts=2 * len(ALPHAS) + len(PEERS) + 1,  # dynamic reads short texts otherwise, so they are scored by themselves
    expect=fixed(
        # Both say that scaling helps beyond; only the theory says that it costs nothing inside.
        Expectation(INSIDE, theory=Range(None, 0.0), null=Range(TRADE, None)),
        Expectation(BEYOND, theory=Range(None, 0.0), null=Range(None, 0.0)),
    ),
    needs_rope=True,
)


def observe(context: ExperimentContext) -> Observations:
    """The loss by position under six bases and three other methods, and γ at each base."""
    from ropescope.extend.evaluate.candidates import candidates
    from ropescope.extend.evaluate.session import Evaluation
    from ropescope.extend.evaluate.summary import against, loss
    from ropescope.network.rope_base import at_rope_base
    from ropescope.quality.texts import held_out_texts
    from ropescope.runs.journal import Journal
    from ropescope.theory.base_design import alpha_opt

    weights, setting = context.weights, context.setting
    trained, own = weights.model.context_length, weights.model.rope_thetas[0]
    if weights.tokenizer is None or trained is None:
        raise MeasurementError(f"{weights.model.name} has no tokenizer, or its files state no trained length.")
    target = STRETCH * trained
    names = ["none", *(f"alpha@alpha={alpha:g}" for alpha in ALPHAS[1:]), *PEERS]
    per_kind = setting.prompts if setting.texts else -(-setting.prompts // 3)
    texts = held_out_texts(weights.tokenizer, target, per_kind, files=setting.texts, column=setting.column)[
        : setting.prompts
    ]
    if len(texts) < setting.prompts:
        raise MeasurementError(
            f"There are {len(texts)} texts of {target:,} tokens: give `prompts` {len(texts)}, or more text."
        )
    evaluation = Evaluation(weights, candidates(weights.model, target, names), target, texts, band=max(2, trained // 4))
    journal = Journal({**evaluation.identity, "experiment": "base-scaling"})
    journal.begin(setting.resume)
    passes = [*names, *(f"{candidate.name}, short texts" for candidate in evaluation.by_length)]  # of every text
    all_of(
        range(len(passes)),
        lambda index: context.do(f"loss, {passes[index]}", evaluation, journal, shard=(index, len(passes))),
    )
    context.clear_also(journal)
    result = evaluation.result(journal)
    corpus = context.corpus()

    def measure(alpha: float) -> DecayProfile:
        with at_rope_base(weights, own * alpha) as changed:
            return context.measure(f"γ at α = {alpha:g}", weights=changed, corpus=corpus)

    profiles = all_of(ALPHAS, measure)
    gammas = {alpha: context.gamma(context.decay(profile)) for alpha, profile in profiles.items()}
    arms = dict(zip(ALPHAS, names[: len(ALPHAS)], strict=True))
    kept = arms[float(STRETCH)]
    inside = _estimate(against(result, kept, "none", "inside"))
    beyond = _estimate(against(result, kept, "none", "beyond"))
    losses = {name: (loss(result, name, "inside"), loss(result, name, "target")) for name in names}
    best_alpha = min(ALPHAS, key=lambda alpha: losses[arms[alpha]][1] or 0.0)
    gamma = gammas[1.0].value
    asked = alpha_opt(own, gamma, target) if gamma is not None and -1 < gamma < 1 else None
    best = min(names, key=lambda name: losses[name][1] or 0.0)
    asked_at = "–" if gamma is None else f"{gamma:.3f}"
    asked_source = f"θ_design(γ = {asked_at}, {target:,})/θ; below 1 it would shrink the base"
    of_alphas = f"of {', '.join(f'{a:g}' for a in ALPHAS)}"
    return Observations(
        measured={INSIDE: inside, BEYOND: beyond},
        sentence=(
            f"to read {target:,} tokens, α = {STRETCH} (which keeps γ_Padé) changes the loss inside the trained {trained:,} by "
            f"{spoken(inside)} and beyond by {spoken(beyond)} nats a token; of all that was tried {best} loses least in the "
            f"last band, of the bases α = {best_alpha:g}"
        ),
        facts=(
            Fact("θ of the model", own, basis="config", source="rope_theta"),
            Fact(
                "α_opt at the γ measured",
                None if asked is None else round(asked, 4),
                basis="formula",
                source=asked_source,
            ),
            Fact("best α in the last band", best_alpha, basis="measured", source=of_alphas),
            Fact("best of all in the last band", best, basis="measured"),
        ),
        tables=(
            _arms(result, names),
            table_by(
                "The exponent at each base",
                "α :g",
                {
                    "~γ": gammas,
                    "inside [nats] :.3f": {alpha: losses[name][0] for alpha, name in arms.items()},
                    "last band [nats] :.3f": {alpha: losses[name][1] for alpha, name in arms.items()},
                },
                note="γ at a fixed length inside the trained one. If γ told which α is best, the least loss would stand at a γ "
                "that could be named beforehand.",
            ),
        ),
        figures=(
            sweep_figure(
                "base-scaling",
                "What a multiplied base costs, and gains",
                f"Against the unscaled base within the trained length, YaRN at the target; {len(texts)} texts, 95 %.",
                Axis("multiplier α of the base", log=True, values=ALPHAS[1:]),
                {
                    "inside the trained length, less unscaled": _series(result, arms, "inside", "none"),
                    "last band of the target, less YaRN": _series(result, arms, "target", "yarn"),
                },
                {"no difference": [(alpha, 0.0) for alpha in ALPHAS[1:]]},
                y_title="difference of the loss (nats a token)",
            ),
        ),
        caveats=(
            f"α_opt needs a target γ that the paper sets by hand; here it is the one that keeps γ_Padé, α = {STRETCH}. At the γ "
            "that was measured the formula gives another α, which is among the facts.",
            "dynamic is given each text whole, at the base of its full length.",
        ),
        data={
            "result": result.to_dict(),
            "gamma": gammas,
            "alpha_opt_at_measured_gamma": asked,
            "best_alpha": best_alpha,
        },
        provenance=profiles[1.0].provenance,
    )


def _estimate(interval: Any) -> Estimate:
    from ropescope.measure.estimates import Estimate

    if interval is None or interval.low is None:
        return Estimate(None if interval is None else interval.value)
    return Estimate(interval.value, (interval.high - interval.low) / 4, (interval.low, interval.high))


def _series(
    result: ExtensionResult, arms: dict[float, str], where: Any, reference: str
) -> list[tuple[float, Estimate]]:
    from ropescope.extend.evaluate.summary import against

    return [(alpha, _estimate(against(result, name, reference, where))) for alpha, name in arms.items() if alpha != 1.0]


def _arms(result: ExtensionResult, names: list[str]) -> Table:
    from ropescope.extend.evaluate.summary import against, loss

    rows = []
    for name in names:
        inside, beyond, target = (
            _estimate(against(result, name, "none", where)) for where in ("inside", "beyond", "target")
        )
        dominates = all(change.ci is not None and change.ci[1] <= 0 for change in (inside, beyond, target))
        word = "" if name == "none" else "yes" if dominates else "no"
        rows.append((name, loss(result, name, "inside"), inside, loss(result, name, "target"), target, word))
    return table(
        "Loss inside the trained length and in the last band",
        "method | inside [nats] :.3f | ~change | last band [nats] :.3f | ~change there | dominates",
        rows,
        note="Changes are paired with the unscaled base, text by text. dominates: surely no worse inside, beyond and at the end.",
    )
