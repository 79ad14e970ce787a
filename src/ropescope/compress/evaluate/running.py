"""From a source to a finished evaluation of smaller caches."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

import torch

from ropescope.compress.evaluate.inputs import EvaluateInputs, fitting_plan, nothing_to_time, scored_length
from ropescope.compress.evaluate.methods.catalogue import methods_named
from ropescope.compress.evaluate.methods.method import Method
from ropescope.compress.evaluate.methods.names import left_out
from ropescope.compress.evaluate.methods.planned import Planned, one_plan
from ropescope.compress.evaluate.results.result import GivenPlan, TradeoffResult
from ropescope.compress.evaluate.scoring.budgets import Split
from ropescope.compress.evaluate.scoring.evaluation import Evaluation
from ropescope.compress.evaluate.scoring.questions import questions
from ropescope.compress.evaluate.scoring.timing import times
from ropescope.compress.plan.calibration import measured_for
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.output_error import OutputErrors
from ropescope.measure.profile import DecayProfile
from ropescope.network.loading.asked import load_asked
from ropescope.quality.texts import held_out_texts
from ropescope.questions.question import Run
from ropescope.runs.job import Outcome, run_job
from ropescope.runs.share import made_once


def evaluate(inputs: EvaluateInputs, run: Run | None = None) -> Outcome[TradeoffResult]:
    """Load, plan, score, ask and time; `run` hears what is going on.

    Raises RopescopeError subclasses; KeyboardInterrupt only when no text was finished.
    """
    run = run or Run()
    for sentence in left_out(inputs.methods):
        run.say(sentence)
    weights = load_asked(inputs, run.say, text="scored")
    plan = None if inputs.plan is None else fitting_plan(inputs.plan, weights.model)
    profile = None if inputs.profile is None else DecayProfile.load(inputs.profile)
    length = scored_length(inputs, plan, profile, weights.model)
    texts = held_out_texts(weights.tokenizer, length, inputs.texts, files=inputs.text, column=inputs.column)

    @functools.cache
    def measured() -> OutputErrors | DecayProfile:
        if profile is not None:
            return profile
        run.say(f"Measuring on other text what plans are made from: {weights.on_what}")
        about = f"plans of {weights.fingerprint} for {length} on {inputs.text} {inputs.column}"
        return made_once(
            about, lambda: measured_for(weights, length, files=inputs.text, column=inputs.column, progress=run.progress)
        )

    split, budgets = Split(weights.model, length, inputs.scored), inputs.budgets
    for budget in budgets:
        split.kept_share(budget)  # what cannot be held is said before anything is measured
    methods = methods_named(inputs.methods, model=weights.model, length=length, measured=measured)
    given = None
    if plan is not None:
        alone = one_plan(plan)
        assert alone.only is not None
        methods = [alone, *methods]
        given = GivenPlan(alone.only, plan.target.get("max_loss"))
        # A plan for 30 % holds a few bytes less: one point serves for both.
        budgets = tuple(sorted({*(b for b in budgets if abs(b - alone.only) > 0.005), alone.only}))
    timed = _timed_plan(methods, budgets) if inputs.time else None
    about = {"source": inputs.source, "files": [path.name for path in inputs.text]}
    asked = questions(weights.tokenizer, length, inputs.questions) if inputs.needle else ()
    evaluation = Evaluation(weights, split, methods, budgets, texts, asked, given, about)
    run.say(f"Scoring {weights.on_what}")
    outcome = run_job(evaluation, resume=inputs.resume, progress=run.progress)
    return outcome if timed is None else _with_times(outcome, evaluation, timed)


def _with_times(outcome: Outcome[TradeoffResult], evaluation: Evaluation, timed: KVPlan) -> Outcome[TradeoffResult]:
    seconds, interrupted = None, outcome.interrupted
    try:
        if not interrupted:
            tokens = torch.tensor(evaluation.texts[0].tokens, device=evaluation.weights.network.device)[None]
            seconds = times(evaluation.weights, timed, tokens)
    except KeyboardInterrupt:
        interrupted = True
    partial = interrupted or outcome.result.partial
    return replace(outcome, result=replace(outcome.result, times=seconds, partial=partial))


def _timed_plan(methods: Sequence[Method], budgets: tuple[float, ...]) -> KVPlan:
    """The plan of the first planned method, at its own budget or the middle one. Raises EvaluationError without any."""
    for method in methods:
        if isinstance(method, Planned):
            return method.plan(method.only or budgets[len(budgets) // 2])
    raise nothing_to_time()
