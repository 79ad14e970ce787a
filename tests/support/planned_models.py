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

from ropescope.compress.plan.kv_plan import KVPlan, LayerPlan
from ropescope.compress.plan.picks import OBSERVED
from ropescope.compress.plan.planning import plan_uniform
from ropescope.compress.plan.target import Target
from ropescope.models.opening import open as open_model

# Families whose code takes as many KV heads as attention heads, though the shared settings name fewer.
EVERY_HEAD = ("gpt2", "opt", "gpt_neox")


def tiny(model_type: str) -> Tiny:
    """The tiny model of a type, as the tests of the capture have it."""
    found = next(entry for entry in TINY if entry.model_type == model_type and entry.attention == "eager")
    return replace(found, settings={**found.settings, "num_key_value_heads": 4}) if model_type in EVERY_HEAD else found


def ragged_plan(
    network: Any, *, length: int, sinks: int = 3, seed: int = 0, even: int | None = None, most_picks: int = 0
) -> KVPlan:
    """A plan for a network: in every planned head a window of its own, from one token to all (or `even` for all), and up to
    `most_picks` tokens picked by content."""
    model = open_model(network.config.to_dict())
    plan = plan_uniform(model, Target(budget_share=1.0), length=length, sinks=sinks, cache_type="f32")
    rng = random.Random(seed)

    def window(head: int) -> int:
        # The first heads of a layer take the extremes: one token, and everything.
        return even or (rng.choice((1, 2, length - sinks)) if head == 0 else rng.randint(1, length // 2))

    def ragged(layer: LayerPlan) -> LayerPlan:
        windows = tuple(window(head) for head in range(layer.n_kv_heads))
        picks = tuple(min(rng.randint(0, most_picks), length - sinks - size) for size in windows) if most_picks else ()
        return replace(layer, windows=windows, picks=picks)

    return replace(plan, layers=tuple(ragged(layer) if layer.planned else layer for layer in plan.layers))


@contextmanager
def explicit_masks(network: Any, plan: KVPlan, pieces: Sequence[int] | None = None) -> Iterator[None]:
    """Within the context, planned layers attend in full (queries × keys) under the mask of each head, written out.

    pieces: the passes in which the tokens come; None: one by one.
    """
    import sys

    def attention(module: Any, query: Any, key: Any, value: Any, mask: Any, dropout: float = 0.0, **kwargs: Any) -> Any:
        eager = sys.modules[type(module).__module__].eager_attention_forward
        layer = plan.layers[module.layer_idx]
        if layer.planned:
            n = key.shape[2]
            group = query.shape[1] // layer.n_kv_heads

            def mask_of(allowed: torch.Tensor) -> torch.Tensor:
                return torch.where(allowed.repeat_interleave(group, 0), 0.0, torch.finfo(query.dtype).min)[None]

            def received(allowed: torch.Tensor, rows: slice) -> torch.Tensor:
                weights = eager(module, query, key, value, mask_of(allowed), **kwargs)[1]
                # A query counts half as much as one that comes 32 tokens later.
                counts = torch.tensor([2 ** ((row - rows.stop) / 32) for row in range(rows.start, rows.stop)])
                return (weights[0, :, rows] * counts[:, None]).sum(1).view(layer.n_kv_heads, group, n).sum(1)

            mask = mask_of(_replayed(layer, plan.sinks, n, pieces or [1] * n, received))
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


def _replayed(
    layer: LayerPlan, sinks: int, n: int, pieces: Sequence[int], received: Callable[[torch.Tensor, slice], torch.Tensor]
) -> torch.Tensor:
    """[KV heads, n, n] what each token sees, by keeping a set of tokens for every KV head and going through the passes.

    received(allowed, rows): the attention [KV heads, n] that the rows give under a mask.
    """
    picks = layer.picks or (0,) * layer.n_kv_heads
    allowed = torch.ones(n, n, dtype=torch.bool).tril().repeat(layer.n_kv_heads, 1, 1)
    held: list[set[int]] = [set() for _ in layer.windows]
    start = 0
    for size in pieces:
        stop = min(n, start + size)
        for head, window in enumerate(layer.windows):
            if stop - start == 1:
                _cut(held[head], start, sinks, window, picks[head], None)
            for row in range(start, stop):
                allowed[head, row, :start] = False
                allowed[head, row, list(held[head])] = True
        if stop - start > 1:
            last = slice(max(start, stop - OBSERVED), stop)
            scores = received(allowed, last) if any(picks) else torch.zeros(layer.n_kv_heads, n)
            for head, window in enumerate(layer.windows):
                held[head] |= set(range(start, stop))
                _cut(held[head], stop - 1, sinks, window, picks[head], scores[head].tolist())
        else:
            for head in range(layer.n_kv_heads):
                held[head].add(start)
        start = stop
    return allowed


def _cut(held: set[int], newest: int, sinks: int, window: int, picks: int, scores: list[float] | None) -> None:
    """Drop from `held` what a head no longer keeps once `newest` has come: without scores, what left the window last."""
    outside = [token for token in held if sinks <= token <= newest - window]
    if len(outside) <= picks:
        return
    if scores is None:
        held.discard(max(outside))
        return
    kept = sorted(outside, key=lambda token: -scores[token])[:picks]
    held -= set(outside) - set(kept)


def logits_in_pieces(network: Any, ids: torch.Tensor, cache: Any, pieces: Sequence[int]) -> torch.Tensor:
    """The logits of `ids` [1, N], fed to `cache` in pieces of these lengths."""
    with torch.no_grad():
        return torch.cat(
            [network(piece, past_key_values=cache, use_cache=True).logits for piece in ids.split(list(pieces), dim=1)],
            dim=1,
        )
