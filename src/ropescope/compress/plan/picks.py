"""How many of the tokens that a KV head keeps are picks: tokens kept for their content, besides the latest ones.

Picked are the tokens that the last queries of a pass attend to most. The rule descends from SnapKV's (Li et al. 2024, arXiv
2404.14469). It looks at more queries, counts the last ones most, and does not pool over neighbours; and the plan says, by
what was measured on the head, how many tokens it picks and how many recent ones it keeps beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch
    from torch import Tensor

OBSERVED = 256
"""Queries at the end of a pass whose attention is looked at."""
HALF_LIFE = 32
"""Tokens from the end at which a query counts half. On SmolLM2 at 2,048 tokens, 256 queries without pooling chose better
than 64 and than SnapKV's pooling; whether they count alike made no difference there, and a question of a few words at the
end of a prompt is heard only if the last queries count most."""
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Which part of what a head keeps may be picks."""
Sharing = Literal["head", "layer", "model"]
"""Which KV heads keep the same tokens: each its own, those of a layer, or all of the model."""
MIN_WINDOW = 16
"""The least window of a head that picks."""


def split(kept: int, share: float) -> tuple[int, int]:
    """(window, picks) of a head that keeps `kept` tokens behind the sinks, `share` of them picks where there is room."""
    window = max(min(kept, MIN_WINDOW), round(kept * (1 - share)))
    return window, kept - window


def query_weights(count: int, device: torch.device | None = None) -> Tensor:
    """[count] how much each of the last queries counts, the newest last; they sum to one."""
    import torch

    weights = 0.5 ** ((count - 1 - torch.arange(count, device=device)) / HALF_LIFE)
    total: Tensor = weights / weights.sum()
    return total


def shared_scores(scores: Mapping[tuple[int, int], Tensor], together: Sharing) -> dict[int, Tensor]:
    """Layer → [keys] by which all its KV heads pick together, from the scores of each (layer, KV head): their sum over
    the layer, or over the model."""
    found: dict[int, Tensor] = {}
    for (layer, _), of_head in scores.items():
        found[layer] = found[layer] + of_head if layer in found else of_head
    if together == "layer" or not found:
        return found
    first, *others = found.values()
    return dict.fromkeys(found, sum(others, start=first))
