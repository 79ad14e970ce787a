"""Dealing: which device gets which layers where an engine deals whole layers out.

Slots are the layers in order and, after the last, the output. llama.cpp: `get_layer_buft_list` in `load_tensors` of its
src/llama-model.cpp; `--fit` (common/fit.cpp) changes what does not fit, unless --tensor-split is given. transformers:
`get_balanced_memory` of its integrations/accelerate.py (5.23) and `infer_auto_device_map` of accelerate 1.15.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Final

FINEST: Final = 2**20
"""Devices are balanced to this many bytes."""


def by_shares(n_slots: int, shares: Sequence[int]) -> tuple[range, ...]:
    """llama.cpp's rule: slot i goes to the first device whose cumulative share exceeds i / n_slots. It takes each device's
    free memory for its share, or the numbers of --tensor-split."""
    total = sum(shares)
    reached = [Fraction(share, total) for share in accumulate(shares)]
    bounds = [0, *(bisect_left(range(n_slots), share * n_slots) for share in reached)]
    return tuple(range(low, high) for low, high in pairwise(bounds))


def balanced(costs: Sequence[int], rooms: Sequence[int]) -> tuple[range, ...]:
    """The slots in order, so that the device with the least to spare has the most; `costs` are the bytes of the slots and
    `rooms` those that each device has for them. Where they do not fit it lacks the least."""
    sums = [0, *accumulate(costs)]
    low, high = max(rooms) - sums[-1], max(rooms) + FINEST
    while high - low > FINEST:
        middle = (low + high) // 2
        low, high = (middle, high) if _packed(sums, rooms, middle)[-1].stop == len(costs) else (low, middle)
    return _packed(sums, rooms, low)


def _packed(sums: Sequence[int], rooms: Sequence[int], spare: int) -> tuple[range, ...]:
    """As many slots for each device in turn as leave it `spare` bytes."""
    found, start = [], 0
    for room in rooms:
        end = max(bisect_right(sums, sums[start] + room - spare) - 1, start)
        found.append(range(start, end))
        start = end
    return tuple(found)


def automatic(weights: Sequence[int], embedding: int, memories: Sequence[int]) -> tuple[range, ...]:
    """How `device_map="auto"` of transformers deals weights: `weights` are the bytes of the slots, `embedding` those that
    lie before the first. Every device but the last is filled to an even part and a buffer, if it has so much; the first
    keeps room for the largest layer. What has no room is left to the last, where transformers takes system memory."""
    largest = max(weights)
    even = (embedding + sum(weights)) // len(memories) + int(1.25 * max(largest, embedding))
    found, start = [], 0
    for place, memory in enumerate(memories[:-1]):
        used, cap = (embedding, min(even, memory) - largest) if place == 0 else (0, min(even, memory))
        end = start
        while end < len(weights) and used + weights[end] <= cap:
            used, end = used + weights[end], end + 1
        found.append(range(start, end))
        start = end
    return (*found, range(start, len(weights)))
