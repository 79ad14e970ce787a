"""Of plans of several shapes the one that adds least to the loss, at one budget or at each of several.

Where the planner's own measure cannot tell which shape costs less (windows without first tokens), scoring does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ropescope.compress.evaluate.methods.planned import Planned
from ropescope.compress.evaluate.results.result import TextScore, TradeoffResult
from ropescope.compress.evaluate.results.summary import added, full_loss
from ropescope.compress.evaluate.scoring.budgets import Split
from ropescope.compress.evaluate.scoring.evaluation import Evaluation
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.target import Target
from ropescope.errors import EvaluationError, PlanError
from ropescope.network.loading.weights import Weights
from ropescope.quality.intervals import Interval
from ropescope.quality.texts import Text
from ropescope.runs.job import Progress, do_pieces
from ropescope.runs.journal import Journal

Shape = Callable[[Target], KVPlan]
"""What makes the plan of one shape for a target."""
NAME: Final = "planned"
"""The method of a `Chosen` result."""
NEW: Final = 64
"""Tokens of a text that come behind the cut."""


@dataclass(frozen=True)
class Chosen:
    """By budget, from the smallest to the largest, the plan that adds least; `result` holds what these add, as the method
    `NAME`."""

    plans: tuple[KVPlan, ...]
    result: TradeoffResult

    @property
    def cost(self) -> tuple[Interval, float]:
        """(nats a token that the first plan adds, with their 95 % interval, and the loss with the whole cache)."""
        first = added(self.result, NAME)[0]
        assert first is not None
        return first, full_loss(self.result)


def choose(
    weights: Weights,
    shapes: Sequence[Shape],
    targets: Sequence[Target],
    texts: Sequence[Text],
    *,
    looks_at_text: bool = False,
    progress: Progress | None = None,
) -> Chosen:
    """For each of `targets`, budgets in rising order, the plan of least mean loss on `texts`, which are as long as the plans.

    Finished texts are kept and not scored again if interrupted. Raises EvaluationError for texts of another length, PlanError
    for a budget that a shape cannot hold.
    """
    split = _split(weights, texts)
    asked = {_share(target, shapes[0]): target for target in targets}
    methods = [
        Planned(f"{NAME} {place}", _by_share(shape, asked), looks_at_text=looks_at_text)
        for place, shape in enumerate(shapes)
    ]
    evaluation = Evaluation(weights, split, methods, tuple(asked), texts)
    journal = Journal(evaluation.identity)
    do_pieces(evaluation, journal, progress=progress)
    result = evaluation.result(journal)
    journal.discard()
    best = []
    for column in zip(*(added(result, method.name) for method in methods), strict=True):
        means = [one.value for one in column if one is not None]
        best.append(means.index(min(means)))
    plans = tuple(methods[place].plan(share) for share, place in zip(asked, best, strict=True))
    names = [methods[place].name for place in best]
    rows = tuple(_of_best(text, names) for text in result.texts)
    return Chosen(plans, replace(result, methods=(NAME,), blind=() if looks_at_text else (NAME,), texts=rows))


def held_by_all(
    weights: Weights, shapes: Sequence[Shape], targets: Sequence[Target], texts: Sequence[Text]
) -> list[Target]:
    """Those of `targets` that every shape has a plan for, and that leave something to score."""
    split = _split(weights, texts)

    def held(target: Target) -> bool:
        try:
            for shape in shapes:
                shape(target)
            split.kept_share(_share(target, shapes[0]))
        except (PlanError, EvaluationError):
            return False
        return True

    return [target for target in targets if held(target)]


def _split(weights: Weights, texts: Sequence[Text]) -> Split:
    length = len(texts[0].tokens)
    return Split(weights.model, length, min(NEW, length // 4))


def _share(target: Target, shape: Shape) -> float:
    """The share of the whole cache that a budget is."""
    if target.budget_bytes is not None:
        return target.budget_bytes / shape(target).bytes_before
    assert target.budget_share is not None
    return target.budget_share


def _by_share(shape: Shape, asked: dict[float, Target]) -> Callable[[float], KVPlan]:
    return lambda share: shape(asked[share])


def _of_best(text: TextScore, names: Sequence[str]) -> TextScore:
    """The scores of the method that is best at each budget, as one method's."""
    return replace(
        text,
        added={NAME: tuple(text.added[name][k] for k, name in enumerate(names))},
        held={NAME: tuple(text.held[name][k] for k, name in enumerate(names))},
    )
