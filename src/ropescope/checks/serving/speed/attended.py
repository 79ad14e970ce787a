"""Attended: how many keys a query reads in a layer, and how many numbers of each are multiplied."""

from __future__ import annotations

from ropescope.models.model import Layer


def decode_width(layer: Layer) -> int:
    """The numbers of a head that are multiplied for one key: decoding multiplies with the latents themselves."""
    if layer.latent is not None:
        return 2 * layer.latent.kv_rank + layer.latent.rotary_dim
    return layer.head_dim + (layer.value_dim or layer.head_dim)


def index_operations(layer: Layer) -> float:
    """Operations for one of the indexer's keys and one query."""
    return 0.0 if layer.sparse is None else 2.0 * layer.sparse.heads * layer.sparse.head_dim


def _window(layer: Layer) -> int | None:
    """The tokens that a query sees as they are: where older ones are compressed, those that the cache holds and its own."""
    if layer.tokens_per_entry is not None and layer.cache.tokens_held is not None:
        return layer.cache.tokens_held + 1
    return layer.window_tokens


def keys_seen(layer: Layer, tokens: int) -> int:
    """How many keys the last of `tokens` tokens attends to: compressed entries count as one each."""
    window = _window(layer)
    seen = tokens if window is None else min(tokens, window)
    if layer.tokens_per_entry is not None:
        entries = tokens // layer.tokens_per_entry
        return seen + (entries if layer.sparse is None else min(entries, layer.sparse.top))
    return min(seen, _most_read(layer, tokens))


def keys_scored(layer: Layer, tokens: int) -> int:
    """How many of the indexer's keys the last of `tokens` tokens is multiplied with."""
    return 0 if layer.sparse is None else tokens // layer.sparse.tokens_per_key


def _most_read(layer: Layer, tokens: int) -> int:
    """The most keys that a query of a sequence of `tokens` tokens reads."""
    return tokens if layer.sparse is None or tokens <= layer.sparse.dense_tokens else layer.sparse.top


def query_key_pairs(layer: Layer, tokens: int) -> int:
    """How many (query, key) pairs a prompt of `tokens` has in `layer`."""
    window = _window(layer)
    if layer.kind == "chunked" and window:
        whole, rest = divmod(tokens, window)
        return whole * _triangle(window) + _triangle(rest)
    if layer.tokens_per_entry is not None:
        top = None if layer.sparse is None else layer.sparse.top
        return _capped(tokens, 1, window) + _capped(tokens, layer.tokens_per_entry, top)
    most = min(tokens if window is None else window, _most_read(layer, tokens))
    return _capped(tokens, 1, most)


def index_pairs(layer: Layer, tokens: int) -> int:
    """How many (query, key) pairs the indexer of `layer` scores in a prompt of `tokens`."""
    return 0 if layer.sparse is None else _capped(tokens, layer.sparse.tokens_per_key, None)


def _capped(tokens: int, rate: int, top: int | None) -> int:
    """Σ min(⌊i / rate⌋, top) over i = 1 … tokens."""
    if top is not None and tokens >= top * rate:
        return _capped(top * rate - 1, rate, None) + (tokens - top * rate + 1) * top
    whole, rest = divmod(tokens, rate)
    return rate * whole * (whole - 1) // 2 + whole * (rest + 1)


def _triangle(tokens: int) -> int:
    return tokens * (tokens + 1) // 2
