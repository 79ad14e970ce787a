"""Plans with windows of every length for tiny models, and what full attention under explicit masks makes of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from tiny_models import TINY, Tiny
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

from ropescope.compress.frame import Target
from ropescope.compress.plan import KVPlan
from ropescope.compress.planning import plan_uniform
from ropescope.models.opening import open as open_model

# Families whose code takes as many KV heads as attention heads, though the shared settings name fewer.
EVERY_HEAD = ("gpt2", "opt", "gpt_neox")


def tiny(model_type: str) -> Tiny:
    """The tiny model of a type, as the tests of the capture have it."""
    found = next(entry for entry in TINY if entry.model_type == model_type and entry.attention == "eager")
    return replace(found, settings={**found.settings, "num_key_value_heads": 4}) if model_type in EVERY_HEAD else found


def ragged_plan(network: Any, *, length: int, sinks: int = 3, seed: int = 0, even: int | None = None) -> KVPlan:
    """A plan for a network: in every planned head a window of its own, from one token to all (or `even` for all)."""
    model = open_model(network.config.to_dict())
    plan = plan_uniform(model, Target(budget_share=1.0), length=length, sinks=sinks, cache_type="f32")
    rng = random.Random(seed)

    def window(head: int) -> int:
        # The first heads of a layer take the extremes: one token, and everything.
        return even or (rng.choice((1, 2, length - sinks)) if head == 0 else rng.randint(1, length // 2))

    layers = (
        replace(layer, windows=tuple(window(head) for head in range(layer.n_kv_heads))) if layer.planned else layer
        for layer in plan.layers
    )
    return replace(plan, layers=tuple(layers))


def see_all(prompt: int) -> Callable[[int], bool]:
    """Queries of a first pass over `prompt` tokens see everything."""
    return lambda position: position < prompt


@contextmanager
def explicit_masks(network: Any, plan: KVPlan, sees_all: Callable[[int], bool] = lambda _: False) -> Iterator[None]:
    """Within the context, planned layers attend in full (queries × keys) under the mask of each head, written out."""
    import sys

    def attention(module: Any, query: Any, key: Any, value: Any, mask: Any, **kwargs: Any) -> Any:
        eager = sys.modules[type(module).__module__].eager_attention_forward
        layer = plan.layers[module.layer_idx]
        if layer.planned:
            heads, n = query.shape[1], key.shape[2]
            group = heads // layer.n_kv_heads
            q, k = torch.arange(n)[:, None], torch.arange(n)
            free = torch.tensor([sees_all(position) for position in range(n)])[:, None]
            allowed = torch.stack(
                [(k <= q) & (free | (k < plan.sinks) | (k > q - layer.windows[head // group])) for head in range(heads)]
            )
            mask = torch.where(allowed, 0.0, torch.finfo(query.dtype).min)[None]
        return eager(module, query, key, value, mask, **kwargs)

    AttentionInterface.register("explicit_masks", attention)
    AttentionMaskInterface.register("explicit_masks", eager_mask)
    configs = {id(module.config): module.config for module in network.modules() if hasattr(module, "config")}
    before = {key: config._attn_implementation for key, config in configs.items()}
    for config in configs.values():
        config._attn_implementation_internal = "explicit_masks"
    try:
        yield
    finally:
        for key, config in configs.items():
            config._attn_implementation_internal = before[key]


def logits_in_pieces(network: Any, ids: torch.Tensor, cache: Any, pieces: Sequence[int]) -> torch.Tensor:
    """The logits of `ids` [1, N], fed to `cache` in pieces of these lengths."""
    with torch.no_grad():
        return torch.cat(
            [network(piece, past_key_values=cache, use_cache=True).logits for piece in ids.split(list(pieces), dim=1)],
            dim=1,
        )
