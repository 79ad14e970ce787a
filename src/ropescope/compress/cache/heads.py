"""The keys and values of some KV heads that keep equally many tokens: the store that really holds fewer bytes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ropescope.compress.cache.picking import best
from ropescope.compress.cache.slots import slot_of, tokens_in_slots

UNLIMITED = 1 << 40
"""The window of heads that keep everything."""
SLACK = 64
"""While a store still grows it takes 1/64 more room than it needs, so that not every token costs a copy of all others."""


class HeadStore:
    """Keys and values of `heads` (KV heads of a layer), `sinks` + `window` + `picks` tokens at most of each sequence.

    keys, values: [batch, heads, slots, dim]; the slots of picks lie behind the ring of the window. As long as they are not
    full they take what leaves the window, so that a row with c tokens fills its first c slots. `padding` [batch] counts the
    tokens that pad each row on the left (None: none); a row's own tokens are numbered from 0 behind its padding.

    grows: these heads keep all tokens of the planned length, and go on to keep all beyond it.
    """

    def __init__(self, heads: tuple[int, ...], sinks: int, window: int, picks: int = 0, *, grows: bool = False) -> None:
        self.heads, self.sinks, self.planned_slots = heads, sinks, sinks + window + picks
        self.window, self.picks = (UNLIMITED, 0) if grows else (window, picks)
        self.keys: Tensor | None = None
        self.values: Tensor | None = None
        self._index: Tensor | None = None

    @property
    def full_slots(self) -> int:
        """How many tokens the store holds once it is full."""
        return self.sinks + self.window + self.picks

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

    def with_held(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """What is held and, behind it, the new states of the heads of this store: [batch, heads, held + new, dim] each."""
        keys, values = self.of(keys), self.of(values)
        if self.keys is None or self.values is None:
            return keys, values
        return torch.cat([self.keys, keys], dim=2), torch.cat([self.values, values], dim=2)

    def write(
        self, keys: Tensor, values: Tensor, seen: int, padding: Tensor | None, scores: Tensor | None = None
    ) -> None:
        """Take in the states of new tokens [batch, KV heads, new, dim], after `seen` tokens; what they push out is gone.

        scores: [batch, heads of this store, held + new] by which tokens that leave the window are picked; not needed as
        long as all of them find a place.
        """
        new = keys.shape[2]
        keys, values = self.of(keys), self.of(values)
        if new == 1:
            self._grow(keys, values, seen, new)
            self._write_one(keys, values, seen, padding)
            return
        picked = self._picked(keys, values, seen, padding, scores) if self.picks else None
        self._grow(keys, values, seen, new)
        self._write_many(keys, values, seen, padding)
        if picked is not None:
            base = self.sinks + self.window
            for held, states in zip(self.held(), picked, strict=True):
                held[:, :, base : base + states.shape[2]] = states

    def _picked(
        self, keys: Tensor, values: Tensor, seen: int, padding: Tensor | None, scores: Tensor | None
    ) -> tuple[Tensor, Tensor] | None:
        """The states that the slots of picks will hold, None if nothing has left the window."""
        new = keys.shape[2]
        count = min(self.picks, seen + new - self.sinks - self.window)
        if count <= 0:
            return None
        leaving = self._leaving(seen, new, padding, keys.device)
        if scores is None:
            scores = keys.new_zeros(keys.shape[0], keys.shape[1], leaving.shape[1], dtype=torch.float32)
        index = best(scores, leaving, count)[..., None]
        n_held = leaving.shape[1] - new
        found = []
        for held, states in ((self.keys, keys), (self.values, values)):
            fresh = states.gather(2, (index - n_held).clamp(min=0).expand(-1, -1, -1, states.shape[3]))
            if held is not None:
                old = held.gather(2, index.clamp(max=n_held - 1).expand(-1, -1, -1, states.shape[3]))
                fresh = torch.where(index < n_held, old, fresh)
            found.append(fresh)
        return found[0], found[1]

    def _leaving(self, seen: int, new: int, padding: Tensor | None, device: torch.device) -> Tensor:
        """[1 or batch, held + new] which of the tokens held and new are neither sinks nor in the window after the pass."""
        pads = torch.zeros(1, dtype=torch.long, device=device) if padding is None else padding
        base, n_held = self.sinks + self.window, 0 if self.keys is None else self.keys.shape[2]
        own = seen - pads
        token = torch.cat(
            [
                tokens_in_slots(own, min(n_held, base), self.sinks, self.window),
                own[:, None] + torch.arange(new, device=device),
            ],
            dim=1,
        )
        left = (token >= self.sinks) & (token < (own + new - self.window)[:, None])
        if n_held > base:
            # A pick has left the window before; its slot is filled if the row has had as many tokens as lie before it.
            filled = torch.arange(base, n_held, device=device) < own[:, None]
            left = torch.cat([left[:, :base], filled, left[:, base:]], dim=1)
        return left

    def _grow(self, keys: Tensor, values: Tensor, seen: int, new: int) -> None:
        self.keys = self._grown(self.keys, keys, seen, new)
        self.values = self._grown(self.values, values, seen, new)

    def _grown(self, held: Tensor | None, states: Tensor, seen: int, new: int) -> Tensor:
        needed = min(seen + new, self.full_slots)
        if held is not None and held.shape[2] >= needed:
            return held
        most = self.planned_slots if needed <= self.planned_slots else self.full_slots
        slots = needed if held is None else min(most, needed + needed // SLACK)
        grown = states.new_empty(states.shape[0], states.shape[1], slots, states.shape[3])
        if held is not None:
            grown[:, :, : held.shape[2]] = held
        # Slots that are not written yet are masked, but a NaN among them would pass through any mask.
        grown[:, :, 0 if held is None else held.shape[2] :] = 0
        return grown

    def _write_one(self, keys: Tensor, values: Tensor, seen: int, padding: Tensor | None) -> None:
        held_keys, held_values = self.held()
        base = self.sinks + self.window
        if padding is None:
            slot = slot_of(seen, self.sinks, self.window)
            for held, states in ((held_keys, keys), (held_values, values)):
                if base <= seen < self.full_slots:
                    held[:, :, seen] = held[:, :, slot]
                held[:, :, slot] = states[:, :, 0]
            return
        own = seen - padding
        slots = torch.as_tensor(slot_of(own, self.sinks, self.window))
        rows = torch.arange(len(padding), device=keys.device)
        to_free = rows[(own >= base) & (own < self.full_slots)] if self.picks else rows[:0]
        for held, states in ((held_keys, keys), (held_values, values)):
            held[to_free, :, own[to_free]] = held[to_free, :, slots[to_free]]
            held[rows, :, slots] = states[:, :, 0]

    def _write_many(self, keys: Tensor, values: Tensor, seen: int, padding: Tensor | None) -> None:
        held_keys, held_values = (held[:, :, : self.sinks + self.window] for held in self.held())
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

    def joined(self, other: HeadStore) -> HeadStore:
        """The store of one's own rows and, behind them, those of another store of these heads; both are used up."""
        self.keys, self.values = (one_below_another(states) for states in zip(self.held(), other.held(), strict=True))
        return self

    def trim(self, seen: int) -> None:
        """Give up the slots that no row fills, where the longest has had `seen` tokens."""
        needed = min(seen, self.full_slots)
        if self.keys is not None and self.values is not None and self.keys.shape[2] > needed + needed // SLACK:
            self.keys, self.values = self.keys[:, :, :needed].clone(), self.values[:, :, :needed].clone()

    def clear(self) -> None:
        """Forget everything."""
        self.keys = self.values = None

    def held_bytes(self) -> int:
        """The bytes of the storage behind keys and values."""
        return sum(states.untyped_storage().nbytes() for states in (self.keys, self.values) if states is not None)


def one_below_another(states: Sequence[Tensor]) -> Tensor:
    """[all rows, heads, most slots, dim] of states [rows, heads, slots, dim]. A row with c tokens fills its first c slots in
    any store, so those with fewer slots get empty ones at their end."""
    rows, slots = sum(map(len, states)), max(part.shape[2] for part in states)
    found = states[0].new_zeros(rows, states[0].shape[1], slots, states[0].shape[3])
    start = 0
    for part in states:
        found[start : start + len(part), :, : part.shape[2]] = part
        start += len(part)
    return found
