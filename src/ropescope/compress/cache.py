"""PlannedCache: a transformers cache that holds what a KVPlan says, and really holds fewer bytes."""

from __future__ import annotations

from typing import Any, get_args

import torch
from torch import Tensor, nn
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from ropescope.compress.attachment import attach, left_padding
from ropescope.compress.layer import PlannedLayer
from ropescope.compress.plan import KVPlan, Prefill
from ropescope.compress.plannable import check_states_are_cached
from ropescope.errors import PlanError


class PlannedCache(Cache):  # type: ignore[misc]
    """The cache of one batch of sequences on `model`, as `plan` says: `model.generate(..., past_key_values=cache)`.

    prefill: what the queries of a pass of several tokens see, all that is held and all of their own pass (`full`: the
    cache is cut behind the pass) or their windows only (`windowed`). Rows may be padded on the left; each keeps its own
    first tokens, its own latest ones, and its own picks.

    Raises PlanError for a plan of another model, and for a model that plans cannot reach.
    """

    def __init__(self, plan: KVPlan, model: Any, *, prefill: Prefill = "full") -> None:
        if prefill not in get_args(Prefill):
            raise PlanError(f"prefill is {prefill!r}: it is 'full' or 'windowed'.")
        if prefill == "windowed" and plan.looks_at_text:
            raise PlanError("A plan that picks tokens by their content needs prefill='full': windows cannot see them.")
        check_states_are_cached(plan.model, plan.layers)
        config = model.config.get_text_config(decoder=True)
        layers = list(DynamicCache(config=config).layers)
        if len(layers) != len(plan.layers):
            raise PlanError(
                f"The plan is one of {plan.model}, with {len(plan.layers)} layers, and {type(model).__name__} keeps "
                f"{len(layers)}: plan for this model."
            )
        for index, layer in enumerate(plan.layers):
            if not layer.planned:
                continue
            if type(layers[index]) is not DynamicLayer:
                raise PlanError(
                    f"The plan is one of {plan.model}; layer {index} of {type(model).__name__} keeps a "
                    f"{type(layers[index]).__name__}, which it does not foresee: plan for this model."
                )
            layers[index] = PlannedLayer(
                layer, plan.sinks, plan.length, windowed=prefill == "windowed", storage=plan.storage
            )
        super().__init__(layers=layers)
        self.plan, self.prefill = plan, prefill
        self._decoder_id = id(attach(self, model))
        self._planned = tuple(layer for layer in layers if isinstance(layer, PlannedLayer))
        self._ready = False

    def prepare(self, decoder: nn.Module, attention_mask: Any) -> None:
        """Called as a forward pass begins: takes note of the padding. Raises PlanError for another model or mask."""
        if id(decoder) != self._decoder_id:
            raise PlanError("This cache was made for another model: call plan.cache(model) with the one that runs.")
        self._ready = True
        if isinstance(attention_mask, Tensor) and attention_mask.dim() == 2:
            if self._planned[0].seen == 0:
                padding = left_padding(attention_mask)
                most = 0 if padding is None else int(padding.max())
                for layer in self._planned:
                    layer.set_padding(padding, most)
            elif attention_mask.shape[1] - self._planned[0].seen > 1 and not bool(
                attention_mask[:, self._planned[0].seen :].all()
            ):
                raise PlanError("Later tokens of a planned cache cannot be padding: give each row as many tokens.")
        elif attention_mask is not None:
            raise PlanError(
                "A planned cache takes an attention mask [batch, tokens] or none: its windows are the rest."
            )

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """As transformers' `Cache.update`. Raises PlanError outside of a forward pass of the model it was made for."""
        if not self._ready:
            raise PlanError("This cache was made for another model: call plan.cache(model) with the one that runs.")
        found: tuple[Tensor, Tensor] = super().update(key_states, value_states, layer_idx, *args, **kwargs)
        return found

    def layer_of(self, module: nn.Module) -> PlannedLayer | None:
        """The planned layer that an attention module reads, or None if the plan leaves its layer as it is."""
        index = getattr(module, "layer_idx", None)
        layer = self.layers[index] if isinstance(index, int) and index < len(self.layers) else None
        return layer if isinstance(layer, PlannedLayer) else None

    def held_bytes(self) -> int:
        """The bytes of the storage behind everything that is held: planned layers and the others."""
        total = 0
        for layer in self.layers:
            if isinstance(layer, PlannedLayer):
                total += layer.held_bytes()
                continue
            parts = [vars(layer).get(name) for name in ("keys", "values")]
            for name in ("conv_states", "recurrent_states"):
                states = vars(layer).get(name)
                parts += list(states.values()) if isinstance(states, dict) else [states]
            held = [part for part in parts if isinstance(part, torch.Tensor) and part.numel()]
            total += sum(part.untyped_storage().nbytes() for part in held)
        return total
