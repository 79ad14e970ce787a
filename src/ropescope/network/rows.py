"""Which rows of an attention call are read, and who gets them."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn

from ropescope.errors import CaptureError
from ropescope.network.rowmask import RowMask
from ropescope.network.softmax import (
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

    call: which attention call of the forward pass. layer: the decoder layer it is in. row: the row of the batch; positions and
    keys are counted from its own first token, without what pads it.
    weights: [heads, rows, keys] fp32, the softmax probabilities the layer used, valid until `consume` returns (copy to
    keep); they sum to one together with `sink_logit`.
    entropy: [heads, rows] fp32, −Σ p ln p of each row in nats.
    sink_logit: [heads, rows] fp32, the share that a learned sink logit takes (gpt-oss), else None.
    positions: [rows] position of each query. key_start: position of the first key.
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
    row: int = 0


Consumer = Callable[[AttentionRows], None]


@dataclass(frozen=True, slots=True)
class Span:
    """Where the tokens of a row of a batch stand between what pads it: from `first` up to `stop`, of all tokens so far."""

    first: int = 0
    stop: int = sys.maxsize

    def keys(self, key_start: int) -> slice:
        """Which of the keys from `key_start` on are the row's own."""
        return slice(max(0, self.first - key_start), max(0, self.stop - key_start))


def spans_of(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Span, ...]:
    """The Span of each row that `module`, the decoder, is called with. Raises CaptureError where its mask does not tell them."""
    given = {**signature(module.forward).bind_partial(*args).arguments, **kwargs}
    tokens = next((given[name] for name in ("input_ids", "inputs_embeds") if given.get(name) is not None), None)
    batch = tokens.shape[0] if isinstance(tokens, Tensor) else 1
    mask = given.get("attention_mask")
    if mask is None or (batch == 1 and not (isinstance(mask, Tensor) and mask.dim() == 2)):
        return (Span(),) * batch
    if not isinstance(mask, Tensor) or mask.dim() != 2:
        raise CaptureError(
            "The attention rows of a batch are read where its mask says which tokens pad it: give attention_mask [batch, tokens], "
            "or one prompt at a time."
        )
    return tuple(_span(row) for row in mask.bool().cpu())


def _span(real: Tensor) -> Span:
    """The Span of a row [tokens] whose real tokens are true."""
    places = real.nonzero().flatten()
    if len(places) == len(real):
        return Span()
    if not len(places):
        raise CaptureError("A row of the batch is padding alone: leave it out.")
    first, last = int(places[0]), int(places[-1])
    if last - first + 1 != len(places):
        raise CaptureError(
            "A row of the batch has padding between its tokens, so they have no places of their own: pad on the left to generate."
        )
    return Span(first, sys.maxsize if last + 1 == len(real) else last + 1)


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
        self.spans: tuple[Span, ...] = (Span(),)
        self._layer = 0
        self._last_query: weakref.ref[Tensor] | None = None
        self._parts: dict[tuple[Any, ...], list[_Part]] = {}

    def start_forward(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Forward hook: a new pass begins. Raises CaptureError for a batch whose padding cannot be told."""
        self.spans = spans_of(module, args, kwargs)
        self.calls = 0
        self._layer = 0
        self._last_query = None
        self._parts.clear()

    def enter_layer(self, index: int) -> Callable[..., None]:
        """A forward hook for decoder layer `index`."""

        def hook(*_: Any) -> None:
            self._layer = index

        return hook

    @property
    def padded(self) -> bool:
        """Whether some row of this pass is padded."""
        return any(span != Span() for span in self.spans)

    @torch.no_grad()
    def read(
        self, logits: Logits, query: Tensor, first_query: int, key_start: int, masks: Sequence[RowMask | Tensor | None]
    ) -> None:
        """Hand over the rows of one attention call whose logits are made of `query` [B, H, q, d] and `logits.key`, with a mask
        for each row of the batch."""
        if self._repeated(query):
            return
        call, self.calls = self.calls, self.calls + 1
        n_heads, n_keys = query.shape[1], logits.key.shape[2]
        for row, (span, mask) in enumerate(zip(self._spans(len(query)), masks, strict=True)):
            of_row = logits.of_row(row)
            for part in self._plan(first_query, query.shape[2], key_start, n_keys, mask, query.device, span):
                needed = of_row.up_to(part.n_keys)
                for heads, group in key_head_groups(needed, n_heads, n_rows=len(part.positions)):
                    rows = softmax_rows(
                        group,
                        query[row, heads].index_select(1, part.chosen),
                        part.chosen,
                        part.mask[heads] if part.mask.dim() == 3 and part.mask.shape[0] > 1 else part.mask,
                        part.masked_from,
                        self.workspace,
                    )
                    self._give(call, row, span, heads, n_heads, part.positions, key_start, rows, part.reach)

    @torch.no_grad()
    def read_weights(self, weights: Tensor) -> None:
        """Hand over the rows of `weights` [B, H, q, k] that a model's own code has computed."""
        n_heads, n_queries, n_keys = weights.shape[1:]
        first = n_keys - n_queries
        call, self.calls = self.calls, self.calls + 1
        for row, span in enumerate(self._spans(len(weights))):
            positions = self._within(first, n_queries, span)
            if len(positions):
                rows = weights[row].index_select(1, (positions - first).to(weights.device)).float()
                result = SoftmaxRows(rows, weights_entropy(rows), None)
                self._give(call, row, span, slice(0, n_heads), n_heads, positions, 0, result, None)

    def _spans(self, batch: int) -> tuple[Span, ...]:
        if len(self.spans) != batch:
            raise CaptureError(
                f"The attention of {batch} rows cannot be told apart in a pass over {len(self.spans)}: this model folds its batch, "
                "so pass one prompt at a time."
            )
        return self.spans

    def _give(
        self,
        call: int,
        row: int,
        span: Span,
        heads: slice,
        n_heads: int,
        positions: Tensor,
        key_start: int,
        rows: SoftmaxRows,
        reach: Tensor | None,
    ) -> None:
        keys = span.keys(key_start)
        self.consume(
            AttentionRows(
                call=call,
                layer=self._layer,
                heads=heads,
                n_heads=n_heads,
                positions=positions - span.first,
                key_start=max(key_start - span.first, 0),
                weights=rows.weights[..., keys],
                entropy=rows.entropy,
                sink_logit=rows.sink_logit,
                reach=None if reach is None else reach[..., keys],
                row=row,
            )
        )

    def _within(self, first: int, count: int, span: Span) -> Tensor:
        """The places in the batch of the wanted positions that are among `count` queries from `first` on."""
        places = self.positions + span.first
        return places[(places >= first) & (places < min(first + count, span.stop))]

    def _plan(
        self,
        first_query: int,
        n_queries: int,
        key_start: int,
        n_keys: int,
        mask: RowMask | Tensor | None,
        device: torch.device,
        span: Span,
    ) -> list[_Part]:
        """The parts of a call. Layers of one pass mostly share their mask, so they share its plan (the mask is kept in the
        key, so that its identity cannot pass to another one)."""
        key = (first_query, n_queries, key_start, n_keys, device, span, None if mask is None else _Identity(mask))
        parts = self._parts.get(key)
        if parts is None:
            positions = self._within(first_query, n_queries, span)
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
