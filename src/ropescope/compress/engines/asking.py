"""`compress plan` for a serving engine: the best plan that it carries out, what that costs, and its setting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ropescope.compress.engines.carried import NAMES, VERSIONS, Windows, full_layers, own_window, windows_in
from ropescope.compress.plan.report import plan_report
from ropescope.errors import InputError
from ropescope.models.model import Model
from ropescope.questions.question import Run
from ropescope.report.numbers import binary_size
from ropescope.report.report import Fact, Report, Step

if TYPE_CHECKING:
    from ropescope.compress.plan.kv_plan import KVPlan
    from ropescope.compress.plan.target import Target
    from ropescope.quality.intervals import Interval

TEXTS: Final = 6
"""Calibration texts that a plan is scored on, none of which made it."""
_SMALLER: Final = {
    "vllm": {"fp8": 256 / 512, "int4_per_token_head": 136 / 512},
    "sglang": {"fp8": 256 / 512, "nvfp4": 144 / 512},
    "llama.cpp": {"q8_0": 272 / 512, "q4_0": 144 / 512},
}
"""Cache types that an engine has beside 16 bits, of 8 bits and of 4, and their share of those bytes (a head of 128)."""
FOUR_BITS: Final = "What 4 bits cost differs by model: score them on your own text before you serve them."
GOOD: Final = 0.02
"""The added loss, as a share of the loss, up to which no other way is shown beside a plan."""
RUINED: Final = 0.1
"""… and beyond which a plan is no answer."""


def answer_for_engine(inputs: Any, run: Run) -> Report:
    """The plan for the engine of `inputs` (the PlanInputs of `compress plan`) and its setting. Raises InputError for inputs that
    no engine's plan is made from."""
    assert inputs.engine is not None
    _check(inputs)
    from ropescope.models.opening import open as open_model

    model = open_model(inputs.source, revision=inputs.revision, config_only=True)
    windows = windows_in(inputs.engine, model)
    if windows is None or not any(layer.kind == "full" for layer in model.layers):
        return _not_carried(inputs, model)
    return _carried(inputs, run, windows)


def _check(inputs: Any) -> None:
    if inputs.of_profile:
        raise InputError(
            "source",
            f"`source` {Path(inputs.source).name} is a measured profile, and a plan for an `engine` is measured on a model's "
            "weights: name the model in its place.",
        )
    given = {"gamma": inputs.gamma is not None, "uniform": inputs.uniform, "keep_mass": inputs.keep_mass is not None}
    for name in (name for name, is_given in given.items() if is_given):
        raise InputError(
            name,
            f"`{name}` goes with no `engine`, whose plan is measured on a model's weights for a `budget` or a `max_loss`: leave it "
            "out.",
        )
    if inputs.sinks:
        raise InputError("sinks", "These engines keep no first tokens beside a window: leave out `sinks`.")


def _carried(inputs: Any, run: Run, windows: Windows) -> Report:
    from ropescope.compress.engines.settings import settings_for
    from ropescope.compress.plan.planning import measurable_model, planned_length
    from ropescope.compress.plan.restricted import RESTRICTIONS, plan_restricted
    from ropescope.models.source import ALIASES

    engine, target = str(inputs.engine), inputs.target()
    model = measurable_model(inputs, target, 0)
    length = planned_length(model, inputs.length)
    from ropescope.compress.evaluate.choosing import choose
    from ropescope.compress.evaluate.from_weights import budget_for_loss
    from ropescope.compress.plan.calibration import measured_for
    from ropescope.network.loading.asked import load_asked
    from ropescope.quality.texts import calibration_texts

    named = ALIASES.get(model.source.name, model.source.base.spelled)
    window, sets = own_window(model), None if windows.by == "layer_types" else full_layers(model)
    with run.working():
        weights = load_asked(inputs, run.say)
        run.say(f"Measuring {weights.on_what}")
        errors = measured_for(
            weights,
            length,
            prompts=inputs.prompts,
            files=inputs.text,
            column=inputs.column,
            sinks=0,
            picks=False,
            progress=run.progress,
        )

        def make(asked: Target, full: Sequence[frozenset[int]] | None = sets) -> KVPlan:
            return plan_restricted(
                errors,
                model,
                asked,
                RESTRICTIONS["full layers and one window"],
                window=window,
                full_layers=full,
                prefill="windowed",
                cache_type=inputs.cache_type,
            )

        others = calibration_texts(
            weights.tokenizer, length, inputs.prompts + TEXTS, files=inputs.text, column=inputs.column
        )[errors.n_prompts :]
        run.say(f"Scoring {weights.on_what}")
        # Errors of single layers say little of windows without first tokens: one window for all may cost less.
        shapes = [partial(make, full=one) for one in (sets, *([[frozenset[int]()]] if window is None else []))]
        found = None
        if target.max_loss is not None:
            found = budget_for_loss(weights, shapes, length, others, target.max_loss, progress=run.progress)
            target = found.target
        chosen = choose(weights, shapes, [target], others, progress=run.progress) if others else None
        plan, scored = (chosen.plans[0], chosen.cost) if chosen else (shapes[0](target), None)
        if found is not None:
            plan = found.noted(plan)
    settings = settings_for(plan, model, engine, named)
    kept = run.keep("plan", lambda path: [plan.save(path)])
    return _report(inputs, plan, model, settings, scored, plan_report(plan, kept, source=inputs.source))


def _report(
    inputs: Any, plan: KVPlan, model: Model, settings: Any, scored: tuple[Interval, float] | None, report: Report
) -> Report:
    engine = f"{NAMES[str(inputs.engine)]} {VERSIONS[str(inputs.engine)]}"
    full = [layer.index for layer in plan.planned_layers if min(layer.windows) >= plan.length]
    sizes = {min(layer.windows) for layer in plan.planned_layers} - {plan.length}
    planned = len(plan.planned_layers)
    shape = f"{len(full)} of {planned} layers keep everything, the others the last {max(sizes, default=0):,} tokens"
    cost, facts = "", report.facts
    if scored is not None:
        more, loss = scored
        cost = f" It adds {more.value:.3f} nats a token to a loss of {loss:.3f} ({more.value / loss:.1%})."
        bounds = "" if more.low is None or more.high is None else f"95 % {more.low:.3f} to {more.high:.3f}; "
        source = f"{bounds}{more.n} calibration texts that did not make the plan"
        facts = (Fact("added loss", round(more.value, 4), "nats a token", "measured", source), *facts)
    step, steps = _smaller_type(inputs, model, plan.length), list(report.next_steps[:1])
    verdict = (
        f"{engine} carries out {binary_size(plan.bytes_after)} of {binary_size(plan.bytes_before)}: {shape}.{cost}"
    )
    ruined = scored is not None and scored[0].value > RUINED * scored[1]
    if ruined:
        verdict = f"Not useful in {engine}: it keeps windows without first tokens alone.{cost} {step.why}."
    if scored is None or scored[0].value > GOOD * scored[1]:
        steps.insert(0, step)
    return replace(
        report,
        title=f"A cache plan for {plan.model} in {engine} at {plan.length:,} tokens",
        verdict=verdict,
        facts=facts,
        caveats=(
            *settings.remarks,
            "Without its first tokens a window may cost far more than with them: read the added loss before you serve this.",
            *((FOUR_BITS,) if step in steps else ()),
            *report.caveats[-1:],
        ),
        next_steps=tuple(steps),
        lead=settings.text,
        holds=not ruined,
        data={
            **plan.to_dict(),
            "engine": settings.engine,
            "command": settings.text,
            "overrides": dict(settings.overrides),
            "added_loss": None if scored is None else scored[0].value,
        },
    )


def _not_carried(inputs: Any, model: Model) -> Report:
    """That the engine has no setting for the model, and what comes nearest."""
    engine = str(inputs.engine)
    named = f"{NAMES[engine]} {VERSIONS[engine]}"
    step = _smaller_type(inputs, model, inputs.length or min(2048, model.context_length or 2048))
    others = [NAMES[name] for name in NAMES if name != engine and windows_in(name, model)]
    return Report(
        title=f"A cache plan for {model.name} in {named}",
        verdict=f"Not in {named}: it has no setting that drops tokens of {model.model_type}. {step.why}.",
        facts=(
            Fact("engine", named, basis="published", source="its source code was read"),
            Fact("engines with windows for this model", ", ".join(others) or "none", basis="published"),
        ),
        caveats=(FOUR_BITS, "transformers carries out a whole plan: leave out `engine`."),
        next_steps=(step, Step("compress plan", _without_engine(inputs), "The whole plan, for transformers")),
        data={"engine": engine, "version": VERSIONS[engine], "carried": False, **step.inputs},
        holds=False,
    )


def _without_engine(inputs: Any) -> dict[str, Any]:
    asked = {"budget": inputs.budget, "max_loss": inputs.max_loss}
    return {"source": inputs.source, **{name: value for name, value in asked.items() if value is not None}}


def _smaller_type(inputs: Any, model: Model, length: int) -> Step:
    """How to launch the engine with a cache in fewer bits: the most that fit the budget, else the fewest."""
    shares = _SMALLER[str(inputs.engine)]
    whole = model.cache_bytes(length, key_type="bf16")
    budget = inputs.budget / whole if isinstance(inputs.budget, int) else inputs.budget
    fitting = [name for name, share in shares.items() if budget is None or share <= budget]
    name = fitting[0] if fitting else min(shares, key=lambda one: shares[one])
    why = f"The nearest is a cache in {name}, which holds every token in {shares[name]:.0%} of the bytes"
    return Step("launch", {"source": inputs.source, "engine": inputs.engine, "kv_precision": name}, why)
