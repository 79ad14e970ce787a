"""One layer of a planned cache: KV heads with windows of different length, those of equal length stored together."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import CacheLayerMixin

from ropescope.compress.attend import Scoring, attend
from ropescope.compress.heads import HeadStore
from ropescope.compress.plan import LayerPlan
from ropescope.compress.slots import tokens_in_slots, visible
from ropescope.errors import PlanError

PIECE = 512
"""Tokens of a long input that are attended to and taken in at once: the mask of a piece stays small."""


class PlannedLayer(CacheLayerMixin):  # type: ignore[misc]
    """What transformers' caches hold of a layer, with the windows of a LayerPlan.

    `update` takes note of the new states and returns them; `attend`, which the attention function calls, computes the
    attention to what is held and to them, and writes them. Token t sees token s ≤ t if s is a sink or t − s < window, in
    whatever pieces they come. The one exception is a first pass that is `full`: its queries see every earlier token.
    """

    is_croppable = False

    def __init__(self, plan: LayerPlan, sinks: int, length: int) -> None:
        super().__init__()
        by_window: dict[int, list[int]] = defaultdict(list)
        for head, window in enumerate(plan.windows):
            by_window[window].append(head)
        self.plan, self.sinks, self.length = plan, sinks, length
        self.stores = tuple(HeadStore(tuple(heads), sinks, window) for window, heads in sorted(by_window.items()))
        self.seen = 0
        self.padding: Tensor | None = None
        self._waiting: tuple[Tensor, Tensor] | None = None

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Nothing is laid out before the first tokens come."""
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Take note of the states of new tokens [batch, KV heads, new, dim]. Raises PlanError where they do not fit."""
        new, heads = key_states.shape[2], key_states.shape[1]
        if heads != self.plan.n_kv_heads:
            raise PlanError(
                f"Layer {self.plan.index} has {heads} KV heads and the plan {self.plan.n_kv_heads}: plan for this model."
            )
        if self.seen + new > self.length:
            raise PlanError(
                f"The plan is one for {self.length:,} tokens, and the sequence has come to {self.seen + new:,}: plan for "
                "a longer sequence."
            )
        if key_states.requires_grad:
            raise PlanError("A planned cache is for inference: call the model under torch.no_grad().")
        self.is_initialized = True
        self._waiting = key_states, value_states
        return key_states, value_states

    def waits_for(self, key: Tensor) -> bool:
        """Whether `key` is what the last `update` returned and nobody has attended to yet."""
        return self._waiting is not None and self._waiting[0] is key

    def write_waiting(self) -> None:
        """Take in the waiting states: what has no place in its window is gone."""
        assert self._waiting is not None
        keys, values = self._waiting
        self._write(keys, values)
        self._waiting = None

    def attend(self, query: Tensor, scoring: Scoring) -> Tensor:
        """[batch, query heads, new, value dim]: attention of the waiting tokens to what they may see; then takes them in.

        query: [batch, query heads, new, dim].
        """
        assert self._waiting is not None
        keys, values = self._waiting
        self._waiting = None
        pieces = []
        for start in range(0, query.shape[2], PIECE):
            piece = slice(start, start + PIECE)
            pieces.append(self._attend_piece(query[:, :, piece], keys[:, :, piece], values[:, :, piece], scoring))
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=2)

    def _attend_piece(self, query: Tensor, keys: Tensor, values: Tensor, scoring: Scoring) -> Tensor:
        batch, n_heads, new, dim = query.shape
        grouped = query.view(batch, self.plan.n_kv_heads, -1, new, dim)
        output = query.new_empty(*grouped.shape[:4], values.shape[3])
        sinks = None if scoring.sinks is None else scoring.sinks.view(self.plan.n_kv_heads, -1)
        if new == 1:
            # One token sees all that is held once it is written itself: what it pushes out is out of its window.
            self._write(keys, values)
        for store in self.stores:
            if new == 1:
                key, value = store.held()
                mask, filled = self._mask_of_one(store, key.shape[2])
                key, value = key[:, :, :filled], value[:, :, :filled]
            else:
                key, value, mask = self._held_and_new(store, keys, values)
            of_store = Scoring(scoring.scale, scoring.softcap, None if sinks is None else sinks[list(store.heads)])
            found = attend(store.of(grouped), key, value, mask, of_store)
            if len(self.stores) == 1:
                output = found
            else:
                output[:, list(store.heads)] = found
        if new > 1:
            self._write(keys, values)
        return output.reshape(batch, n_heads, new, values.shape[3])

    def _mask_of_one(self, store: HeadStore, n_slots: int) -> tuple[Tensor | None, int]:
        """What the newest token, already written, sees of a store: a mask if rows differ, and how many slots are filled."""
        filled = min(self.seen, store.full_slots)
        if self.padding is None or self._shortest >= store.full_slots:
            return None, filled
        own = self.seen - self.padding
        return (torch.arange(filled, device=own.device) < own[:, None])[:, None], filled

    def _held_and_new(self, store: HeadStore, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Keys and values that are held and new, and the mask [1 or batch, new, held + new] of the new queries."""
        padding = torch.zeros(1, dtype=torch.long, device=keys.device) if self.padding is None else self.padding
        query = self.seen + torch.arange(keys.shape[2], device=keys.device) - padding[:, None]
        key, value, token = store.of(keys), store.of(values), query
        if self.seen:
            held_keys, held_values = store.held()
            held = tokens_in_slots(self.seen - padding, held_keys.shape[2], store.sinks, store.window)
            token = torch.cat([held, query], dim=1)
            key, value = torch.cat([held_keys, key], dim=2), torch.cat([held_values, value], dim=2)
        mask = visible(query[:, :, None], token[:, None, :], store.sinks, store.window)
        if self.padding is not None:
            # A padding token sees nothing; its row must have some key all the same, or its softmax is no number.
            mask = mask | ((query < 0)[:, :, None] & (token == query.amax(dim=1, keepdim=True))[:, None, :])
        return key, value, mask

    def _write(self, keys: Tensor, values: Tensor) -> None:
        for store in self.stores:
            store.write(keys, values, self.seen, self.padding)
        self.seen += keys.shape[2]

    @property
    def _shortest(self) -> int:
        """The tokens of the row with most padding."""
        return self.seen - self._most_padding

    def set_padding(self, padding: Tensor | None, most: int) -> None:
        """Say how many tokens pad each row on the left, before the first tokens come."""
        self.padding, self._most_padding = padding, most

    _most_padding = 0

    def get_seq_length(self) -> int:
        """The tokens seen so far, kept or not: the position of the next one."""
        return self.seen

    def get_mask_sizes(self, queries: int | Tensor) -> tuple[int, int]:
        """(keys, offset) of the mask of a cache that keeps everything; ours comes from the windows.

        queries: how many there are, or (up to transformers 5.3) their positions.
        """
        return self.seen + (queries if isinstance(queries, int) else len(queries)), 0

    def get_max_length(self) -> int:
        """The length of the plan."""
        return self.length

    get_max_cache_shape = get_max_length  # its name before transformers 5.14

    def reset(self) -> None:
        """Forget everything."""
        for store in self.stores:
            store.clear()
        self.seen, self.padding, self._most_padding, self._waiting = 0, None, 0, None

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Put the rows of the batch in the order of `beam_idx` (beam search)."""
        self.batch_select_indices(beam_idx)

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep these rows of the batch."""
        for store in self.stores:
            store.select_rows(indices)
        if self.padding is not None:
            self.padding = self.padding.index_select(0, indices.to(self.padding.device))

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Repeat every row of the batch."""
        first = self.stores[0].keys
        if first is not None:
            self.batch_select_indices(torch.arange(len(first), device=first.device).repeat_interleave(repeats))

    def crop(self, tokens_to_remove: int) -> None:
        """Raises PlanError: what a window has pushed out cannot be brought back."""
        raise PlanError(
            "A planned cache cannot be cut back, since what its windows pushed out is gone: decode without a draft model."
        )

    def offload(self) -> None:
        """Raises PlanError: offloading is not carried out."""
        raise PlanError("A planned cache cannot be offloaded: make it without offloading.")

    def held_bytes(self) -> int:
        """The bytes of the storage that the layer really holds."""
        return sum(store.held_bytes() for store in self.stores)
