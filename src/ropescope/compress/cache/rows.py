"""Sequences of different lengths in one cache: rows join, go on together token by token, and leave.

Rows end at the same place: one that has had fewer tokens counts as padded on the left, as in any padded batch. So layers that
transformers caches and planned layers decode them as they are, and every row is as if it were alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from ropescope.compress.cache.layer import PlannedLayer
from ropescope.compress.cache.planned_cache import PlannedCache, bytes_of
from ropescope.errors import PlanError


class Rows:
    """A filled cache (PlannedCache or DynamicCache) and how many tokens each of its rows has had.

    Raises PlanError for a cache with layers whose rows cannot join those of another.
    """

    def __init__(self, cache: Any, lengths: Sequence[int]) -> None:
        for layer in cache.layers:
            _check(layer)
        self.cache, self.lengths = cache, list(lengths)

    def join(self, other: Rows) -> None:
        """Take in the rows of another cache of the same kind and plan, behind one's own; the other is used up."""
        ends, others_ends = max(self.lengths), max(other.lengths)
        seen = max(ends, others_ends)
        for mine, others in zip(self.cache.layers, other.cache.layers, strict=True):
            if isinstance(mine, PlannedLayer):
                mine.join(others)
            else:
                _join(mine, others, seen - ends, seen - others_ends)
        self.lengths += other.lengths
        self._count(seen)

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these rows, of which there must be one; what only longer ones needed is given up."""
        before = max(self.lengths)
        self.lengths = [self.lengths[row] for row in rows]
        seen = max(self.lengths)
        index = torch.tensor(rows)
        for layer in self.cache.layers:
            layer.reorder_cache(index)
            if not isinstance(layer, PlannedLayer):
                _drop_left(layer, before - seen)
        self._count(seen)

    def went_on(self, new: int = 1) -> None:
        """Every row has had `new` more tokens."""
        self.lengths = [length + new for length in self.lengths]

    def mask(self, device: Any = None) -> Tensor | None:
        """[rows, tokens] 1 where one more token of each row sees a token, 0 in the padding; None where there is none."""
        ends = max(self.lengths) + 1
        if min(self.lengths) == max(self.lengths):
            return None
        starts = torch.tensor([ends - 1 - length for length in self.lengths], device=device)
        return (torch.arange(ends, device=device) >= starts[:, None]).long()

    def positions(self, device: Any = None) -> Tensor:
        """[rows, 1] the position of the next token of each row."""
        return torch.tensor(self.lengths, device=device)[:, None]

    def held_bytes(self) -> int:
        """The bytes of the storage behind everything that is held."""
        return bytes_of(self.cache)

    def _count(self, seen: int) -> None:
        planned = [layer for layer in self.cache.layers if isinstance(layer, PlannedLayer)]
        shorter = [seen - length for length in self.lengths]
        padding = None
        if any(shorter) and planned:
            held = planned[0].keys
            padding = torch.tensor(shorter, device=None if held is None else held.device)
        for layer in planned:
            layer.count_rows(seen, padding, max(shorter))


def empty_cache(plan: Any, model: Any) -> Any:
    """A cache for one sequence: planned, or transformers' own where there is no plan."""
    if plan is None:
        return DynamicCache(config=model.config.get_text_config(decoder=True))
    return PlannedCache(plan, model)


def _check(layer: Any) -> None:
    if isinstance(layer, PlannedLayer):
        return
    known = type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) or hasattr(layer, "conv_states")
    if not known and getattr(layer, "keys", None) is not None:
        raise PlanError(
            f"Requests cannot share a batch on this model: it keeps a {type(layer).__name__}, whose rows cannot join others."
        )


def _join(mine: Any, others: Any, shift: int, others_shift: int) -> None:
    """Rows of a layer that is not planned, `shift` tokens shorter than the longest of all."""
    if isinstance(mine, DynamicLayer) and mine.get_seq_length():
        length = max(mine.get_seq_length() + shift, others.get_seq_length() + others_shift)
        held = min(length, mine.sliding_window - 1) if mine.is_sliding else length
        mine.keys = torch.cat([_ending(mine.keys, held), _ending(others.keys, held)])
        mine.values = torch.cat([_ending(mine.values, held), _ending(others.values, held)])
        if mine.is_sliding:
            mine.cumulative_length = length
    for name in ("conv_states", "recurrent_states"):
        for index, state in (vars(mine).get(name) or {}).items():
            if state is not None:
                getattr(mine, name)[index] = torch.cat([state, getattr(others, name)[index]])


def _ending(states: Tensor, held: int) -> Tensor:
    """[rows, heads, held, dim] the same tokens at the end, behind zeros."""
    return F.pad(states, (0, 0, held - states.shape[2], 0))


def _drop_left(layer: Any, shift: int) -> None:
    """Let a layer that is not planned forget `shift` tokens at the left, which are padding in all rows."""
    if not isinstance(layer, DynamicLayer) or not shift or not layer.get_seq_length():
        return
    length = layer.get_seq_length() - shift
    if layer.is_sliding:
        layer.cumulative_length = length
    held = min(length, layer.keys.shape[2])
    layer.keys, layer.values = (states[:, :, states.shape[2] - held :].clone() for states in (layer.keys, layer.values))
