"""What a budget means for every method alike: bytes held while the scored tokens come.

A plan's windows slide, so a planned cache holds as much at the first new token as at the last. Methods that cut once
behind the prefill keep all new tokens, so their caches grow. A budget is therefore what is held in the mean over the new
tokens, as a share of the whole cache at the end of the sequence; the budget of `compress plan` counts the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ropescope.compress.plan.builder import PlanBuilder
from ropescope.compress.plan.target import Target
from ropescope.errors import EvaluationError
from ropescope.models.cache import cache_bytes
from ropescope.models.model import Model

if TYPE_CHECKING:
    from torch import Tensor

    from ropescope.compress.evaluate.methods.method import Method, Prefilled
    from ropescope.compress.evaluate.scoring.visible import Visible


@dataclass(frozen=True)
class Split:
    """A sequence of `length` tokens, the last `new` of which come behind the prefill; all but the first of them are scored, which
    the prefill has predicted."""

    model: Model
    length: int
    new: int

    def __post_init__(self) -> None:
        """Raises EvaluationError for too few tokens to prefill or to score."""
        if self.new < 2 or self.length < 2 * self.new:
            raise EvaluationError(
                f"{self.length:,} tokens, the last {self.new} of them behind the cut, leave no context to compress: "
                f"give at least {2 * max(2, self.new)} tokens, with at least 2 behind the cut."
            )

    @property
    def prefilled(self) -> int:
        """The tokens of the prefill."""
        return self.length - self.new

    @cached_property
    def _builder(self) -> PlanBuilder:
        return PlanBuilder.of(self.model, self.length, 0, None)

    @cached_property
    def whole_bytes(self) -> int:
        """The bytes of the whole cache at the end of the sequence."""
        return self.model.cache_bytes(self.length, key_type=self._builder.cache_type)

    def kept_share(self, budget: float) -> float:
        """The share of the prefilled tokens that a method keeps which also keeps all new ones.

        Raises EvaluationError for a budget that is not in (0, 1] or leaves less than a token, PlanError for one below the
        layers that stay whole.
        """
        builder = self._builder
        a_token = sum(builder.token_bytes(index) * self.model.layers[index].n_kv_heads for index in builder.planned)
        held = builder.window_bytes(Target(budget_share=budget)) / a_token
        share = (held - self.new / 2) / self.prefilled
        if share * self.prefilled < 1:
            raise EvaluationError(
                f"A budget of {budget:.3g} of the cache holds {held:.0f} of {self.length:,} tokens, and {self.new} new ones are "
                "to be scored: give a larger budget, a longer sequence, or fewer tokens to score."
            )
        return min(share, 1.0)

    def cut(self, method: Method, filled: Prefilled, budget: float) -> tuple[Visible, float]:
        """What new tokens see once `method` has cut to `budget`, and the share of the whole cache that is really held.

        Raises EvaluationError or PlanError for a budget that the method cannot carry out.
        """
        from ropescope.compress.evaluate.methods.planned import Planned, picked
        from ropescope.compress.evaluate.scoring.visible import Kept, PlanView

        if isinstance(method, Planned):
            plan = method.plan(budget)
            if plan.length < self.length:
                raise EvaluationError(
                    f"{method.name} is planned for {plan.length:,} tokens, and the sequence has {self.length:,}: plan for more."
                )
            if plan.prefill == "windowed":
                raise EvaluationError(
                    f"{method.name} has windows in the prompt, too, and facts are asked behind a full prefill: leave the "
                    "questions out."
                )
            return PlanView(plan, picked(plan, filled, method.together)), plan.bytes_at(self.length) / plan.bytes_before
        kept = method.keep(filled, self.kept_share(budget))
        return Kept(kept), self._held(kept)

    def _held(self, kept: list[Tensor | None]) -> float:
        builder, held = self._builder, 0.0
        for layer in self.model.layers:
            if layer.index not in builder.planned:
                held += cache_bytes((layer.cache,), self.length, key_type=builder.cache_type)
                continue
            of_layer = kept[layer.index]
            tokens = layer.n_kv_heads * self.prefilled if of_layer is None else int(of_layer.sum())
            held += (tokens + layer.n_kv_heads * self.new / 2) * builder.token_bytes(layer.index)
        return held / self.whole_bytes
