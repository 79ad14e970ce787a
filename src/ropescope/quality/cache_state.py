"""Put a cache back as it was, whatever kind of layers it has."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def unchanged(cache: Any) -> Iterator[None]:
    """Within the context `cache` may take in more tokens; on exit, also by an exception, it holds what it held.

    transformers' growing layers make new tensors with every update, so the old ones are kept by reference; the state of any
    other layer, which may write in place, is copied.
    """
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    by_reference = (DynamicLayer, DynamicSlidingWindowLayer)
    before = [
        dict(vars(layer)) if type(layer) in by_reference else copy.deepcopy(vars(layer)) for layer in cache.layers
    ]
    try:
        yield
    finally:
        for layer, state in zip(cache.layers, before, strict=True):
            vars(layer).clear()
            vars(layer).update(state)
