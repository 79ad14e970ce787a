"""Which tokens a KV head keeps for their content: those that the last queries of a pass attend to most.

The rule descends from SnapKV's (Li et al. 2024, arXiv 2404.14469). It looks at more queries, counts the last ones most,
and does not pool over neighbours; and the plan says, by what was measured on the head, how many tokens it picks and how
many recent ones it keeps beside them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ropescope.compress.cache.attend import Scoring, attention_weights

OBSERVED = 256
"""Queries at the end of a pass whose attention is looked at."""
HALF_LIFE = 32
"""Tokens from the end at which a query counts half. On SmolLM2 at 2,048 tokens, 256 queries without pooling chose better
than 64 and than SnapKV's pooling; whether they count alike made no difference there, and a question of a few words at the
end of a prompt is heard only if the last queries count most."""
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Which part of what a head keeps may be picks."""
MIN_WINDOW = 16
"""The least window of a head that picks."""


def split(kept: int, share: float) -> tuple[int, int]:
    """(window, picks) of a head that keeps `kept` tokens behind the sinks, `share` of them picks where there is room."""
    window = max(min(kept, MIN_WINDOW), round(kept * (1 - share)))
    return window, kept - window


def query_weights(count: int, device: torch.device | None = None) -> Tensor:
    """[count] how much each of the last queries counts, the newest last; they sum to one."""
    weights = 0.5 ** ((count - 1 - torch.arange(count, device=device)) / HALF_LIFE)
    total: Tensor = weights / weights.sum()
    return total


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
