"""Which keys a query reads near, and which far; and how much slower the far ones' distance grows.

A distance d reads as d up to `near`, and as near + (d − near) / slower beyond (Leaky ReRoPE: Su, 2023). Only queries at and
beyond the `trained` length read so: those before meet no distance that training had not.
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
    """`near`: tokens back that read as they are. `trained`: the first position whose query reads far keys otherwise.
    `slower`: by how much distance grows slower beyond `near`."""

    near: int
    trained: int
    slower: float

    def turn(self, places: Tensor) -> Tensor:
        """By how many positions what stands at `places` is turned on to be read far: a key as it is, a query `near` before it."""
        return places.double() * (1.0 / self.slower - 1.0)


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
        reads_far = start >= ranges.trained
        low = max(0, start - ranges.near + 1) if reads_far else start
        parts = [Part(slice(0, low), far=reads_far)] if low else []
        if reads_far and stop - ranges.near > low:
            band = slice(low, stop - ranges.near)
            parts.append(Part(band, True, _distance(start, stop, band, device) >= ranges.near))
        own = slice(low, stop)
        distance = _distance(start, stop, own, device)
        near = distance >= 0 if not reads_far else (distance >= 0) & (distance < ranges.near)
        parts.append(Part(own, False, near))
        if padding is not None:
            parts = [Part(part.keys, part.far, _seen(part, padding, stop - start)) for part in parts]
        yield slice(start - first, stop - first), parts


def masked_parts(ranges: Ranges, visible: Tensor, queries: Tensor, keys: Tensor) -> list[Part]:
    """The parts of queries and keys at any positions ([queries], [keys]) of which `visible` ([batch, 1, queries, keys]
    bool) says who sees whom."""
    distance = queries[:, None] - keys[None, :]
    far = (distance >= ranges.near) & (queries >= ranges.trained)[:, None]
    everything = slice(0, len(keys))
    return [Part(everything, True, visible & far), Part(everything, False, visible & ~far)]


def _cuts(ranges: Ranges, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end:
        stop = min(start + BLOCK, end)
        if start < ranges.trained < stop:
            stop = ranges.trained
        yield start, stop
        start = stop


def _distance(start: int, stop: int, keys: slice, device: torch.device | str) -> Tensor:
    return torch.arange(start, stop, device=device)[:, None] - torch.arange(keys.start, keys.stop, device=device)


def _seen(part: Part, padding: Tensor, n_queries: int) -> Tensor:
    unpadded = padding[:, None, None, part.keys]
    if part.visible is None:
        return unpadded.expand(-1, 1, n_queries, -1)
    return part.visible & unpadded
