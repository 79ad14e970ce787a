"""Builds the plans of a model for one length: which layers are planned, what a token costs there, what a budget allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ropescope.compress.plan.kv_plan import KVPlan, LayerPlan
from ropescope.compress.plan.plannable import planned_heads, untouched
from ropescope.compress.plan.target import TYPES, Target
from ropescope.errors import PlanError
from ropescope.models.cache import cache_bytes
from ropescope.models.model import Model


@dataclass(frozen=True, slots=True)
class PlanBuilder:
    """What all plans of a model for one length share: which layers are planned, and what a token costs in each."""

    model: Model
    length: int
    sinks: int
    cache_type: str
    reasons: Mapping[int, str]

    @classmethod
    def of(cls, model: Model, length: int, sinks: int, cache_type: str | None, *, latents: bool = False) -> PlanBuilder:
        """The builder for sequences of `length` tokens; `latents` as in `untouched`. Raises PlanError if no layer of the model can
        be planned."""
        if length <= sinks:
            raise PlanError(f"{sinks} sinks leave nothing of {length:,} tokens to plan: plan for a longer sequence.")
        reasons = untouched(model, latents=latents)
        if all(reasons.values()):
            why = "; ".join(sorted(set(reasons.values()))) or "it has no layers"
            raise PlanError(f"No layer of {model.name} has a cache that can be planned: {why}.")
        return cls(model, length, sinks, cache_type or TYPES.get(model.dtype, "bf16"), reasons)

    @property
    def planned(self) -> frozenset[int]:
        """The layers that the plan changes."""
        return frozenset(index for index, reason in self.reasons.items() if not reason)

    def heads(self, index: int) -> int:
        """How many heads of a layer may keep tokens of their own."""
        return planned_heads(self.model.layers[index])

    def token_bytes(self, index: int) -> int:
        """The bytes that one token costs in one KV head of a layer."""
        layer = self.model.layers[index]
        return cache_bytes((layer.cache,), 1, key_type=self.cache_type) // planned_heads(layer)

    def window_bytes(self, target: Target) -> int:
        """What a budget leaves for windows, once the other layers and the sinks are paid for."""
        if target.max_loss is not None:
            raise PlanError(
                "What budget adds so little loss is found by scoring the model: plan from its weights, with "
                "`max_loss` and the model in place of a profile."
            )
        whole = self.model.cache_bytes(self.length, key_type=self.cache_type)
        budget = target.budget_bytes if target.budget_bytes is not None else int((target.budget_share or 0) * whole)
        fixed = cache_bytes(
            (layer.cache for layer in self.model.layers if layer.index not in self.planned),
            self.length,
            key_type=self.cache_type,
        )
        heads = {index: self.heads(index) for index in self.planned}
        a_token = sum(self.token_bytes(index) * n for index, n in heads.items())
        least = fixed + (self.sinks + 1) * a_token
        if budget < least:
            others = f" and {fixed:,} bytes in layers that stay as they are" if fixed else ""
            raise PlanError(
                f"A budget of {budget:,} bytes is below the least that a plan can hold, {least:,} bytes: {self.sinks} "
                f"sinks and one token in each of {sum(heads.values())} KV heads{others}. Give more bytes, or fewer sinks."
            )
        return budget - fixed - self.sinks * a_token

    def even_window(self, target: Target) -> int:
        """The window that a budget allows if all heads have the same."""
        a_token = sum(self.token_bytes(index) * self.heads(index) for index in self.planned)
        return min(self.window_bytes(target) // a_token, self.length - self.sinks)

    def even(self, window: int, share: float | None, target: Target, how: str, basis: str) -> KVPlan:
        """The plan with one window for all heads, which holds `share` of the mass (None: unknown)."""
        heads = {index: self.heads(index) for index in self.planned}
        windows = {index: [window] * n for index, n in heads.items()}
        kept = {} if share is None else {index: [share] * n for index, n in heads.items()}
        return self.plan(windows, kept, target, how, basis)

    def plan(
        self,
        windows: Mapping[int, Sequence[int]],
        kept: Mapping[int, Sequence[float]],
        target: Target,
        how: str,
        basis: str,
        picks: Mapping[int, Sequence[int]] = MappingProxyType({}),
    ) -> KVPlan:
        """The plan with these windows, shares and picks by layer; `how` they were found, and on what `basis`."""
        layers = tuple(
            LayerPlan(
                index=layer.index,
                kind=layer.kind,
                n_kv_heads=planned_heads(layer),
                cache=layer.cache,
                windows=tuple(windows.get(layer.index, ())),
                picks=tuple(picks.get(layer.index, ())),
                kept_mass=tuple(kept.get(layer.index, ())),
                untouched=self.reasons[layer.index],
                latent=layer.latent is not None,
            )
            for layer in self.model.layers
        )
        return KVPlan(
            model=self.model.name,
            model_type=self.model.model_type,
            length=self.length,
            sinks=self.sinks,
            layers=layers,
            windows_from=how,
            basis=basis,
            target=target.to_dict(),
            key_type=self.cache_type,
            value_type=self.cache_type,
        )
