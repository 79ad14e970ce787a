"""Methods that are cache plans: in every KV head sinks, a window of the latest tokens, and picks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from ropescope.compress.cache.picking import best
from ropescope.compress.evaluate.methods.method import Prefilled
from ropescope.compress.plan.kv_plan import KVPlan, LayerPlan
from ropescope.compress.plan.picks import Sharing, shared_scores
from ropescope.compress.plan.planning import plan_from_errors, plan_from_profile, plan_uniform
from ropescope.compress.plan.target import DEFAULT_SINKS, Target
from ropescope.errors import EvaluationError
from ropescope.measure.profile import DecayProfile
from ropescope.models.model import Model

if TYPE_CHECKING:
    from ropescope.compress.plan.output_error import OutputErrors


@dataclass(frozen=True)
class Planned:
    """A family of plans, one for each budget. It is scored with windows that slide as those of a PlannedCache do.

    make: from a budget, a share of the bytes of the whole cache, to its plan; all plans are for sequences of one length.
    only: the one budget that there is a plan for; None: any. looks_at_text: whether plans may pick tokens. together: which
    KV heads pick the same tokens.
    """

    name: str
    make: Callable[[float], KVPlan]
    only: float | None = None
    looks_at_text: bool = False
    together: Sharing = "head"
    needs_hidden: ClassVar[bool] = False
    _made: dict[float, KVPlan] = field(default_factory=dict, repr=False, compare=False)

    def plan(self, budget: float) -> KVPlan:
        """The plan for a budget, made once. Raises PlanError for a budget below the sinks."""
        if budget not in self._made:
            self._made[budget] = self.make(budget)
        return self._made[budget]

    def keep(self, filled: Prefilled, budget: float) -> list[Tensor | None]:
        """What the plan for `budget` has left when the prefill ends. Raises EvaluationError for a plan of fewer tokens."""
        plan = self.plan(budget)
        if filled.n_tokens > plan.length:
            raise EvaluationError(
                f"{self.name} is planned for {plan.length:,} tokens, and {filled.n_tokens:,} were prefilled: plan for more."
            )
        position = torch.arange(filled.n_tokens, device=filled.tokens.device)
        kept: list[Tensor | None] = [None] * filled.n_layers
        picks = picked(plan, filled, self.together)
        for layer in plan.planned_layers:
            window = torch.tensor(layer.windows, device=position.device)[:, None]
            of_layer = (position < plan.sinks) | (position >= filled.n_tokens - window)
            kept[layer.index] = of_layer | picks[layer.index] if layer.index in picks else of_layer
        return kept


def picked(plan: KVPlan, filled: Prefilled, together: Sharing = "head") -> dict[int, Tensor]:
    """Layer → bool [KV heads, tokens] of the tokens that a planned cache picks when the prefill ends."""
    found: dict[int, Tensor] = {}
    position = torch.arange(filled.n_tokens, device=filled.tokens.device)
    picking = [layer for layer in plan.planned_layers if any(layer.picks)]
    shared = {} if together == "head" else _scores_together(picking, filled, together)
    for layer in picking:
        scores = filled.attention_received(layer.index)
        if together != "head":
            scores = shared[layer.index].expand_as(scores)
        chosen = torch.zeros(scores.shape, dtype=torch.bool, device=scores.device)
        for head, (window, count) in enumerate(zip(layer.windows, layer.picks, strict=True)):
            leaving = (position >= plan.sinks) & (position < filled.n_tokens - window)
            count = min(count, int(leaving.sum()))
            if count:
                chosen[head, best(scores[None, head : head + 1], leaving[None], count)[0, 0]] = True
        found[layer.index] = chosen
    return found


def _scores_together(layers: Sequence[LayerPlan], filled: Prefilled, together: Sharing) -> dict[int, Tensor]:
    of_head = {
        (layer.index, head): scores
        for layer in layers
        for head, scores in enumerate(filled.attention_received(layer.index))
    }
    return shared_scores(of_head, together)


def planned(
    measured: OutputErrors | DecayProfile, model: Model, *, name: str = "planned", picks: bool = True
) -> Planned:
    """The plans that output errors or a profile give, for sequences of the length they were measured at. Only those of
    output errors pick tokens, and they do not if `picks` is false."""

    def make(budget: float) -> KVPlan:
        if isinstance(measured, DecayProfile):
            return plan_from_profile(measured, model, Target(budget_share=budget))
        return plan_from_errors(measured, model, Target(budget_share=budget), picks=picks)

    return Planned(name, make, looks_at_text=picks and not isinstance(measured, DecayProfile))


def one_plan(plan: KVPlan, *, name: str = "the plan") -> Planned:
    """A plan that was made before, at its own budget."""
    return Planned(name, lambda _: plan, only=plan.bytes_after / plan.bytes_before, looks_at_text=plan.looks_at_text)


def uniform(model: Model, length: int, *, sinks: int = DEFAULT_SINKS) -> Planned:
    """One window for all heads behind `sinks` first tokens (StreamingLLM, arXiv:2309.17453): the null of every plan."""
    return Planned("uniform window", lambda b: plan_uniform(model, Target(budget_share=b), length=length, sinks=sinks))
