"""A profile's layers and arrays as one long table for Parquet, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ProfileLayer:
    """A measured attention layer: its place in the network, its kind, its query heads, and its window in tokens."""

    index: int
    kind: str
    n_heads: int
    n_kv_heads: int
    window_tokens: int | None = None


def long_table(
    pyarrow: Any,
    layers: Sequence[ProfileLayer],
    protocol: str,
    shape: tuple[int, ...],
    *,
    low: Integers,
    high: Integers,
    cells: Integers,
    weight: Floats,
    mass: Floats,
    per_head: Mapping[str, Floats],
) -> Any:
    """The pyarrow table with a row for each head that a layer has, of arrays [prompts, layers, heads, bins] or broadcast to it."""
    prompt, layer, head, slot = (index.ravel() for index in np.indices(shape))
    there = head < np.array([item.n_heads for item in layers])[layer]
    prompt, layer, head, slot = prompt[there], layer[there], head[there], slot[there]

    def column(values: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(np.broadcast_to(values, shape).ravel()[there])

    return pyarrow.table(
        {
            "protocol": pyarrow.array([protocol], pyarrow.string()).take(pyarrow.array(np.zeros(len(slot), dtype=int))),
            "prompt": prompt.astype(np.int32),
            "call": layer.astype(np.int32),
            "layer": np.array([item.index for item in layers], dtype=np.int32)[layer],
            "kind": pyarrow.array([item.kind for item in layers], pyarrow.string()).take(pyarrow.array(layer)),
            "head": head.astype(np.int32),
            "bin": slot.astype(np.int32),
            "distance_from": low[slot],
            "distance_to": high[slot],
            "cells": column(cells),
            "weight": column(weight).astype(np.float32),
            "mass": column(mass).astype(np.float32),
            **{name: column(values).astype(np.float32) for name, values in per_head.items()},
        }
    )


def places(columns: Mapping[str, NDArray[Any]], rows: NDArray[np.bool_], depth: int) -> tuple[Integers, ...]:
    """Where each row of the table belongs in [prompt, call, head, bin]; refuses indices outside of it."""
    found = tuple(columns[name][rows].astype(np.int64) for name in ("prompt", "call", "head", "bin"))
    if any(index.size and index.min() < 0 for index in found) or (found[3].size and found[3].max() >= depth):
        raise ValueError("an index lies outside of the profile")
    return found


def numbers(column: Any) -> NDArray[Any]:
    """The numbers of a pyarrow array, as they lie in its buffer; its own `to_numpy` would bring in pandas."""
    if column.null_count:
        raise ValueError("numbers are missing")
    found = np.frombuffer(column.buffers()[1], dtype=column.type.to_pandas_dtype())
    return found[column.offset : column.offset + len(column)]
