"""PlannedCache: a transformers cache that holds what a KVPlan says, and really holds fewer bytes."""

from __future__ import annotations

from typing import Any, get_args

import torch
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from ropescope.compress.cache.continuous import refuse_continuous_batching
from ropescope.compress.cache.latents import LatentLayer
from ropescope.compress.cache.layer import PlannedLayer
from ropescope.compress.cache.shared_state import SharedState
from ropescope.compress.cache.switching import empty, follow_switch
from ropescope.compress.plan.kv_plan import KVPlan, Prefill
from ropescope.compress.plan.plannable import check_states_are_cached
from ropescope.errors import PlanError
from ropescope.network.adapter import install
from ropescope.network.capture import decoder_layers, uses_interface
from ropescope.network.rotary import switching_length
from ropescope.network.softcap import require_softcap


class PlannedCache(Cache):  # type: ignore[misc]
    """The cache of one batch of sequences on `model`, as `plan` says: `model.generate(..., past_key_values=cache)`.

    prefill (default: the plan's own): what the queries of a pass of several tokens see, all that is held and all of their
    own pass (`full`: the cache is cut behind the pass) or their windows only (`windowed`). Rows may be padded on the left;
    each keeps its own first tokens, its own latest ones, and its own picks.

    The cache carries all that it needs: it may be copied, pickled, and used in any thread, and nothing is changed on the
    model. Raises PlanError for a plan of another model, and for a model that plans cannot reach.
    """

    def __init__(self, plan: KVPlan, model: Any, *, prefill: Prefill | None = None) -> None:
        super().__init__(layers=planned_layers(plan, model, prefill=prefill))
        self.plan, self.prefill = plan, prefill or plan.prefill

    def reset(self) -> None:
        """Forget everything."""
        empty(self)

    def held_bytes(self) -> int:
        """The bytes of the storage behind everything that is held: planned layers and the others."""
        return bytes_of(self)


def bytes_of(cache: Any) -> int:
    """The bytes of the storage behind everything that a cache holds: planned layers, and others of transformers."""
    total = 0
    for layer in cache.layers:
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


def begin_alike(cache: PlannedCache, whole: Cache, most: int) -> int:
    """Let an empty cache whose windows hold in the prompt begin with the states that `whole`, a DynamicCache, has of the first
    tokens: those that see everything before them all the same. Returns how many, up to `most`; 0 where none can be told."""
    pairs = list(zip(cache.layers, whole.layers, strict=True))
    if not all(type(mine) is PlannedLayer and type(theirs) is DynamicLayer for mine, theirs in pairs):
        return 0
    tokens = min(most, *(mine.seen_alike for mine, _ in pairs))
    if tokens > 1:
        for mine, theirs in pairs:
            mine.begin_within(theirs.keys[:, :, :tokens], theirs.values[:, :, :tokens])
    return tokens if tokens > 1 else 0


def planned_layers(plan: KVPlan, model: Any, *, prefill: Prefill | None = None) -> list[Any]:
    """What a cache of `model` has for its layers, those that the plan changes as PlannedLayer. Raises PlanError."""
    if not isinstance(plan, KVPlan):
        raise PlanError(
            f"A planned cache is made from a KVPlan, not from a {type(plan).__name__}: KVPlan.load(path) reads one."
        )
    prefill = prefill or plan.prefill
    if prefill not in get_args(Prefill):
        raise PlanError(f"prefill is {prefill!r}: it is 'full' or 'windowed'.")
    if prefill == "windowed" and plan.looks_at_text:
        raise PlanError("A plan that picks tokens by their content needs prefill='full': windows cannot see them.")
    if not uses_interface(model):
        raise PlanError(
            f"{type(model).__name__} has attention code of its own, which cannot be told what a planned cache holds: "
            "models that use transformers' AttentionInterface can be planned."
        )
    require_softcap(model, PlanError)
    check_states_are_cached(plan.model, plan.layers)
    config = model.config.get_text_config(decoder=True)
    exact_to = getattr(ALL_ATTENTION_FUNCTIONS.get(config._attn_implementation), "exact_to", plan.length)
    if exact_to < plan.length:
        raise PlanError(
            f"{type(model).__name__} reads far keys otherwise beyond {exact_to:,} tokens (Leaky ReRoPE), which a planned cache "
            f"cannot: take the scaling back, use another method, or plan for {exact_to:,} tokens at most."
        )
    layers = list(DynamicCache(config=config).layers)
    if len(layers) != len(plan.layers):
        raise PlanError(
            f"The plan is one of {plan.model}, with {len(plan.layers)} layers, and {type(model).__name__} keeps "
            f"{len(layers)}: plan for this model."
        )
    switch = switching_length(model)
    if switch is not None:
        follow_switch(model)
    shared = SharedState(type(model).__name__, _attention_classes(model), switch)
    for index, layer in enumerate(plan.layers):
        if not layer.planned:
            continue
        if type(layers[index]) is not DynamicLayer:
            raise PlanError(
                f"The plan is one of {plan.model}; layer {index} of {type(model).__name__} keeps a "
                f"{type(layers[index]).__name__}, which it does not foresee: plan for this model."
            )
        kind = LatentLayer if layer.latent else PlannedLayer
        layers[index] = kind(
            layer, plan.sinks, plan.length, shared, windowed=prefill == "windowed", storage=plan.storage
        )
    install()
    refuse_continuous_batching()
    return layers


def _attention_classes(model: Any) -> frozenset[str]:
    """The classes of the modules that know their layer: attention, among others."""
    decoder, _ = decoder_layers(model)
    return frozenset(type(module).__name__ for module in decoder.modules() if hasattr(module, "layer_idx"))
