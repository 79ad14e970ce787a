"""Which keys keep their distance from a query, and which are shortened (Leaky ReRoPE: Su, 2023).

A distance d stays d up to `near_tokens`, and becomes near_tokens + (d − near_tokens) / far_divisor beyond. Only queries at
and beyond the trained length do so: those before meet no distance that training had not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK = 1024
"""Queries that are attended to together: their keys are cut into parts that all of them, or none, see."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """`near_tokens`: tokens back that keep their distance. `trained_length`: the first position whose query shortens farther
    distances. `far_divisor`: what divides the distance beyond `near_tokens`."""

    near_tokens: int
    trained_length: int
    far_divisor: float

    def turn(self, places: Tensor) -> Tensor:
        """[tokens] by how many positions to rotate states further, so that far pairs stand at their shortened distance.

        places: the positions of keys, or of queries less `near_tokens`.
        """
        return places.double() * (1.0 / self.far_divisor - 1.0)


@dataclass(frozen=True, slots=True)
class Part:
    """Some `keys` for the queries of a block, read `far` or near. `visible` [queries, keys] or [batch, 1, queries, keys]
    says which of them a query sees in this part; None is all."""

    keys: slice
    far: bool
    visible: Tensor | None = None


def causal_blocks(
    ranges: Ranges, first: int, n_queries: int, *, padding: Tensor | None = None, device: torch.device | str = "cpu"
) -> Iterator[tuple[slice, list[Part]]]:
    """The queries first … first + n_queries − 1, a block at a time: (rows, parts). Together the parts of a block hold each
    (query, earlier key) once. padding: [batch, keys] bool, False for keys that nothing sees."""
    for start, stop in _cuts(ranges, first, first + n_queries):
        reads_far = start >= ranges.trained_length
        low = max(0, start - ranges.near_tokens + 1) if reads_far else start
        parts = [Part(slice(0, low), far=reads_far)] if low else []
        if reads_far and stop - ranges.near_tokens > low:
            band = slice(low, stop - ranges.near_tokens)
            parts.append(Part(band, True, _distance(start, stop, band, device) >= ranges.near_tokens))
        own = slice(low, stop)
        distance = _distance(start, stop, own, device)
        near = distance >= 0 if not reads_far else (distance >= 0) & (distance < ranges.near_tokens)
        parts.append(Part(own, False, near))
        if padding is not None:
            parts = [Part(part.keys, part.far, _seen(part, padding, stop - start)) for part in parts]
        yield slice(start - first, stop - first), parts


def masked_parts(ranges: Ranges, visible: Tensor, queries: Tensor, keys: Tensor) -> list[Part]:
    """The parts of queries and keys at any positions ([queries], [keys]) of which `visible` ([batch, 1, queries, keys]
    bool) says who sees whom."""
    distance = queries[:, None] - keys[None, :]
    far = (distance >= ranges.near_tokens) & (queries >= ranges.trained_length)[:, None]
    everything = slice(0, len(keys))
    return [Part(everything, True, visible & far), Part(everything, False, visible & ~far)]


def _cuts(ranges: Ranges, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end:
        stop = min(start + BLOCK, end)
        if start < ranges.trained_length < stop:
            stop = ranges.trained_length
        yield start, stop
        start = stop


def _distance(start: int, stop: int, keys: slice, device: torch.device | str) -> Tensor:
    return torch.arange(start, stop, device=device)[:, None] - torch.arange(keys.start, keys.stop, device=device)


def _seen(part: Part, padding: Tensor, n_queries: int) -> Tensor:
    unpadded = padding[:, None, None, part.keys]
    if part.visible is None:
        return unpadded.expand(-1, 1, n_queries, -1)
    return part.visible & unpadded
