"""Which tokens a KV head picks: those that get most of the attention of the last queries of a pass."""

from __future__ import annotations

import torch
from torch import Tensor

from ropescope.compress.cache.attend import Scoring, attention_weights
from ropescope.compress.plan.picks import query_weights


def attention_received(query: Tensor, key: Tensor, mask: Tensor, scoring: Scoring) -> Tensor:
    """[batch, KV heads, keys] the attention that each key gets from the queries, weighted, and from all of a group.

    query: [batch, KV heads, group, queries, dim]; key: [batch, KV heads, keys, dim]; mask: [1 or batch, queries, keys]
    bool, True where a query sees a key. A query that sees nothing (padding) does not count.
    """
    batch, heads, group, queries = query.shape[:4]
    rows = query.reshape(batch, heads, group * queries, query.shape[4])
    counts = mask.any(dim=-1) * query_weights(queries, query.device)
    counts = counts[:, None].repeat(1, group, 1).reshape(mask.shape[0], 1, group * queries, 1)
    mask = mask[:, None, None].expand(-1, 1, group, -1, -1).reshape(mask.shape[0], 1, group * queries, -1)
    received = [
        # One head at a time: queries × keys of a long prompt are many.
        (attention_weights(rows[:, [head]], key[:, [head]], mask, _of_head(scoring, head), group) * counts).sum(dim=2)
        for head in range(heads)
    ]
    return torch.cat(received, dim=1)


def _of_head(scoring: Scoring, head: int) -> Scoring:
    return Scoring(scoring.scale, scoring.softcap, None if scoring.sinks is None else scoring.sinks[[head]])


def best(scores: Tensor, candidates: Tensor, count: int) -> Tensor:
    """[batch, heads, count] indices of the candidates with the highest scores, the highest first.

    scores: [batch, heads, tokens]; candidates: [1 or batch, tokens] bool. Where a row has fewer candidates than `count`,
    what follows them is arbitrary.
    """
    return scores.masked_fill(~candidates[:, None], float("-inf")).topk(count, dim=-1).indices
