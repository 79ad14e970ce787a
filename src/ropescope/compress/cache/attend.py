"""Attention of some queries to the keys that some heads hold, by SDPA where it can, else by the sum itself."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ropescope.network.adapter import AttentionCall


@dataclass(frozen=True, slots=True)
class Scoring:
    """How a model turns products of queries and keys into weights: scale, soft-cap of the logits (Gemma 2), and learned
    sink logits [query heads] (gpt-oss)."""

    scale: float
    softcap: float | None = None
    sinks: Tensor | None = None

    @classmethod
    def of(cls, call: AttentionCall) -> Scoring:
        """How the model of an attention call does."""
        return cls(call.scale, call.softcap, call.sinks)


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scoring: Scoring) -> Tensor:
    """[batch, KV heads, group, queries, value dim] attention output.

    query: [batch, KV heads, group, queries, dim]; key, value: [batch, KV heads, keys, dim]; mask: [1 or batch, queries,
    keys] bool, True where a query sees a key, or None. scoring.sinks: [KV heads, group].
    """
    batch, heads, group, queries = query.shape[:4]
    # The queries of a group are rows of one call: no key is repeated for them.
    rows = query.reshape(batch, heads, group * queries, query.shape[4])
    if mask is not None:
        mask = mask[:, None, None].expand(-1, 1, group, -1, -1).reshape(mask.shape[0], 1, group * queries, -1)
    if scoring.softcap is None and scoring.sinks is None:
        output = F.scaled_dot_product_attention(rows, key, value, attn_mask=mask, scale=scoring.scale)
    else:
        output = _by_the_sum(rows, key, value, mask, scoring, group)
    return output.reshape(batch, heads, group, queries, value.shape[3])


def _by_the_sum(rows: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scoring: Scoring, group: int) -> Tensor:
    return attention_weights(rows, key, mask, scoring, group).to(value.dtype) @ value


def attention_weights(rows: Tensor, key: Tensor, mask: Tensor | None, scoring: Scoring, group: int) -> Tensor:
    """[batch, KV heads, rows, keys] float32 softmax weights; with learned sink logits they sum to less than one.

    rows: [batch, KV heads, group × queries, dim]; mask: [1 or batch, 1, rows, keys] bool or None. A row that sees nothing
    has equal weights.
    """
    logits = (rows @ key.transpose(2, 3)).float() * scoring.scale
    if scoring.softcap is not None:
        logits = torch.tanh(logits / scoring.softcap) * scoring.softcap
    if mask is not None:
        logits = logits.masked_fill(~mask, torch.finfo(logits.dtype).min)
    if scoring.sinks is None:
        return logits.softmax(dim=-1)
    sinks = scoring.sinks.float().repeat_interleave(rows.shape[2] // group, dim=1)[None, :, :, None]
    return torch.cat([logits, sinks.expand(rows.shape[0], -1, -1, 1)], dim=-1).softmax(dim=-1)[..., :-1]
