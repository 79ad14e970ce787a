"""Turn the keys of a filled cache to other rotary positions, so that a long prefill is paid once for many plans.

A rotated key is the key turned by its position times the frequency. Turning it on by the difference of two frequencies gives
what another plan would have cached, given the same hidden states. Those are exact for the first layer and nearly so for the
others: they come from text that was read under the first plan. What is found this way is checked by a whole pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from ropescope.extend.plan.rope_plan import RopePlan
from ropescope.quality.loss import prefill

Layout = Literal["halves", "pairs"]
"""Which two numbers of a head turn together: i and i + d/2 (Llama), or 2i and 2i + 1 (GPT-J)."""
_CLOSE = 0.02


def rerotated(cache: Any, before: RopePlan, after: RopePlan, layout: Layout, n_tokens: int) -> Any:
    """A new cache with the first `n_tokens` of one filled under `before`, its keys as `after` turns them.

    The values are shared with the old one, not copied, and so are keys that stay as they are.
    """
    turns: dict[int, tuple[Tensor, Tensor]] = {}
    for was, now in zip(before.layer_types, after.layer_types, strict=True):
        if (was.cached, was.attention_factor) != (now.cached, now.attention_factor):
            delta = torch.tensor(now.cached, dtype=torch.float64) - torch.tensor(was.cached, dtype=torch.float64)
            angles = torch.arange(n_tokens, dtype=torch.float64)[:, None] * delta
            scale = now.attention_factor / was.attention_factor
            turns |= dict.fromkeys(was.layers, ((scale * angles.cos()).float(), (scale * angles.sin()).float()))
    made = []
    for index, layer in enumerate(cache.layers):
        keys = layer.keys[:, :, :n_tokens]
        if index in turns:
            cos, sin = (table.to(keys.device) for table in turns[index])
            keys = _turn(keys, cos, sin, layout)
        made.append((keys, layer.values[:, :, :n_tokens]))
    return _cache_of(made)


def _cache_of(layers: Sequence[tuple[Tensor, Tensor]]) -> DynamicCache:
    made = DynamicCache()
    for keys, values in layers:
        layer = DynamicLayer()
        layer.lazy_initialization(keys, values)
        layer.keys, layer.values = keys, values  # `update` would copy them
        made.layers.append(layer)
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
    apart = {
        layout: _apart(rerotated(first, before, after, layout, len(few)).layers[0].keys, keys) for layout in layouts
    }
    best = min(layouts, key=apart.__getitem__)
    # Rounding to bfloat16 twice leaves less than a hundredth; the other layout, or none, leaves most of what was turned.
    return best if apart[best] < min(_CLOSE, _apart(first.layers[0].keys, keys) / 4) else None


def _apart(a: Tensor, b: Tensor) -> float:
    return float((a.float() - b.float()).norm() / b.float().norm())


def _turn(keys: Tensor, cos: Tensor, sin: Tensor, layout: Layout) -> Tensor:
    """Keys [1, heads, tokens, dim] turned by angles whose cosines and sines, scaled, are given [tokens, rotary pairs]."""
    rotary = keys[..., : 2 * cos.shape[1]]
    # In float32: the products take their type from the cosines.
    if layout == "halves":
        left, right = rotary.chunk(2, dim=-1)
    else:
        left, right = rotary[..., 0::2], rotary[..., 1::2]
    moved = [(left * cos).sub_(right * sin), (right * cos).add_(left * sin)]
    if layout == "pairs":
        moved = [torch.stack(moved, dim=-1).flatten(-2)]
    rest = keys[..., 2 * cos.shape[1] :]
    return torch.cat([*(part.to(keys.dtype) for part in moved), rest], dim=-1)
