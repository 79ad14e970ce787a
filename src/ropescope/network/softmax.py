"""The softmax of attention, for some rows or a block of rows at a time, from logits made as the layer makes them.

logit(q, k) = softcap·tanh(q·k·scale / softcap) + bias + mask, and a learned sink logit joins the denominator. Everything is
computed in fp32 from the queries and keys as they are, whatever their dtype.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from ropescope.network.rowmask import RowMask

# Temporary fp32 logits stay below this, whatever the length: small beside the activations of the model itself.
_BLOCK_BYTES = 64 * 2**20
_MASKED = torch.finfo(torch.float32).min


class Workspace:
    """fp32 buffers that every layer uses again. Fresh memory for each layer's rows would cost more, in page faults, than
    computing them; what is handed out is valid until the same name is asked for again."""

    def __init__(self) -> None:
        self._buffers: dict[str, Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], device: torch.device) -> Tensor:
        """An uninitialised tensor of `shape` in the buffer `name`, which grows as it must."""
        size = math.prod(shape)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.numel() < size or buffer.device != device:
            buffer = self._buffers[name] = torch.empty(size, dtype=torch.float32, device=device)
        return buffer[:size].view(shape)


@dataclass(frozen=True, slots=True)
class Logits:
    """What makes a layer's attention logits, beside the queries.

    key: [1 or B, H_kv, keys, d]. sinks: [H] learned sink logits. bias: [1 or B, 1 or H, 1 or q, keys] added to the logits.
    """

    key: Tensor
    scale: float
    softcap: float | None = None
    sinks: Tensor | None = None
    bias: Tensor | None = None

    def heads(self, key_heads: slice, query_heads: slice) -> Logits:
        """The same for some key heads and the query heads that use them."""
        bias = self.bias
        if bias is not None and bias.shape[1] > 1:
            bias = bias[:, query_heads]
        sinks = None if self.sinks is None else self.sinks[query_heads]
        return replace(self, key=self.key[:, key_heads], bias=bias, sinks=sinks)

    def of_row(self, row: int) -> Logits:
        """The same for one row of the batch."""
        bias = self.bias
        if bias is not None and bias.shape[0] > 1:
            bias = bias[row : row + 1]
        return replace(self, key=self.key[row : row + 1], bias=bias)

    def up_to(self, n_keys: int) -> Logits:
        """The same for the first `n_keys` keys."""
        return replace(self, key=self.key[:, :, :n_keys], bias=None if self.bias is None else self.bias[..., :n_keys])

    def of(self, query: Tensor, rows: Tensor | slice, workspace: Workspace) -> Tensor:
        """[H, r, keys] fp32 for `query` [H, r, d], in the workspace; `rows` index the bias's query axis."""
        n_key_heads, n_keys, dim = self.key.shape[1:]
        # A scale that is a power of two changes no digit of the queries, so they stay exact in their own dtype.
        before, after = (self.scale, 1.0) if math.frexp(self.scale)[0] == 0.5 else (1.0, self.scale)
        grouped = (query.float() * before).reshape(n_key_heads, -1, dim)
        scores = workspace.take("scores", (n_key_heads, grouped.shape[1], n_keys), query.device)
        with _exact_products(query, self.key):
            for head in range(n_key_heads):
                # One product a head: on the CPU the batched one leaves threads idle.
                key = self.key[0, head]
                if key.dtype != torch.float32:
                    key = workspace.take("key", (n_keys, dim), query.device).copy_(key)
                torch.mm(grouped[head], key.t(), out=scores[head])
        scores = scores.view(query.shape[0], query.shape[1], n_keys)
        if after != 1.0:
            scores.mul_(after)
        if self.softcap is not None:
            scores = scores.div_(self.softcap).tanh_().mul_(self.softcap)
        if self.bias is not None:
            bias = self.bias[0]
            scores += bias if bias.shape[1] == 1 else bias[:, rows]
        return scores


@contextmanager
def _exact_products(query: Tensor, key: Tensor) -> Iterator[None]:
    """Let fp32 products of bfloat16 numbers run on the CPU's bfloat16 units: the numbers fit, sums and result are fp32."""
    if query.device.type != "cpu" or query.dtype != torch.bfloat16 or key.dtype != torch.bfloat16:
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def key_head_groups(logits: Logits, n_heads: int, n_rows: int) -> Iterator[tuple[slice, Logits]]:
    """Query-head slices with their logits, such that the logits of `n_rows` rows fit in a block."""
    n_key_heads = logits.key.shape[1]
    shared = n_heads // n_key_heads
    bytes_per_key_head = 4 * logits.key.shape[2] * (shared * n_rows + logits.key.shape[3])
    step = max(1, _BLOCK_BYTES // bytes_per_key_head)
    for start in range(0, n_key_heads, step):
        stop = min(start + step, n_key_heads)
        heads = slice(start * shared, stop * shared)
        yield heads, logits.heads(slice(start, stop), heads)


@dataclass(frozen=True, slots=True)
class SoftmaxRows:
    """Probabilities [H, r, keys] (in the workspace), their entropy [H, r] in nats, and the share [H, r] of the sink logits
    if there are any."""

    weights: Tensor
    entropy: Tensor
    sink_logit: Tensor | None


def softmax_rows(
    logits: Logits, query: Tensor, rows: Tensor, mask: Tensor, masked_from: int, workspace: Workspace
) -> SoftmaxRows:
    """The softmax of the query rows `query` [H, r, d].

    rows: [r] index of each row among the call's queries. mask: fp32 to add to the logits of the keys from `masked_from` on,
    [r, keys] or [H, r, keys].
    """
    scores = logits.of(query, rows, workspace)
    scores[:, :, masked_from:].add_(mask)
    weights, sink = _softmax(scores, logits.sinks, workspace)
    return SoftmaxRows(weights, _entropy(weights, scores, sink), sink)


def weights_entropy(weights: Tensor) -> Tensor:
    """Entropy [H, r] in nats of given probabilities [H, r, keys]."""
    entropy: Tensor = -torch.linalg.vecdot(weights, weights.clamp_min(torch.finfo(weights.dtype).tiny).log())
    return entropy


def _entropy(weights: Tensor, scores: Tensor, sink: Tensor | None) -> Tensor:
    # −Σ p ln p with ln p = score − ln Z, and ln Z read off the largest entry: no logarithm of every weight. The scores are
    # not needed any more, so their products may take their place.
    log_total = scores.amax(dim=-1) - weights.amax(dim=-1).log()
    kept = 1.0 if sink is None else 1.0 - sink
    entropy: Tensor = kept * log_total - scores.mul_(weights).sum(dim=-1)
    return entropy if sink is None else entropy - torch.xlogy(sink, sink)


def additive(allowed: Tensor) -> Tensor:
    """A boolean mask as the fp32 number to add to logits; an additive mask as it is."""
    if allowed.dtype != torch.bool:
        return allowed
    return torch.zeros(allowed.shape, device=allowed.device).masked_fill_(~allowed, _MASKED)


def attend_in_blocks(
    query: Tensor,
    value: Tensor,
    logits: Logits,
    mask: RowMask | Tensor | None,
    first_query: int,
    key_start: int,
    workspace: Workspace,
) -> Tensor:
    """The attention output [1, q, H, d_v], a block of query rows at a time and over the keys that the block can reach.

    The fused kernel does each block where it can (no soft-cap, no sink logits); otherwise the softmax is written out.
    """
    n_queries, n_keys = query.shape[2], logits.key.shape[2]
    n_key_heads, shared = logits.key.shape[1], query.shape[1] // logits.key.shape[1]
    fused = logits.softcap is None and logits.sinks is None and logits.bias is None
    output = query.new_empty(1, n_queries, query.shape[1], value.shape[-1])
    bytes_per_row = 4 * n_keys * (1 if fused else query.shape[1])
    step = max(16, min(1024, _BLOCK_BYTES // bytes_per_row))
    for start in range(0, n_queries, step):
        stop = min(start + step, n_queries)
        allowed = _allowed(mask, start, stop, first_query, key_start, n_keys, query.device)
        low, high = _extent(allowed)
        allowed = allowed[..., low:high]
        if fused:
            # One key head and its query heads make one batch entry, so keys and values are viewed, never repeated.
            shape = (n_key_heads, shared, stop - start, query.shape[-1])
            block = F.scaled_dot_product_attention(
                query[0, :, start:stop].reshape(shape),
                logits.key[0, :, None, low:high].expand(-1, shared, -1, -1),
                value[0, :, None, low:high].expand(-1, shared, -1, -1),
                attn_mask=allowed if allowed.dim() == 2 else allowed.reshape(*shape[:3], high - low),
                scale=logits.scale,
            ).flatten(0, 1)
        else:
            trimmed = replace(
                logits,
                key=logits.key[:, :, low:high],
                bias=None if logits.bias is None else logits.bias[..., low:high],
            )
            scores = trimmed.of(query[0, :, start:stop], slice(start, stop), workspace)
            scores += additive(allowed)
            weights, _ = _softmax(scores, logits.sinks, workspace)
            weights = weights.to(value.dtype).view(n_key_heads, -1, high - low)
            block = torch.matmul(weights, value[0, :, low:high]).view(query.shape[1], stop - start, -1)
        output[0, start:stop] = block.transpose(0, 1)
    return output


def _softmax(scores: Tensor, sinks: Tensor | None, workspace: Workspace) -> tuple[Tensor, Tensor | None]:
    weights = workspace.take("weights", tuple(scores.shape), scores.device)
    if sinks is None:
        torch.softmax(scores, dim=-1, out=weights)
        return weights, None
    sinks = sinks.float()[:, None, None]
    top = torch.maximum(scores.amax(dim=-1, keepdim=True), sinks)
    torch.sub(scores, top, out=weights).exp_()
    sink = (sinks - top).exp()
    total = weights.sum(dim=-1, keepdim=True) + sink
    return weights.div_(total), (sink / total).squeeze(-1)


def _allowed(
    mask: RowMask | Tensor | None,
    start: int,
    stop: int,
    first_query: int,
    key_start: int,
    n_keys: int,
    device: torch.device,
) -> Tensor:
    if mask is None:
        keys = torch.arange(n_keys, device=device) + key_start
        return keys[None, :] <= torch.arange(first_query + start, first_query + stop, device=device)[:, None]
    if isinstance(mask, Tensor):
        rows = mask[0, :, start:stop]
        return rows[0] if rows.shape[0] == 1 else rows
    return mask.block(start, stop)


def _extent(allowed: Tensor) -> tuple[int, int]:
    """First and one past the last key that any row of a boolean mask can reach; all keys for an additive one."""
    if allowed.dtype != torch.bool:
        return 0, allowed.shape[-1]
    reached = allowed.reshape(-1, allowed.shape[-1]).any(dim=0).nonzero()
    return int(reached[0]), int(reached[-1]) + 1
