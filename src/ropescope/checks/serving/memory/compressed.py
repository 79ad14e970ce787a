"""Caches whose older tokens are entries for many (DeepSeek-V4), as vLLM and SGLang lay them out in pages.

A layer of these keeps a window of tokens, entries for the rest, an indexer's key for each entry where one picks among
them, and the float32 states of the compressor that makes the next entry. Read from vLLM 0.33.0 (models/deepseek_v4:
attention.py and compressor.py, and sparse_swa.py) and SGLang 0.5.23 (`DSV4PoolConfigurator` of its pool_configurator.py,
as `--max-running-requests` makes it).
"""

from __future__ import annotations

from typing import Final

from ropescope.checks.serving.serving import Serving
from ropescope.models.cache import LayerCache, Rows
from ropescope.models.model import Layer

PAGE: Final = 256
"""Tokens of a page of entries; both engines fix it."""

WINDOW_PAGE: Final = 64
"""Tokens of a page of vLLM's window."""

ALIGNMENT: Final = 576
OTHER_ALIGNMENT: Final = 512
"""What the bytes of a page are rounded up to, in 8 bits and in 16 (vLLM)."""

RING: Final = 8
"""Rows of the compressor's states that SGLang keeps for a page of the window, where entries overlap."""

EVICTED_EVERY: Final = 128
PREFIX_TAILS: Final = 4
"""SGLang frees what has left a window after so many tokens, and keeps so many windows a request for reuse."""


CONCURRENT_BATCHES: Final = 2
"""Steps in flight with asynchronous scheduling, vLLM's default (`max_concurrent_batches`), and SGLang's overlap."""


def compressed_bytes(serving: Serving, layer: Layer, each: Rows, in_flight: int) -> int:
    """The bytes of `layer` for all sequences on one device, which holds them whole. `each` are the bytes of its rows;
    `in_flight` the tokens of steps that have not settled."""
    if serving.engine.name == "vllm":
        return _vllm(serving, layer.cache, each, in_flight)
    return _sglang(serving, layer.cache, each, in_flight)


def state_bytes(cache: LayerCache) -> tuple[int, int]:
    """(tokens whose states the compressor keeps, bytes of the state of one): all in float32. Where entries overlap, it
    looks back over two of them."""
    rate = cache.tokens_per_entry or 1
    return (2 if cache.overlap_elements else 1) * rate, 4 * cache.waiting_elements


def _vllm(serving: Serving, cache: LayerCache, each: Rows, in_flight: int) -> int:
    rate = cache.tokens_per_entry or 1
    align = ALIGNMENT if serving.cache_type.kind == "fp8" else OTHER_ALIGNMENT
    pages, held = serving.batch * -(-serving.context_tokens // PAGE), max(PAGE // rate, 1)
    total = pages * (_up(held * each.entries, align) + _up(held * each.entry_index, align))
    window = (cache.tokens_held or 0) + 1
    total += _sliding_pages(serving, window, WINDOW_PAGE, in_flight) * _up(WINDOW_PAGE * each.tokens, align)
    kept, _ = state_bytes(cache)
    page, n_bytes = _state_page(serving, cache)
    return total + serving.batch * (-(-min(kept, serving.context_tokens) // page) + 1) * n_bytes


def flight_bytes(serving: Serving) -> int:
    """The bytes of the compressors' states that vLLM holds on one device for the tokens of steps in flight, beside those
    that settled sequences keep: it allocates a page for every few tokens of a prompt, and frees them with the step."""
    total = 0
    for layer in serving.model.layers if serving.engine.name == "vllm" else ():
        if layer.tokens_per_entry is not None:
            kept, _ = state_bytes(layer.cache)
            page, n_bytes = _state_page(serving, layer.cache)
            context, reach = serving.context_tokens, kept - 1 + CONCURRENT_BATCHES * serving.chunk
            total += (-(-min(reach, context) // page) - -(-min(kept, context) // page)) * n_bytes
    return total


def _state_page(serving: Serving, cache: LayerCache) -> tuple[int, int]:
    """(tokens of a page of the compressors' states in vLLM, its bytes): two caches, each with pages of its own."""
    align = ALIGNMENT if serving.cache_type.kind == "fp8" else OTHER_ALIGNMENT
    page, (_, state) = 4 if cache.overlap_elements else 8, state_bytes(cache)
    both = cache.entry_elements + cache.entry_index_elements
    parts = (cache.entry_elements, cache.entry_index_elements)
    return page, sum(_up(page * state * part // both, align) for part in parts)


def _sliding_pages(serving: Serving, window: int, page: int, in_flight: int) -> int:
    """Pages of all sequences: one is being read in and holds its steps in flight (`SlidingWindowSpec`)."""
    context = serving.context_tokens
    reading = -(-min(window - 1 + in_flight, context) // page) + 1
    return reading + (serving.batch - 1) * (-(-min(window, context) // page) + 1)


def _sglang(serving: Serving, cache: LayerCache, each: Rows, in_flight: int) -> int:
    rate, batch = cache.tokens_per_entry or 1, serving.batch
    held = max(PAGE // rate, 1)
    pages = -(-batch * serving.context_tokens // PAGE)
    total = pages * (_padded(serving, held * each.entries) + held * each.entry_index)
    window = (cache.tokens_held or 0) + 1
    a_request = window + EVICTED_EVERY + PAGE + PAGE + PREFIX_TAILS * (window + PAGE)
    window_pages = -(-(batch * a_request + in_flight + PAGE) // PAGE)
    total += window_pages * _padded(serving, PAGE * each.tokens)
    kept, state = state_bytes(cache)
    if cache.overlap_elements:
        return total + window_pages * RING * state
    return total + _up((batch + 1) * kept + kept + 1, kept) * state


def _padded(serving: Serving, n_bytes: int) -> int:
    return _up(n_bytes, ALIGNMENT) if serving.cache_type.kind == "fp8" else n_bytes


def _up(number: int, step: int) -> int:
    return -(-number // step) * step
