"""BLASST on a transformers model: attention that skips key blocks far below the best score so far.

    with blasst(model, a={"prefill": 600, "decode": 20}) as run:
        model.generate(**inputs)
    run.skipped("prefill")        # share of the visible (query tile, key block) pairs
    run.skipped_by_layer("decode")

Yuan et al., BLASST: Dynamic BLocked Attention Sparsity via Softmax Thresholding, arXiv 2512.12087: the threshold is λ = a / L
for L keys, with one a for prefill and one for decoding, which `calibrate_blasst` finds. Nothing leaves the cache, and no
kernel is used: this is for what skipping costs in quality and how much is skipped, not for speed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from ropescope.compress.cache.attend import Scoring
from ropescope.compress.sparse_attention.attention import NONE, Blocks, Watch, attend_in_blocks
from ropescope.errors import PlanError
from ropescope.network.adapter import AttentionCall, DeferredMask, InPlace, Output, attending, own_mask
from ropescope.network.capture import uses_interface

Phase = Literal["prefill", "decode"]
"""Passes of many tokens, and of one."""

Given = float | Mapping[Phase, float]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """λ for each phase: as it stands, or, if `by_length`, a / L for L keys, at most 1."""

    prefill: float
    decode: float
    by_length: bool

    @classmethod
    def of(cls, threshold: Given | None, a: Given | None) -> Thresholds:
        """From the arguments of `blasst`. Raises PlanError unless exactly one is given, in its range."""
        given = threshold if a is None else a
        if given is None or (threshold is not None and a is not None):
            raise PlanError("Give either a threshold λ, or a for thresholds λ = a / L.")
        values = dict(given) if isinstance(given, Mapping) else dict.fromkeys(get_args(Phase), given)
        if set(values) != set(get_args(Phase)):
            raise PlanError(f"Give a number for both phases, prefill and decode, or one for both; not {list(values)}.")
        for value in values.values():
            if a is None and not 0 <= value < 1:
                raise PlanError(f"A threshold of {value:g} cannot be: λ lies from 0 (nothing is skipped) to below 1.")
            if not (0 <= value < math.inf):
                raise PlanError(f"a = {value:g} cannot be: give a finite number of at least 0.")
        return cls(values["prefill"], values["decode"], a is not None)

    def at(self, phase: Phase, keys: int) -> float:
        """λ for a call with so many keys."""
        value = self.prefill if phase == "prefill" else self.decode
        # From λ = 1 on, all that is kept is what holds a larger score than any block before it.
        return min(value / keys, 1.0) if self.by_length else value


@dataclass(eq=False)
class BlasstRun:
    """What a `blasst` context has seen: pairs of a query tile and a key block, of all heads, by phase and layer.

    Only pairs that the mask lets through count as visible. A tile of a single query is one head's: a kernel that reads a
    block once for all query heads of a KV head saves only where all of them skip it.
    """

    thresholds: Thresholds
    tile_queries: int
    block_keys: int
    watch: Callable[[Phase, int], Watch] | None = None
    """Called with the phase and the number of keys for each call; what it returns is given the gaps."""
    _counts: dict[tuple[Phase, int], Tensor] = field(default_factory=dict)

    def add(self, phase: Phase, layer: int, counts: Tensor) -> None:
        """Count [2] (visible, skipped) pairs more."""
        before = self._counts.get((phase, layer))
        self._counts[phase, layer] = counts if before is None else before + counts

    def pairs(self, phase: Phase | None = None) -> tuple[int, int]:
        """(visible, skipped) pairs of all layers, in one phase or in both."""
        counts = [found.tolist() for (of, _), found in self._counts.items() if phase in (None, of)]
        return sum(pair[0] for pair in counts), sum(pair[1] for pair in counts)

    def skipped(self, phase: Phase | None = None) -> float:
        """The share of the visible pairs that was skipped; 0 if nothing has run."""
        visible, skipped = self.pairs(phase)
        return skipped / visible if visible else 0.0

    def skipped_by_layer(self, phase: Phase | None = None) -> dict[int, float]:
        """Layer → the share of its visible pairs that was skipped."""
        sums: dict[int, list[int]] = {}
        for (of, layer), found in sorted(self._counts.items(), key=lambda item: item[0][1]):
            if phase in (None, of):
                sums[layer] = [a + b for a, b in zip(sums.get(layer, (0, 0)), found.tolist(), strict=True)]
        return {layer: skipped / visible if visible else 0.0 for layer, (visible, skipped) in sums.items()}


@contextmanager
def blasst(
    model: Any,
    *,
    threshold: Given | None = None,
    a: Given | None = None,
    tile_queries: int = 128,
    block_keys: int = 128,
    watch: Callable[[Phase, int], Watch] | None = None,
) -> Iterator[BlasstRun]:
    """Within the context, every attention layer of `model` skips key blocks that lie below the threshold.

    threshold: λ, one number or one for each phase (`{"prefill": …, "decode": …}`). a: λ = a / L instead, where L is the
    number of keys of the call. tile_queries, block_keys: as the paper's kernels have them. Causal, sliding and padded
    sequences, grouped queries, soft-caps and learned sink logits are carried out; soft-caps apply before the threshold.

    Raises PlanError for a model whose attention code is its own, and for thresholds out of their range.
    """
    thresholds = Thresholds.of(threshold, a)
    if tile_queries < 1 or block_keys < 1:
        raise PlanError("Tiles and blocks have at least one row: give positive numbers.")
    if not uses_interface(model):
        raise PlanError(
            f"{type(model).__name__} has attention code of its own, which cannot be told to skip blocks: models that use "
            "transformers' AttentionInterface can."
        )
    run = BlasstRun(thresholds, tile_queries, block_keys, watch)
    with attending(model, _Skipping(run)):
        yield run


class _Skipping(InPlace):
    """The attention function, with masks as SDPA has them."""

    def __init__(self, run: BlasstRun) -> None:
        self.run = run

    def mask(self, own: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        """The mask of SDPA: one that is bool, whatever the model's own attention is."""
        return own_mask("sdpa")(**arguments)

    def attend(self, call: AttentionCall, own: Callable[[], Output]) -> Output:
        """The output [batch, new, heads, dim], without weights."""
        run, query, key, name = self.run, call.query, call.key, type(call.module).__name__
        mask = call.mask.read_by(own_mask("sdpa")) if isinstance(call.mask, DeferredMask) else call.mask
        if call.options.get("position_bias") is not None:
            raise PlanError(f"{name} adds a position bias to its scores, which skipping blocks does not carry out.")
        if call.options.get("dropout") or (query.requires_grad and torch.is_grad_enabled()):
            raise PlanError("Skipping blocks is for inference: call the model in eval mode under torch.no_grad().")
        if mask is not None and (not isinstance(mask, Tensor) or mask.dim() != 4 or mask.shape[1] != 1):
            raise PlanError(f"{name} has a mask that differs between heads, which skipping blocks does not carry out.")
        if mask is not None:
            mask = mask[..., : key.shape[2]]
        causal = call.options.get("is_causal")
        phase: Phase = "decode" if query.shape[2] == 1 else "prefill"
        level = run.thresholds.at(phase, key.shape[2])
        output, counts = attend_in_blocks(
            query,
            key,
            call.value,
            mask,
            getattr(call.module, "is_causal", True) if causal is None else bool(causal),
            Scoring.of(call),
            Blocks(math.log(level) if level else NONE, run.tile_queries, run.block_keys),
            None if run.watch is None else run.watch(phase, key.shape[2]),
        )
        run.add(phase, call.layer or 0, counts)
        return output.transpose(1, 2).contiguous(), None

    def bypassed(self, call: AttentionCall) -> None:
        """Raises PlanError: no block of this call was skipped."""
        raise PlanError(
            "Blocks cannot be skipped where another attention stands on the model (a planned cache behind its first pass, "
            "attention rows that are read, an evaluation): use one of them at a time."
        )
