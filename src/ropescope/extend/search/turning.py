"""Turn the keys of a filled cache to other rotary positions, so that a long prefill is paid once for many plans.

A rotated key is the key turned by its position times the frequency. Turning it on by the difference of two frequencies gives
what another plan would have cached, given the same hidden states. Those are exact for the first layer and nearly so for the
others: they come from text that was read under the first plan. What is found this way is checked by a whole pass.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from ropescope.extend.plan import RopePlan
from ropescope.quality.loss import prefill

Layout = Literal["halves", "pairs"]
"""Which two numbers of a head turn together: i and i + d/2 (Llama), or 2i and 2i + 1 (GPT-J)."""
_CLOSE = 0.02


def turned(cache: Any, before: RopePlan, after: RopePlan, layout: Layout, n_tokens: int) -> Any:
    """A new cache with the first `n_tokens` of one filled under `before`, its keys as `after` turns them.

    The values are shared with the old one, not copied.
    """
    made = DynamicCache()
    for index, layer in enumerate(cache.layers):
        keys, values = layer.keys[:, :, :n_tokens], layer.values[:, :, :n_tokens]
        for was, now in zip(before.layer_types, after.layer_types, strict=True):
            if index in was.layers and (was.after, was.attention_factor) != (now.after, now.attention_factor):
                delta = torch.tensor(now.after, dtype=torch.float64) - torch.tensor(was.after, dtype=torch.float64)
                keys = _turn(keys, delta, now.attention_factor / was.attention_factor, layout)
        made.update(keys, values, index)
    return made


def layout_of(network: Any, tokens: Tensor, before: RopePlan, after: RopePlan) -> Layout | None:
    """How this network lays out what turns together, found by trying on a few tokens; None if its keys cannot be turned.

    The first layer's keys depend on nothing but their token and position, so they must come out the same.
    """
    few = tokens[:96]
    with before.applied(network):
        first = prefill(network, few)
    with after.applied(network):
        second = prefill(network, few)
    if any(type(layer) is not DynamicLayer for layer in first.layers):
        return None
    changed = {index for entry in after.layer_types if entry.changed for index in entry.layers}
    if 0 not in changed:
        return None
    keys = second.layers[0].keys
    layouts: tuple[Layout, ...] = ("halves", "pairs")
    apart = {layout: _apart(turned(first, before, after, layout, len(few)).layers[0].keys, keys) for layout in layouts}
    best = min(layouts, key=apart.__getitem__)
    # Rounding to bfloat16 twice leaves less than a hundredth; the other layout, or none, leaves most of what was turned.
    return best if apart[best] < min(_CLOSE, _apart(first.layers[0].keys, keys) / 4) else None


def _apart(a: Tensor, b: Tensor) -> float:
    return float((a.float() - b.float()).norm() / b.float().norm())


def _turn(keys: Tensor, delta: Tensor, scale: float, layout: Layout) -> Tensor:
    """Keys [1, heads, tokens, dim] turned by position × delta [rotary pairs], in float32."""
    angles = (torch.arange(keys.shape[2], dtype=torch.float64)[:, None] * delta).to(keys.device)
    cos, sin = (scale * angles.cos()).float(), (scale * angles.sin()).float()
    rotary = keys[..., : 2 * len(delta)].float()
    if layout == "halves":
        left, right = rotary.chunk(2, dim=-1)
        moved = torch.cat([left * cos - right * sin, right * cos + left * sin], dim=-1)
    else:
        left, right = rotary[..., 0::2], rotary[..., 1::2]
        moved = torch.stack([left * cos - right * sin, right * cos + left * sin], dim=-1).flatten(-2)
    return torch.cat([moved.to(keys.dtype), keys[..., 2 * len(delta) :]], dim=-1)
