"""From a model's weights to a plan: measure what cuts cost, and where asked, find the budget that costs no more than allowed.

The attention that a plan keeps does not tell what it costs. So plans of several budgets are scored on texts that neither
measured them nor will judge them, and the budget is read off where their curve crosses the limit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ropescope.compress.evaluate.methods.planned import Planned
from ropescope.compress.evaluate.results.summary import measured_knee
from ropescope.compress.evaluate.scoring.budgets import Split
from ropescope.compress.evaluate.scoring.evaluation import Evaluation
from ropescope.compress.plan.calibration import PROMPTS, measured_for
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.output_error import OutputErrors
from ropescope.compress.plan.planning import plan_from_errors, planned_length
from ropescope.compress.plan.target import DEFAULT_SINKS, Target
from ropescope.errors import EvaluationError, PlanError
from ropescope.network.loading.weights import Weights
from ropescope.quality.texts import Text, calibration_texts
from ropescope.runs.job import Progress, do_pieces
from ropescope.runs.journal import Journal

BUDGET_TEXTS = 12
"""Texts that plans of these budgets are scored on, to find the one that a greatest loss allows."""
BUDGETS = (0.1, 0.15, 0.2, 0.3, 0.45, 0.6, 0.8)
NEW = 64
"""Tokens of each that come behind the cut."""


def plan_from_weights(
    weights: Weights,
    target: Target,
    *,
    length: int | None = None,
    sinks: int = DEFAULT_SINKS,
    picks: bool = True,
    prompts: int = PROMPTS,
    files: Sequence[Path] = (),
    column: str = "text",
    cache_type: str | None = None,
    progress: Progress | None = None,
) -> KVPlan:
    """The plan for sequences of `length` tokens (default 2,048, or the trained context if that is shorter), measured on
    `prompts` calibration texts, or on the first half of your own `files`.

    A target of `max_loss` is met by scoring plans of several budgets on further calibration texts. Raises PlanError for a
    length beyond the trained context, and as `measure_output_errors` and `plan_for_loss` do.
    """
    length = planned_length(weights.model, length)
    errors = measured_for(weights, length, prompts=prompts, files=files, column=column, sinks=sinks, progress=progress)
    if target.max_loss is None:
        return plan_from_errors(errors, weights.model, target, picks=picks, cache_type=cache_type)
    # None of the texts that measured the plans says what they cost.
    others = calibration_texts(weights.tokenizer, length, prompts + BUDGET_TEXTS, files=files, column=column)[
        errors.n_prompts :
    ]
    if not others:
        raise PlanError(
            f"The calibration text holds {errors.n_prompts} passages of {length:,} tokens, and all were needed to measure the "
            "plans: give longer text, or fewer `prompts`."
        )
    return plan_for_loss(
        weights, errors, others, target.max_loss, picks=picks, cache_type=cache_type, progress=progress
    )


def plan_for_loss(
    weights: Weights,
    errors: OutputErrors,
    texts: Sequence[Text],
    limit: float,
    *,
    picks: bool = True,
    make: Callable[[Target], KVPlan] | None = None,
    cache_type: str | None = None,
    progress: Progress | None = None,
) -> KVPlan:
    """The smallest plan by `errors` that adds at most `limit` times the loss of the whole cache on `texts`, which are as
    long as the plan. `make`: what makes plans, in place of `plan_from_errors`. Finished texts are kept and not scored again
    if interrupted.

    Raises PlanError if even the largest budget tried adds more, EvaluationError for texts of another length.
    """
    make = make or (lambda target: plan_from_errors(errors, weights.model, target, picks=picks, cache_type=cache_type))
    method = Planned("planned", lambda budget: make(Target(budget_share=budget)), looks_at_text=picks)
    split = Split(weights.model, errors.length, min(NEW, errors.length // 4))
    budgets = tuple(budget for budget in BUDGETS if _can_be_held(split, method.plan, budget))
    evaluation = Evaluation(weights, split, [method], budgets, texts)
    journal = Journal(evaluation.identity)
    do_pieces(evaluation, journal, progress=progress)
    found = measured_knee(evaluation.result(journal), method.name, limit)
    journal.discard()
    if found is None or found.edge == "above":
        raise PlanError(
            f"Even {budgets[-1]:.0%} of the cache adds more than {limit:.2%} to the loss on the calibration text: allow "
            "more (`max_loss`), or keep the whole cache."
        )
    share = min(1.0, round(found.budget, 4))
    plan = make(Target(budget_share=share))
    bounds = "" if found.low is None or found.high is None else f", 95 % {found.low:.0%} to {found.high:.0%}"
    words = f"{plan.windows_from}; {share:.1%} of the cache named by scoring {len(texts)} other texts{bounds}"
    return replace(plan, target={"max_loss": limit, "budget_share": share}, windows_from=words)


def _can_be_held(split: Split, plan: Callable[[float], KVPlan], budget: float) -> bool:
    try:
        split.kept_share(budget)
        plan(budget)
    except (PlanError, EvaluationError):
        return False
    return True
