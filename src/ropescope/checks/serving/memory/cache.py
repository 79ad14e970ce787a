"""What an engine's cache holds: the rows of each layer as the engine allocates them, and their share on one device.

`storage.stored_rows` says how many bytes a row takes, `held_rows` how many rows there are. `show` counts the same rows as
transformers holds them (`Model.cache_bytes`), and `roofline` those that a step reads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil
from typing import Any

from ropescope.checks.serving.engines.engine import engine_default
from ropescope.checks.serving.memory.compressed import CONCURRENT_BATCHES, compressed_bytes
from ropescope.checks.serving.memory.storage import keys_pooled, left_in_16_bits, stored_rows
from ropescope.checks.serving.serving import LLAMA_CELLS, Serving
from ropescope.errors import DomainError
from ropescope.models.cache import Rows
from ropescope.models.model import Layer, Model


@dataclass(frozen=True, slots=True)
class HeldLayer:
    """What one layer holds for all sequences together: token slots, and bytes on one device."""

    layer: Layer
    tokens: int
    n_bytes: int


def device_cache_bytes(serving: Serving) -> int:
    """The bytes of cache on one device; on all together where whole layers are dealt out. Raises DomainError where a cache
    type does not fit."""
    if not serving.model.causal:
        return 0  # the whole text is read at once
    held = tuple(held_layers(serving))
    return sum(one.n_bytes for one in held) + (_padding_bytes(held) if serving.engine.name == "vllm" else 0)


def held_layers(serving: Serving) -> Iterator[HeldLayer]:
    """Each layer with a cache of its own, with what it holds on one device (on all, where layers are dealt out).

    Raises DomainError where the files do not say what is kept, or a cache type does not fit.
    """
    _require_kept(serving.model)
    alike: dict[tuple[int, int], HeldLayer] = {}
    layers = serving.model.layers
    for layer, first, each in zip(layers, _kinds(Same(layers)), layer_rows(serving), strict=True):
        key = (first, id(each))
        if key not in alike:
            tokens = held_tokens(serving, layer)
            alike[key] = HeldLayer(layer, tokens, _layer_bytes(serving, layer, each, tokens))
        yield HeldLayer(layer, alike[key].tokens, alike[key].n_bytes)


def _require_kept(model: Model) -> None:
    # A pipeline stage may hold nothing but layers that read the caches of others.
    own = [layer for layer in model.attention_layers if layer.kv_source is None]
    if model.causal and own and not any(layer.cache.elements_per_token for layer in own):
        raise DomainError(f"{model.name} does not say what its layers keep of a sequence: give its config.json.")


def layer_rows(serving: Serving) -> tuple[Rows, ...]:
    """For each layer, the bytes of its rows as the engine stores them (`storage.stored_rows`); one object for layers alike."""
    alike: dict[tuple[int, bool], Rows] = {}
    found: list[Rows] = []
    layers = serving.model.layers
    for layer, first in zip(layers, _kinds(Same(layers)), strict=True):
        key = (first, left_in_16_bits(serving, layer))
        if key not in alike:
            alike[key] = stored_rows(serving, layer)
        found.append(alike[key])
    return tuple(found)


class Same:
    """A model or its layers, told from others by being the same object: to compare them costs more than it saves."""

    __slots__ = ("it",)

    def __init__(self, it: Any) -> None:
        self.it = it

    def __hash__(self) -> int:
        return id(self.it)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.it is other.it


@lru_cache(maxsize=32)
def _kinds(of: Same) -> tuple[int, ...]:
    """For each layer, the place of the first that keeps the same of a sequence. A search asks for it at every step."""
    first: dict[tuple[object, ...], int] = {}
    return tuple(
        first.setdefault((one.cache, one.kind, one.window_tokens, one.n_kv_heads, one.latent, one.sparse), place)
        for place, one in enumerate(of.it)
    )


def held_tokens(serving: Serving, layer: Layer) -> int:
    """How many token slots the engine keeps in `layer` for all sequences together."""
    context, batch, name, block = serving.context_tokens, serving.batch, serving.engine.name, serving.block
    held = layer.cache.tokens_held
    if name == "transformers":
        return batch * layer.cache.tokens(context)
    if held is None or not serving.windows(layer):
        return batch * _rounded(context, block)
    window = layer.window_tokens or held + 1
    if name == "vllm":
        # Old tokens are freed as steps settle, so the sequence that is being read in holds its steps in flight as well.
        in_flight = CONCURRENT_BATCHES * serving.chunk
        if layer.kind == "chunked":
            return _rounded(min(window + in_flight, context), block) + (batch - 1) * _rounded(
                min(window, context), block
            )
        reading = _rounded(min(window - 1 + in_flight, context), block) + block
        return reading + (batch - 1) * (_rounded(min(window, context), block) + block)
    if name == "sglang":
        return ceil(float(engine_default("sglang", "swa_full_tokens_ratio")) * batch * context)
    # llama.cpp, and Ollama which is built on it: the window, and the tokens of one micro-batch that may pass through.
    return batch * _padded(min(_padded(context), window + serving.chunk))


def held_rows(serving: Serving, layer: Layer, tokens: int) -> Rows:
    """How many rows of each part an engine that allocates ahead has for all sequences together, `tokens` of them tokens."""
    context, batch = serving.context_tokens, serving.batch
    entries = 0
    if layer.tokens_per_entry is not None:  # llama.cpp: `dsv4_comp_size` of its llama-kv-cache-dsv4.cpp
        entries = batch * _padded(-(-_padded(context) // layer.tokens_per_entry))
    index = batch * -(-_rounded(context, serving.block) // keys_pooled(serving, layer))
    return Rows(tokens, index, entries, entries, states=batch)


def _rounded(context: int, block: int) -> int:
    return -(-context // block) * block


def _padded(tokens: int) -> int:
    return _rounded(tokens, LLAMA_CELLS)


def _layer_bytes(serving: Serving, layer: Layer, each: Rows, tokens: int) -> int:
    if serving.engine.name == "transformers":  # it allocates nothing ahead: what a sequence holds at most on its way
        return serving.batch * layer.cache.most_bytes(serving.context_tokens, each)
    if layer.tokens_per_entry is not None and serving.engine.name in ("vllm", "sglang"):
        return compressed_bytes(serving, layer, each, CONCURRENT_BATCHES * serving.chunk)
    rows = held_rows(serving, layer, tokens)
    if serving.engine.split == "layers":
        return rows.of(each)
    shared = rows.tokens * each.tokens * kv_share(layer, serving.count)
    return ceil(shared) + rows.index * each.index + ceil(Fraction(rows.states * each.states, serving.count))


def kv_share(layer: Layer, count: int) -> Fraction:
    """The share of a layer's keys and values that each of `count` devices holds: latents are held whole by every one,
    and no device holds less than one KV head."""
    if layer.latent is not None or layer.n_kv_heads == 0:
        return Fraction(1)
    return Fraction(1, min(count, layer.n_kv_heads))


def _padding_bytes(held: tuple[HeldLayer, ...]) -> int:
    """What vLLM adds so that layers of different windows fall into groups of one size, which share one block pool.

    `_get_kv_cache_groups_uniform_page_size` of its kv_cache_planning.py: the size is that of the rarest kind, or of the
    most frequent where that is less than half as many again. Only for layers that all hold the same bytes a token.
    """
    kinds: dict[tuple[int | None, int | None], list[HeldLayer]] = defaultdict(list)
    sizes = set()
    for one in held:
        cache = one.layer.cache
        if cache.state_elements or cache.recurrent_elements or cache.tokens_per_entry is not None:
            return 0
        if cache.elements_per_token:
            window = one.layer.window_tokens if cache.tokens_held is not None else None
            kinds[window, cache.tokens_held].append(one)
            sizes.add(cache.elements_per_token)
    if len(kinds) < 2 or len(sizes) > 1:
        return 0
    counts = [len(layers) for layers in kinds.values()]
    size = max(counts) if max(counts) < 1.5 * min(counts) else min(counts)
    return sum((-len(layers) % size) * layers[0].n_bytes for layers in kinds.values())
