"""The keys and values of some KV heads that keep windows of the same length: the store that really holds fewer bytes."""

from __future__ import annotations

import torch
from torch import Tensor

from ropescope.compress.slots import slot_of, tokens_in_slots

SLACK = 64
"""While a store still grows it takes 1/64 more room than it needs, so that not every token costs a copy of all others."""


class HeadStore:
    """Keys and values of `heads` (KV heads of a layer), `sinks` + `window` tokens at most of each sequence.

    keys, values: [batch, heads, slots, dim]. `padding` [batch] counts the tokens that pad each row on the left (None:
    none); a row's own tokens are numbered from 0 behind its padding.
    """

    def __init__(self, heads: tuple[int, ...], sinks: int, window: int) -> None:
        self.heads, self.sinks, self.window = heads, sinks, window
        self.keys: Tensor | None = None
        self.values: Tensor | None = None
        self._index: Tensor | None = None

    @property
    def full_slots(self) -> int:
        """How many tokens the store holds once it is full."""
        return self.sinks + self.window

    def held(self) -> tuple[Tensor, Tensor]:
        """Keys and values of all slots. Only to be asked for once tokens were written."""
        assert self.keys is not None and self.values is not None
        return self.keys, self.values

    def of(self, states: Tensor) -> Tensor:
        """[batch, heads of this store, tokens, dim] out of the states of all KV heads."""
        if len(self.heads) == states.shape[1]:
            return states
        if len(self.heads) == 1:
            return states[:, self.heads[0] : self.heads[0] + 1]
        if self._index is None or self._index.device != states.device:
            self._index = torch.tensor(self.heads, device=states.device)
        return states.index_select(1, self._index)

    def write(self, keys: Tensor, values: Tensor, seen: int, padding: Tensor | None) -> None:
        """Take in the states of new tokens [batch, KV heads, new, dim], after `seen` tokens; what they push out is gone."""
        new = keys.shape[2]
        keys, values = self.of(keys), self.of(values)
        self.keys = self._grown(self.keys, keys, seen, new)
        self.values = self._grown(self.values, values, seen, new)
        if new == 1:
            self._write_one(keys, values, seen, padding)
        else:
            self._write_many(keys, values, seen, padding)

    def _grown(self, held: Tensor | None, states: Tensor, seen: int, new: int) -> Tensor:
        needed = min(seen + new, self.full_slots)
        if held is not None and held.shape[2] >= needed:
            return held
        slots = needed if held is None else min(self.full_slots, needed + needed // SLACK)
        grown = states.new_empty(states.shape[0], states.shape[1], slots, states.shape[3])
        if held is not None:
            grown[:, :, : held.shape[2]] = held
        # Slots that are not written yet are masked, but a NaN among them would pass through any mask.
        grown[:, :, 0 if held is None else held.shape[2] :] = 0
        return grown

    def _write_one(self, keys: Tensor, values: Tensor, seen: int, padding: Tensor | None) -> None:
        held_keys, held_values = self.held()
        if padding is None:
            slot = slot_of(seen, self.sinks, self.window)
            held_keys[:, :, slot] = keys[:, :, 0]
            held_values[:, :, slot] = values[:, :, 0]
            return
        slots = slot_of(seen - padding, self.sinks, self.window)
        rows = torch.arange(len(padding), device=keys.device)
        held_keys[rows, :, slots] = keys[:, :, 0]
        held_values[rows, :, slots] = values[:, :, 0]

    def _write_many(self, keys: Tensor, values: Tensor, seen: int, padding: Tensor | None) -> None:
        held_keys, held_values = self.held()
        new, n_slots = keys.shape[2], held_keys.shape[2]
        if padding is None:
            total = torch.tensor(seen + new, device=keys.device)
            token = tokens_in_slots(total, n_slots, self.sinks, self.window)
            slots = torch.nonzero(token >= seen)[:, 0]
            source = token[slots] - seen
            held_keys[:, :, slots] = keys.index_select(2, source)
            held_values[:, :, slots] = values.index_select(2, source)
            return
        token = tokens_in_slots(seen + new - padding, n_slots, self.sinks, self.window)
        source = token + padding[:, None] - seen
        fresh = ((token >= 0) & (source >= 0))[:, None, :, None]
        index = source.clamp(min=0)[:, None, :, None]
        for held, states in ((held_keys, keys), (held_values, values)):
            taken = states.gather(2, index.expand(-1, states.shape[1], -1, states.shape[3]))
            held.copy_(torch.where(fresh, taken, held))

    def select_rows(self, rows: Tensor) -> None:
        """Keep the given rows of the batch, in their order."""
        if self.keys is not None and self.values is not None:
            rows = rows.to(self.keys.device)
            self.keys, self.values = self.keys.index_select(0, rows), self.values.index_select(0, rows)

    def clear(self) -> None:
        """Forget everything."""
        self.keys = self.values = None

    def held_bytes(self) -> int:
        """The bytes of the storage behind keys and values."""
        return sum(states.untyped_storage().nbytes() for states in (self.keys, self.values) if states is not None)
