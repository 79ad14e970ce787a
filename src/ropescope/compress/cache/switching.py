"""Let generation go on with a planned cache where LongRoPE (Phi-3) switches to its frequencies for long texts.

Beyond the original length all keys are turned otherwise, so what was kept is of no use: the whole text is read again. The
code of the model drops its cache there for one of its own; a planned cache is emptied instead, and filled again.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

import torch
from transformers.cache_utils import DynamicLayer

from ropescope.compress.cache.layer import PlannedLayer

_FOLLOWS = "_ropescope_follows_switch"


def follow_switch(model: Any) -> None:
    """Make the class of a model with LongRoPE prepare its inputs so; doing so again changes nothing."""
    inner = getattr(model, "_orig_mod", model)
    inner = inner.get_base_model() if hasattr(inner, "get_base_model") else inner
    kind: Any = type(inner)
    own = kind.prepare_inputs_for_generation
    if hasattr(own, _FOLLOWS):
        return

    @wraps(own)
    def prepare(self: Any, input_ids: Any, *args: Any, past_key_values: Any = None, **kwargs: Any) -> Any:
        if not _switches(past_key_values, input_ids.shape[1]):
            return own(self, input_ids, *args, past_key_values=past_key_values, **kwargs)
        empty(past_key_values)
        all_new: dict[str, Any] = {}
        if kwargs.get("next_sequence_length") is not None:
            all_new["next_sequence_length"] = None
        if kwargs.get("cache_position") is not None:  # before transformers 5.4, which keeps the last position alone
            all_new["cache_position"] = torch.arange(input_ids.shape[1], device=input_ids.device)
        positions = kwargs.get("position_ids")
        if positions is not None and positions.shape[-1] != input_ids.shape[1]:
            all_new["position_ids"] = None  # made anew from the attention mask
        inputs = own(self, input_ids, *args, past_key_values=None, **{**kwargs, **all_new})
        return {**inputs, "past_key_values": past_key_values}

    setattr(prepare, _FOLLOWS, True)
    kind.prepare_inputs_for_generation = prepare


def empty(cache: Any) -> None:
    """Let a cache with planned layers forget everything."""
    for layer in cache.layers:
        layer.reset()
        if isinstance(layer, DynamicLayer):  # before transformers 5.14 these are filled with zeros, and stay as long
            layer.keys = layer.values = None
            layer.is_initialized = False


def _switches(cache: Any, n_tokens: int) -> bool:
    planned = next((layer for layer in getattr(cache, "layers", ()) if isinstance(layer, PlannedLayer)), None)
    return planned is not None and planned.shared.switches(planned.seen, n_tokens)
