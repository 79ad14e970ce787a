"""What an engine's cache holds: a layer's tokens as the engine allocates them, and their share on one device."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Final

from ropescope.checks.serving.engines import engine_default
from ropescope.checks.serving.serving import Serving
from ropescope.errors import DomainError
from ropescope.models.cache import LayerCache, cache_bytes
from ropescope.models.model import Layer

LLAMA_CELLS: Final = 256
"""llama.cpp rounds a context and a window up to this many tokens (GGML_PAD in llama-context.cpp, llama-kv-cache-iswa.cpp)."""

CONCURRENT_BATCHES: Final = 2
"""Steps that vLLM has in flight with asynchronous scheduling, its default (`max_concurrent_batches`)."""


@dataclass(frozen=True, slots=True)
class HeldLayer:
    """What one layer holds for all sequences together: token slots, and bytes on one device."""

    layer: Layer
    tokens: int
    n_bytes: int


def device_cache_bytes(serving: Serving) -> int:
    """The bytes of cache on the device that holds the most. Raises DomainError where a cache type does not fit."""
    model = serving.model
    if model.attention_layers and not any(layer.cache.elements_per_token for layer in model.layers):
        raise DomainError(f"{model.name} does not say what its layers keep of a sequence: give its config.json.")
    held = tuple(held_layers(serving))
    if serving.engine.split == "layers":
        bounds = [serving_share * len(held) // serving.count for serving_share in range(serving.count + 1)]
        return max(sum(one.n_bytes for one in held[low:high]) for low, high in itertools.pairwise(bounds))
    return sum(one.n_bytes for one in held) + (_padding_bytes(held) if serving.engine.name == "vllm" else 0)


def held_layers(serving: Serving) -> Iterator[HeldLayer]:
    """Each layer with a cache of its own, with what it holds on one device (on all, where layers are dealt out)."""
    alike: dict[tuple[object, ...], HeldLayer] = {}
    for layer in serving.model.layers:
        key = (layer.cache, layer.window_tokens, layer.n_kv_heads, layer.latent)
        if key not in alike:
            tokens = held_tokens(serving, layer)
            alike[key] = HeldLayer(layer, tokens, _layer_bytes(serving, layer, tokens))
        yield replace(alike[key], layer=layer)


def held_tokens(serving: Serving, layer: Layer) -> int:
    """How many token slots the engine keeps in `layer` for all sequences together."""
    context, batch, name = serving.context_tokens, serving.batch, serving.engine.name
    held = layer.cache.tokens_held
    if held is None or not serving.windows(layer):
        return batch * _rounded(context, name)
    if name == "transformers":
        return batch * min(context, held)
    window = layer.window_tokens or held + 1
    if name == "vllm":
        # Old tokens are freed as steps settle, so the sequence that is being read in holds its steps in flight as well.
        reading = _blocks(min(window - 1 + CONCURRENT_BATCHES * serving.chunk, context)) + 1
        others = _blocks(min(window, context)) + 1
        return (reading + (batch - 1) * others) * int(engine_default("vllm", "block_tokens"))
    if name == "sglang":
        return ceil(float(engine_default("sglang", "swa_full_tokens_ratio")) * batch * context)
    # llama.cpp, and Ollama which is built on it: the window, and the tokens of one micro-batch that may pass through.
    return batch * _padded(min(_padded(context), window + serving.chunk))


def _rounded(context: int, engine: str) -> int:
    if engine in ("llama.cpp", "ollama"):
        return _padded(context)
    return _blocks(context) * int(engine_default("vllm", "block_tokens")) if engine == "vllm" else context


def _padded(tokens: int) -> int:
    return -(-tokens // LLAMA_CELLS) * LLAMA_CELLS


def _blocks(tokens: int) -> int:
    return -(-tokens // int(engine_default("vllm", "block_tokens")))


def _layer_bytes(serving: Serving, layer: Layer, tokens: int) -> int:
    cache, kind, state = layer.cache, serving.cache_type.kind, serving.engine.state_kind
    heads = LayerCache(key_elements=cache.key_elements, value_elements=cache.value_elements)
    index = LayerCache(index_elements=cache.index_elements)
    fixed = replace(cache, key_elements=0, value_elements=0, index_elements=0)
    in_heads = cache_bytes([heads], tokens, key_type=kind)
    in_index = cache_bytes([index], tokens, state_type=state)
    in_state = serving.batch * cache_bytes([fixed], 0, state_type=state)
    if serving.engine.split == "layers":
        return in_heads + in_index + in_state
    return ceil(in_heads * kv_share(layer, serving.count)) + in_index + ceil(Fraction(in_state, serving.count))


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
        if cache.state_elements or cache.recurrent_elements:
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
