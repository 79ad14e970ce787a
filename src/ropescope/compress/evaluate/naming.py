"""Which budget a plan needs so that the loss grows by no more than a given share: named on calibration text, by scoring.

The attention that a plan keeps does not tell what it costs. So plans of several budgets are scored on texts that neither
measured them nor will judge them, and the budget is read off where their curve crosses the limit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ropescope.compress.evaluate.methods.planned import planned
from ropescope.compress.evaluate.results.summary import Knee, measured_knee
from ropescope.compress.evaluate.scoring.budgets import Split
from ropescope.compress.evaluate.scoring.session import Sweep
from ropescope.compress.plan.frame import Target
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.output_error import OutputErrors
from ropescope.compress.plan.planning import plan_from_errors
from ropescope.errors import EvaluationError, PlanError
from ropescope.runs.job import Progress, do_pieces
from ropescope.runs.journal import Journal

if TYPE_CHECKING:
    from ropescope.network.loading.weights import Weights
    from ropescope.quality.texts import Text

NAMING_TEXTS = 12
BUDGETS = (0.1, 0.15, 0.2, 0.3, 0.45, 0.6, 0.8)
NEW = 64


@dataclass(frozen=True, slots=True)
class NamedPlan:
    """A plan, and the knee of the curve that named its budget, with its interval over texts."""

    plan: KVPlan
    knee: Knee
    n_texts: int


def plan_for_loss(
    weights: Weights,
    errors: OutputErrors,
    texts: Sequence[Text],
    limit: float,
    *,
    picks: bool = True,
    cache_type: str | None = None,
    progress: Progress | None = None,
) -> NamedPlan:
    """The smallest plan by `errors` that adds at most `limit` times the loss of the whole cache on `texts`, which are as
    long as the plan. Finished texts are kept and not scored again if interrupted.

    Raises PlanError if even the largest budget tried adds more, EvaluationError for texts of another length.
    """
    method = planned(errors, weights.model, picks=picks)
    budgets = tuple(budget for budget in BUDGETS if _can_be_held(method.plan, budget))
    sweep = Sweep(weights, Split(weights.model, errors.length, min(NEW, errors.length // 4)), [method], budgets, texts)
    journal = Journal(sweep.identity)
    do_pieces(sweep, journal, progress=progress)
    found = measured_knee(sweep.result(journal), method.name, limit)
    journal.discard()
    if found is None or found.edge == "above":
        raise PlanError(
            f"Even {budgets[-1]:.0%} of the cache adds more than {limit:.2%} to the loss on the calibration text: allow "
            "more (`max_loss`), or keep the whole cache."
        )
    share = min(1.0, round(found.budget, 4))
    plan = plan_from_errors(errors, weights.model, Target(budget_share=share), picks=picks, cache_type=cache_type)
    bounds = "" if found.low is None or found.high is None else f", 95 % {found.low:.0%} to {found.high:.0%}"
    words = f"{plan.windows_from}; {share:.1%} of the cache named by scoring {len(texts)} other texts{bounds}"
    return NamedPlan(
        replace(plan, target={"max_loss": limit, "budget_share": share}, windows_from=words), found, len(texts)
    )


def _can_be_held(plan: Callable[[float], KVPlan], budget: float) -> bool:
    try:
        plan(budget)
    except (PlanError, EvaluationError):
        return False
    return True
