"""The store of KV heads that holds its tokens quantised, by the quantisation of transformers' own quantised cache.

All slots are quantised together; the tokens that have come since lie beside them in the model's type, until `newest` have
come and all slots are quantised anew. Groups lie within a token, so quantising what was quantised changes next to nothing.
For every query the whole is brought back to the model's type: bytes are saved, time is not.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ropescope.compress.cache.heads import HeadStore, one_below_another
from ropescope.compress.cache.slots import slot_of
from ropescope.compress.plan.storage import Storage
from ropescope.errors import MissingExtraError


class QuantizedStore(HeadStore):
    """A HeadStore whose `keys` and `values` are made when they are asked for, from what is quantised and what is not."""

    def __init__(
        self, heads: tuple[int, ...], sinks: int, window: int, picks: int, storage: Storage, *, grows: bool = False
    ) -> None:
        self.storage = storage
        self.newest = storage.newest_of(window)
        self._open: tuple[Tensor | None, Tensor | None] | None = (None, None)
        self._packed: tuple[Any, Any] | None = None
        self._recent: tuple[Tensor, Tensor] | None = None
        self._n_recent, self._seen = 0, 0
        self._padding: Tensor | None = None
        self._quantizers: dict[int, Any] = {}
        super().__init__(heads, sinks, window, picks, grows=grows)

    @property
    def keys(self) -> Tensor | None:
        """[batch, heads, slots, dim] in the model's type, None before the first token."""
        return self._states(0)

    @keys.setter
    def keys(self, states: Tensor | None) -> None:
        self._open = (states, None if self._open is None else self._open[1])

    @property
    def values(self) -> Tensor | None:
        """As `keys`."""
        return self._states(1)

    @values.setter
    def values(self, states: Tensor | None) -> None:
        self._open = (None if self._open is None else self._open[0], states)

    def held(self) -> tuple[Tensor, Tensor]:
        """Keys and values of all slots. Only to be asked for once tokens were written."""
        keys, values = self._states(0), self._states(1)
        assert keys is not None and values is not None
        return keys, values

    def with_held(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """What is held and, behind it, the new states of the heads of this store: [batch, heads, held + new, dim] each."""
        self._unpack()
        found = super().with_held(keys, values)
        self._open = None if self._packed is not None else (None, None)
        return found

    def write(
        self, keys: Tensor, values: Tensor, seen: int, padding: Tensor | None, scores: Tensor | None = None
    ) -> None:
        """As HeadStore's. A single token is put beside what is quantised; a longer pass has all slots quantised anew."""
        self._padding = padding
        if keys.shape[2] == 1 and self._packed is not None:
            assert self._recent is not None
            if self._n_recent == self.newest:
                self._unpack()
                self._pack()
            for recent, states in zip(self._recent, (self.of(keys), self.of(values)), strict=True):
                recent[:, :, self._n_recent] = states[:, :, 0]
            self._n_recent += 1
        else:
            self._unpack()
            super().write(keys, values, seen, padding, scores)
            self._pack()
        self._seen = seen + keys.shape[2]

    def _unpack(self) -> None:
        """Hold everything in the model's type for a moment."""
        if self._open is None:
            self._open = self.held()

    def _pack(self) -> None:
        """Quantise what is held, and nothing else stays."""
        assert self._open is not None
        keys, values = self._open
        assert keys is not None and values is not None
        self._packed = (self._quantized(keys), self._quantized(values))
        if self._recent is None:
            shape = (*keys.shape[:2], self.newest)
            self._recent = keys.new_zeros(*shape, keys.shape[3]), values.new_zeros(*shape, values.shape[3])
        self._n_recent, self._open = 0, None

    def _quantized(self, states: Tensor) -> Any:
        found = self._quantizer(states.shape[3])._quantize(states.contiguous(), axis=0)
        numbers: Any = getattr(found, "_data", None)
        if hasattr(numbers, "unpack") and states.device.type == "cpu":
            numbers.unpack = partial(_unpacked, numbers)
        return found

    def _quantizer(self, dim: int) -> Any:
        """transformers' layer for heads of so many numbers, of which only the quantisation is used."""
        if dim not in self._quantizers:
            try:
                from transformers.cache_utils import QuantoQuantizedLayer

                self._quantizers[dim] = QuantoQuantizedLayer(
                    nbits=self.storage.bits, axis_key=0, axis_value=0, q_group_size=self.storage.group(dim)
                )
            except ImportError as error:
                raise MissingExtraError(
                    "Quantised keys and values need optimum-quanto, which is not installed: "
                    "pip install 'ropescope[quantized]'."
                ) from error
        return self._quantizers[dim]

    def _states(self, which: int) -> Tensor | None:
        if self._open is not None:
            return self._open[which]
        assert self._packed is not None and self._recent is not None
        packed = self._packed[which]
        states: Tensor = self._quantizer(packed.shape[3])._dequantize(packed)
        return self._with_recent(states, self._recent[which][:, :, : self._n_recent])

    def _with_recent(self, states: Tensor, recent: Tensor) -> Tensor:
        """The slots once the recent tokens lie in theirs; what they push out of the window goes to free slots of picks."""
        needed = min(self._seen, self.full_slots)
        if needed > states.shape[2]:
            room = states.new_zeros(*states.shape[:2], needed - states.shape[2], states.shape[3])
            states = torch.cat([states, room], dim=2)
        if not recent.shape[2]:
            return states
        pads = torch.zeros(1, dtype=torch.long, device=states.device) if self._padding is None else self._padding
        token = self._seen - recent.shape[2] + torch.arange(recent.shape[2], device=states.device) - pads[:, None]
        if len(token) == 1:
            self._put(states, recent, token[0])
        else:
            for row, own in enumerate(token):
                self._put(states[row : row + 1], recent[row : row + 1], own)
        return states

    def _put(self, states: Tensor, recent: Tensor, token: Tensor) -> None:
        """The recent tokens are no more than the window holds, so none of them pushes another out."""
        slots = torch.as_tensor(slot_of(token, self.sinks, self.window))
        to_free = (token >= self.sinks + self.window) & (token < self.full_slots)
        if self.picks and bool(to_free.any()):
            states[:, :, token[to_free]] = states[:, :, slots[to_free]]
        states[:, :, slots] = recent

    def select_rows(self, rows: Tensor) -> None:
        """Keep the given rows of the batch, in their order."""
        if self._packed is None or self._recent is None:
            return
        rows = rows.to(self._recent[0].device)
        # Of what is quantised alone: the recent tokens stay as they are.
        whole = [self._quantizer(packed.shape[3])._dequantize(packed).index_select(0, rows) for packed in self._packed]
        self._packed = (self._quantized(whole[0]), self._quantized(whole[1]))
        self._recent = self._recent[0].index_select(0, rows), self._recent[1].index_select(0, rows)
        if self._padding is not None:
            self._padding = self._padding.index_select(0, rows)

    def joined(self, other: HeadStore) -> HeadStore:
        """Both as stores of their own, since each has quantised its tokens at other times than the other."""
        return QuantizedRows(self.one_by_one()).joined(other)

    def __deepcopy__(self, memo: dict[int, Any]) -> QuantizedStore:
        """What is quantised is never changed in place, and its tensors cannot be copied: copies share it."""
        found = memo[id(self)] = type(self).__new__(type(self))
        shared = {"_packed": self._packed, "_quantizers": self._quantizers}
        vars(found).update(
            {name: shared[name] if name in shared else copy.deepcopy(value, memo) for name, value in vars(self).items()}
        )
        return found

    def one_by_one(self) -> list[QuantizedStore]:
        """A store for each row."""
        rows = 1 if self._recent is None else len(self._recent[0])
        return [self] if rows == 1 else [_only(self, row) for row in range(rows)]

    def trim(self, seen: int) -> None:
        """Nothing is given up: no row was longer."""

    def clear(self) -> None:
        """Forget everything."""
        self._open, self._packed, self._recent = (None, None), None, None
        self._n_recent, self._seen, self._padding = 0, 0, None

    def held_bytes(self) -> int:
        """The bytes of the storage behind what is quantised and what is not."""
        return sum(_stored_bytes(part) for pair in (self._packed, self._recent) if pair is not None for part in pair)


class QuantizedRows(HeadStore):
    """Rows that joined, each a QuantizedStore of its own: it is rounded when and as it would be alone."""

    def __init__(self, rows: Sequence[QuantizedStore]) -> None:
        first = rows[0]
        self.rows = list(rows)
        super().__init__(first.heads, first.sinks, first.planned_slots - first.sinks)
        self.window, self.picks = first.window, first.picks

    @property
    def keys(self) -> Tensor | None:
        """[batch, heads, slots, dim] in the model's type."""
        return self.held()[0]

    @keys.setter
    def keys(self, states: Tensor | None) -> None:
        """Nothing is held but in the rows."""

    @property
    def values(self) -> Tensor | None:
        """As `keys`."""
        return self.held()[1]

    @values.setter
    def values(self, states: Tensor | None) -> None:
        """Nothing is held but in the rows."""

    def held(self) -> tuple[Tensor, Tensor]:
        """Keys and values of all slots of all rows."""
        keys, values = zip(*(row.held() for row in self.rows), strict=True)
        return one_below_another(keys), one_below_another(values)

    def write(
        self, keys: Tensor, values: Tensor, seen: int, padding: Tensor | None, scores: Tensor | None = None
    ) -> None:
        """As HeadStore's, row by row."""
        pads = [0] * len(self.rows) if padding is None else padding.tolist()
        for index, (row, pad) in enumerate(zip(self.rows, pads, strict=True)):
            own = slice(index, index + 1)
            row.write(keys[own], values[own], seen - pad, None, None if scores is None else scores[own])

    def joined(self, other: HeadStore) -> HeadStore:
        """The rows of both."""
        assert isinstance(other, QuantizedStore | QuantizedRows)
        self.rows += other.rows if isinstance(other, QuantizedRows) else other.one_by_one()
        return self

    def select_rows(self, rows: Tensor) -> None:
        """Keep the given rows of the batch, in their order."""
        wanted = rows.tolist()
        self.rows = [
            copy.deepcopy(self.rows[row]) if row in wanted[:place] else self.rows[row]
            for place, row in enumerate(wanted)
        ]

    def trim(self, seen: int) -> None:
        """Every row has the slots that it needs."""

    def clear(self) -> None:
        """Forget everything."""
        for row in self.rows:
            row.clear()

    def held_bytes(self) -> int:
        """The bytes of the storage of all rows."""
        return sum(row.held_bytes() for row in self.rows)


def _only(store: QuantizedStore, row: int) -> QuantizedStore:
    found = copy.deepcopy(store)
    found.select_rows(torch.tensor([row]))
    return found


def _unpacked(numbers: Any) -> Tensor:
    """The numbers of quanto's PackedTensor, one a byte. Its own unpack() compiles C++ at the first call in an environment,
    which takes a minute and a compiler, and runs these operations."""
    low = 2**numbers.bits - 1
    return torch.cat([numbers._data >> shift & low for shift in range(0, 8, numbers.bits)])[: len(numbers)]


def _stored_bytes(states: Any) -> int:
    """The bytes of a tensor's storage; a quantised tensor is one of several others."""
    if hasattr(states, "__tensor_flatten__"):
        return sum(_stored_bytes(getattr(states, name)) for name in states.__tensor_flatten__()[0])
    return int(states.untyped_storage().nbytes())
