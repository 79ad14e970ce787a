"""Which rows of an attention call are read, and who gets them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ropescope.measure.rowmask import RowMask
from ropescope.measure.softmax import (
    Logits,
    SoftmaxRows,
    Workspace,
    additive,
    key_head_groups,
    softmax_rows,
    weights_entropy,
)


@dataclass(frozen=True, slots=True)
class AttentionRows:
    """Some rows of one attention call, for a block of query heads.

    call: which attention call of the forward pass. layer: the decoder layer it is in.
    weights: [heads, rows, keys] fp32, the softmax probabilities the layer used, valid until `consume` returns (copy to
    keep); they sum to one together with `sink_logit`.
    entropy: [heads, rows] fp32, −Σ p ln p of each row in nats.
    sink_logit: [heads, rows] fp32, the share that a learned sink logit takes (gpt-oss), else None.
    positions: [rows] absolute position of each query. key_start: absolute position of the first key.
    reach: [rows, keys] bool, which keys the mask lets each query see; None: all keys up to the query's own position.
    """

    call: int
    layer: int
    heads: slice
    n_heads: int
    positions: Tensor
    key_start: int
    weights: Tensor
    entropy: Tensor
    sink_logit: Tensor | None
    reach: Tensor | None


Consumer = Callable[[AttentionRows], None]


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of a call that are read together: where they are, and what their mask adds to the logits.

    positions: [rows] absolute. chosen: [rows] among the call's queries. n_keys: how many of the keys they can need.
    mask: fp32 to add to the logits of the keys from `masked_from` on, [rows, keys] or [heads, rows, keys].
    """

    positions: Tensor
    chosen: Tensor
    n_keys: int
    masked_from: int
    mask: Tensor
    reach: Tensor | None


class RowReader:
    """Reads the rows at `positions` out of each attention call, and keeps track of where the forward pass is."""

    def __init__(self, positions: Sequence[int], consume: Consumer) -> None:
        self.positions = torch.as_tensor(sorted(set(positions)), dtype=torch.long)
        self.consume = consume
        self.calls = 0
        self.workspace = Workspace()
        self._layer = 0
        self._last_query: weakref.ref[Tensor] | None = None
        self._parts: dict[tuple[Any, ...], list[_Part]] = {}

    def start_forward(self, *_: Any) -> None:
        """Forward hook: a new pass begins."""
        self.calls = 0
        self._layer = 0
        self._last_query = None
        self._parts.clear()

    def enter_layer(self, index: int) -> Callable[..., None]:
        """A forward hook for decoder layer `index`."""

        def hook(*_: Any) -> None:
            self._layer = index

        return hook

    def read(
        self, logits: Logits, query: Tensor, first_query: int, key_start: int, mask: RowMask | Tensor | None
    ) -> None:
        """Hand over the rows of one attention call whose logits are made of `query` [1, H, q, d] and `logits.key`."""
        if self._repeated(query):
            return
        call, self.calls = self.calls, self.calls + 1
        n_heads = query.shape[1]
        for part in self._plan(first_query, query.shape[2], key_start, logits.key.shape[2], mask, query.device):
            needed = logits.up_to(part.n_keys)
            for heads, group in key_head_groups(needed, n_heads, n_rows=len(part.positions)):
                rows = softmax_rows(
                    group,
                    query[0, heads].index_select(1, part.chosen),
                    part.chosen,
                    part.mask[heads] if part.mask.dim() == 3 and part.mask.shape[0] > 1 else part.mask,
                    part.masked_from,
                    self.workspace,
                )
                self._give(call, heads, n_heads, part.positions, key_start, rows, part.reach)

    def read_weights(self, weights: Tensor) -> None:
        """Hand over the rows of `weights` [1, H, q, k] that a model's own code has computed."""
        n_heads, n_queries, n_keys = weights.shape[1:]
        first = n_keys - n_queries
        positions = self._within(first, n_queries)
        call, self.calls = self.calls, self.calls + 1
        if len(positions):
            rows = weights[0].index_select(1, (positions - first).to(weights.device)).float()
            result = SoftmaxRows(rows, weights_entropy(rows), None)
            self._give(call, slice(0, n_heads), n_heads, positions, 0, result, None)

    def _give(
        self,
        call: int,
        heads: slice,
        n_heads: int,
        positions: Tensor,
        key_start: int,
        rows: SoftmaxRows,
        reach: Tensor | None,
    ) -> None:
        self.consume(
            AttentionRows(
                call=call,
                layer=self._layer,
                heads=heads,
                n_heads=n_heads,
                positions=positions,
                key_start=key_start,
                weights=rows.weights,
                entropy=rows.entropy,
                sink_logit=rows.sink_logit,
                reach=reach,
            )
        )

    def _within(self, first: int, count: int) -> Tensor:
        return self.positions[(self.positions >= first) & (self.positions < first + count)]

    def _plan(
        self,
        first_query: int,
        n_queries: int,
        key_start: int,
        n_keys: int,
        mask: RowMask | Tensor | None,
        device: torch.device,
    ) -> list[_Part]:
        """The parts of a call. Layers of one pass mostly share their mask, so they share its plan (the mask is kept in the
        key, so that its identity cannot pass to another one)."""
        key = (first_query, n_queries, key_start, n_keys, device, None if mask is None else _Identity(mask))
        parts = self._parts.get(key)
        if parts is None:
            positions = self._within(first_query, n_queries)
            if not len(positions):
                parts = []
            elif mask is None or (isinstance(mask, RowMask) and mask.is_plain_causal):
                # Early rows need few keys: read with the late ones, they would be given all.
                early = int((positions - key_start < n_keys // 2).sum())
                halves = (positions[:early], positions[early:])
                parts = [_causal(half, first_query, key_start, device) for half in halves if len(half)]
            else:
                parts = [_masked(positions, first_query, n_keys, mask, device)]
            self._parts[key] = parts
        return parts

    def _repeated(self, query: Tensor) -> bool:
        # Differential attention calls the same softmax twice, once for each half of the values: one reading is enough.
        repeated = self._last_query is not None and self._last_query() is query
        self._last_query = weakref.ref(query)
        return repeated


@dataclass(frozen=True, slots=True, eq=False)
class _Identity:
    """Compares by the very object, which it keeps alive."""

    of: object

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and other.of is self.of

    def __hash__(self) -> int:
        return id(self.of)


def _causal(positions: Tensor, first_query: int, key_start: int, device: torch.device) -> _Part:
    """Only the columns that lie ahead of some row are masked: filling the whole block would cost more than its softmax."""
    first, last = int(positions[0]) + 1, int(positions[-1]) + 1
    behind = torch.arange(first, last)[None, :] <= positions[:, None]
    return _Part(
        positions=positions,
        chosen=(positions - first_query).to(device),
        n_keys=last - key_start,
        masked_from=first - key_start,
        mask=additive(behind.to(device)),
        reach=None,
    )


def _masked(positions: Tensor, first_query: int, n_keys: int, mask: RowMask | Tensor, device: torch.device) -> _Part:
    chosen = (positions - first_query).to(device)
    if isinstance(mask, RowMask):
        allowed = mask.rows(positions.to(device))
    else:
        allowed = mask.expand(-1, -1, mask.shape[-2], -1)[0].index_select(1, chosen)
    mask_rows = additive(allowed)
    if allowed.dtype != torch.bool:
        # A bias may lie in the same mask (ALiBi); only what is as good as minus infinity is out of reach.
        allowed = allowed > torch.finfo(allowed.dtype).min / 2
    reach = allowed if allowed.dim() == 2 else allowed.any(dim=0)
    return _Part(positions, chosen, n_keys, 0, mask_rows, reach)
