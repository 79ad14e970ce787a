"""What vLLM does with LongRoPE's two lists of factors, which transformers switches by the length of a text.

vLLM (rotary_embedding/phi3_long_rope_scaled_rope.py) decides once, when it starts: with a --max-model-len beyond the original
length every prompt gets the long factors, so that no cached key is turned otherwise later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ropescope.extend.plan.rope_plan import RopePlan
from ropescope.models.model import Model


def vllm_of_plan(plan: RopePlan) -> tuple[str, ...]:
    """The remark on a plan in vLLM; nothing where one list serves every length there and in transformers."""
    entries = (entry.parameters for entry in plan.layer_types)
    return _remark(entries, plan.trained_length, plan.target_length)


def vllm_of_model(model: Model, context_tokens: int) -> tuple[str, ...]:
    """The remark on a model, as it is, in vLLM with that --max-model-len."""
    entries = (layer.rope.scaling or {} for layer in model.layers if layer.rope is not None)
    return _remark(entries, model.context.trained, context_tokens)


def _remark(entries: Iterator[Mapping[str, Any]], original: int | None, context_tokens: int) -> tuple[str, ...]:
    for entry in entries:
        if entry.get("rope_type") != "longrope" or entry.get("short_factor") == entry.get("long_factor"):
            continue
        switch = entry.get("original_max_position_embeddings") or original
        if switch is not None and context_tokens > switch:
            return (
                f"With --max-model-len beyond {switch:,} tokens vLLM uses LongRoPE's long factors for every prompt, short ones "
                f"too. transformers uses the short factors up to {switch:,} tokens. If your prompts stay within them, set "
                f"--max-model-len {switch}.",
            )
    return ()
