"""Run a prompt through a model's decoder layers, whole or in chunks that share a KV cache."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ropescope.network.capture import uses_interface
from ropescope.network.rotary import positions_of_whole

# A model with attention code of its own makes (queries × keys) weights for every head: short chunks keep them small.
_OWN_ATTENTION_CHUNK_TOKENS = 512


def default_chunk_tokens(model: nn.Module, length: int) -> int:
    """How many tokens go through at once when the user does not say: all of them, wherever attention is ours."""
    return length if uses_interface(model) else min(length, _OWN_ATTENTION_CHUNK_TOKENS)


def prefill(model: Any, tokens: Tensor, chunk_tokens: int) -> None:
    """Run `tokens` [1, N] through the decoder of `model`, `chunk_tokens` at a time. The logits are never computed.

    With more than one chunk a KV cache carries the earlier ones, and positions are those of the whole, so attention is the same
    up to rounding.
    """
    decoder = model.base_model
    length = tokens.shape[1]
    cache = None
    with torch.inference_mode(), positions_of_whole(model, length):
        for start in range(0, length, chunk_tokens):
            output = decoder(
                input_ids=tokens[:, start : start + chunk_tokens],
                past_key_values=cache,
                use_cache=chunk_tokens < length,
            )
            cache = getattr(output, "past_key_values", None)
