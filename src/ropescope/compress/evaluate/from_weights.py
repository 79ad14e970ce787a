"""From a model's weights to a plan: measure what cuts cost, and where asked, find the budget that costs no more than allowed.

The attention that a plan keeps does not tell what it costs. So plans of several budgets are scored on texts that neither
measured them nor will judge them, and the budget is read off where their curve crosses the limit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ropescope.compress.evaluate.choosing import NAME, Shape, choose, held_by_all
from ropescope.compress.evaluate.results.summary import Knee, measured_knee
from ropescope.compress.plan.calibration import PROMPTS, measured_for
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.planning import plan_from_errors, planned_length
from ropescope.compress.plan.target import DEFAULT_SINKS, Target
from ropescope.errors import PlanError
from ropescope.network.loading.weights import Weights
from ropescope.quality.texts import Text, calibration_texts
from ropescope.runs.job import Progress

BUDGET_TEXTS = 12
"""Texts that plans of these budgets are scored on, to find the one that a greatest loss allows."""
BUDGETS = (0.1, 0.15, 0.2, 0.3, 0.45, 0.6, 0.8)


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
    say: Callable[[str], None] = lambda _: None,
) -> KVPlan:
    """The plan for sequences of `length` tokens (default 2,048, or the trained context if that is shorter), measured on
    `prompts` calibration texts, or on the first half of your own `files`.

    A target of `max_loss` is met by scoring plans of several budgets on further calibration texts. Raises PlanError for a
    length beyond the trained context, and as `measure_output_errors` and `budget_for_loss` do.
    """
    length = planned_length(weights.model, length)
    errors = measured_for(
        weights, length, prompts=prompts, files=files, column=column, sinks=sinks, picks=picks, progress=progress
    )
    if target.max_loss is None:
        return plan_from_errors(errors, weights.model, target, picks=picks, cache_type=cache_type)
    say(f"Scoring {weights.on_what}")
    # None of the texts that measured the plans says what they cost.
    others = calibration_texts(weights.tokenizer, length, prompts + BUDGET_TEXTS, files=files, column=column)[
        errors.n_prompts :
    ]

    def make(asked: Target) -> KVPlan:
        return plan_from_errors(errors, weights.model, asked, picks=picks, cache_type=cache_type)

    found = budget_for_loss(weights, [make], length, others, target.max_loss, looks_at_text=picks, progress=progress)
    return found.noted(make(found.target))


@dataclass(frozen=True, slots=True)
class FoundBudget:
    """The smallest budget, a share of the whole cache, whose plan adds at most `limit` of the loss on `n_texts` texts."""

    knee: Knee
    limit: float
    n_texts: int

    @property
    def target(self) -> Target:
        """What a plan is asked for."""
        return Target(budget_share=min(1.0, round(self.knee.budget, 4)))

    def noted(self, plan: KVPlan) -> KVPlan:
        """The plan for `target`, which says how its budget was found."""
        share, (low, high) = self.target.budget_share, (self.knee.low, self.knee.high)
        assert share is not None
        bounds = "" if low is None or high is None else f", 95 % {low:.0%} to {high:.0%}"
        words = f"{plan.windows_from}; {share:.1%} of the cache named by scoring {self.n_texts} other texts{bounds}"
        return replace(plan, target={"max_loss": self.limit, "budget_share": share}, windows_from=words)


def budget_for_loss(
    weights: Weights,
    shapes: Sequence[Shape],
    length: int,
    texts: Sequence[Text],
    limit: float,
    *,
    looks_at_text: bool = False,
    progress: Progress | None = None,
) -> FoundBudget:
    """The smallest budget at which the best of `shapes` adds at most `limit` times the loss of the whole cache on `texts`, which
    are of `length` tokens, as the plans are.

    Raises PlanError if even the largest budget tried adds more, if too few can be tried, or where there is no text.
    """
    if not texts:
        raise PlanError(
            f"The calibration text holds no passage of {length:,} tokens beyond those that measured the plans: give longer "
            "text, or fewer `prompts`."
        )
    targets = held_by_all(weights, shapes, [Target(budget_share=budget) for budget in BUDGETS], texts)
    if len(targets) < 2:
        raise PlanError(
            f"A plan of {length:,} tokens fits fewer than two of the budgets that are tried ({BUDGETS[0]:.0%} to "
            f"{BUDGETS[-1]:.0%} of the cache), so none can be found by its loss: give `budget`."
        )
    chosen = choose(weights, shapes, targets, texts, looks_at_text=looks_at_text, progress=progress)
    found = measured_knee(chosen.result, NAME, limit)
    if found is None or found.edge == "above":
        raise PlanError(
            f"Even {chosen.result.budgets[-1]:.0%} of the cache adds more than {limit:.2%} to the loss on the calibration "
            "text: allow more (`max_loss`), or keep the whole cache."
        )
    return FoundBudget(found, limit, len(texts))
