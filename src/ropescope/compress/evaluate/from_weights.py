"""From a model's weights to a plan: measure what cuts cost, and where asked, score which budget is enough."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ropescope.compress.evaluate.naming import NAMING_TEXTS, plan_for_loss
from ropescope.compress.plan.calibration import PROMPTS, measured_for
from ropescope.compress.plan.frame import DEFAULT_SINKS, Target
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.planning import plan_from_errors, planned_length
from ropescope.errors import PlanError
from ropescope.network.loading.weights import Weights
from ropescope.quality.texts import calibration_texts
from ropescope.runs.job import Progress


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
    others = calibration_texts(weights.tokenizer, length, prompts + NAMING_TEXTS, files=files, column=column)[
        errors.n_prompts :
    ]
    if not others:
        raise PlanError(
            f"The calibration text holds {errors.n_prompts} passages of {length:,} tokens, and all were needed to measure the "
            "plans: give longer text, or fewer `prompts`."
        )
    named = plan_for_loss(
        weights, errors, others, target.max_loss, picks=picks, cache_type=cache_type, progress=progress
    )
    return named.plan
