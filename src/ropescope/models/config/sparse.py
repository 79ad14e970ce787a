"""Sparse attention: which layers read a part of the earlier tokens only, how many at most, and the indexer that picks.

The designs follow transformers 5.23 (DeepSeek-V3.2 and its heirs, DeepSeek-V4, MiniMax-M3, Qwen4's QSA, Doge) and, for
InfLLM-v2, the fields that MiniCPM4's config states.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ropescope.errors import FormatError
from ropescope.models.config.compressed import SPARSE, compressed_rate
from ropescope.models.config.fields import Fields, positive_int, short, whole_numbers
from ropescope.models.model import LayerKind, Sparse

INDEXED: Final = frozenset({"indexed_attention", "deepseek_sparse_attention", "minimax_m3_sparse", SPARSE})
"""What `layer_types` calls the layers that read a part."""

_BLOCKS: Final = "sparse_attention_config"
_BLOCK_NAMES: Final = {
    "index_n_heads": "sparse_num_index_heads",
    "index_head_dim": "sparse_index_dim",
    "index_block_size": "sparse_block_size",
    "index_topk_blocks": "sparse_topk_blocks",
}
"""MiniMax-M3's own names for what transformers calls otherwise."""


def sparse_of(fields: Fields, kinds: tuple[LayerKind, ...], rates: tuple[int | None, ...]) -> tuple[Sparse | None, ...]:
    """What each layer reads of the earlier tokens; None where it reads all that it sees. `rates` are those of
    `compression_rates`. Raises FormatError naming the field for numbers that cannot be."""
    found = next(filter(None, (read(fields) for read in (_top_k, _blocks, _budget, _kept, _infllm))), None)
    if found is None:
        return (None,) * len(kinds)
    words, modes = fields.stated("layer_types"), indexer_modes(fields, len(kinds))
    layers: list[Sparse | None] = []
    for index, kind in enumerate(kinds):
        if fields.model_type == "deepseek_v4":
            indexed = rates[index] == compressed_rate(fields, SPARSE)
        elif fields.model_type == "minimax_m3_vl_text":
            indexed = _in_blocks(fields, index, words)
        elif fields.model_type != "qwen4_exp_text" and isinstance(words, list | tuple) and index < len(words):
            # A checkpoint that names its layers marks the indexed ones; only Qwen4's own calls them full.
            indexed = words[index] in INDEXED or not INDEXED & {str(word) for word in words}
        else:
            indexed = True
        if kind != "full" or not indexed:
            layers.append(None)
        else:
            layers.append(found if modes[index] else Sparse(found.top))
    return tuple(layers)


def indexer_modes(fields: Fields, n_layers: int) -> tuple[bool, ...]:
    """For each layer, whether it has an indexer of its own; the others read what the last one before them picked."""
    modes = fields.config.get("indexer_types")
    if isinstance(modes, list | tuple):
        return tuple(index >= len(modes) or modes[index] != "shared" for index in range(n_layers))
    pattern = fields.config.get("index_topk_pattern")
    if pattern is not None:
        where = fields.label("index_topk_pattern")
        if not isinstance(pattern, str | list | tuple) or len(pattern) < n_layers:
            raise FormatError(f"{where} is {short(pattern)}: it must have a letter F or S for each layer.")
        return tuple(mode in ("F", "full") for mode in pattern[:n_layers])
    frequency, offset = fields.config.get("index_topk_freq"), fields.config.get("index_skip_topk_offset")
    if frequency is None:
        every, first = (4, 2) if fields.model_type == "hy_v4" else (1, 2)
        return tuple(max(index - first + 1, 0) % every == 0 for index in range(n_layers))
    (every,) = whole_numbers([frequency], fields.label("index_topk_freq"))
    (first,) = whole_numbers([2 if offset is None else offset], fields.label("index_skip_topk_offset"))
    return tuple(max(index - first + 1, 0) % max(every, 1) == 0 for index in range(n_layers))


def _top_k(fields: Fields) -> Sparse | None:
    """DeepSeek-V3.2's indexer: a number of tokens (in V4 of entries), picked by the products of a few small heads."""
    top = fields.integer("index_topk")
    if top is None:
        return None
    pool = fields.integer("index_kpool") or 1
    if fields.model_type == "deepseek_v4":
        pool = compressed_rate(fields, SPARSE)
    return Sparse(top, fields.integer("index_n_heads") or 0, fields.integer("index_head_dim") or 0, pool)


def _blocks(fields: Fields) -> Sparse | None:
    """MiniMax-M3: whole blocks of keys; an indexer head for each KV head scores every key."""
    if fields.model_type != "minimax_m3_vl_text":
        return None
    heads, dim, block, top = (_in_block_config(fields, name) for name in _BLOCK_NAMES)
    return None if not top or not block else Sparse(top * block, heads, dim)


def _in_block_config(fields: Fields, name: str) -> int:
    own = fields.config.get(_BLOCKS)
    if isinstance(own, Mapping) and (value := own.get(_BLOCK_NAMES[name])) is not None:
        return positive_int(value, f"{fields.label(_BLOCKS)}.{_BLOCK_NAMES[name]}", 1 << 24)
    return fields.integer(name) or 0


def _in_blocks(fields: Fields, index: int, words: object) -> bool:
    if isinstance(words, list | tuple) and index < len(words):
        return words[index] in INDEXED
    own = fields.config.get(_BLOCKS)
    marks = own.get("sparse_attention_freq") if isinstance(own, Mapping) else None
    return isinstance(marks, list | tuple) and index < len(marks) and bool(marks[index])


def _budget(fields: Fields) -> Sparse | None:
    """Qwen4's QSA: a budget of tokens, picked in groups by one key that is the mean of a group."""
    heads, top = fields.integer("indexer_n_heads"), fields.integer("indexer_budget")
    if heads is None or top is None:
        return None
    return Sparse(top, heads, fields.integer("indexer_head_dim") or 0, fields.integer("indexer_compress_ratio") or 1)


def _kept(fields: Fields) -> Sparse | None:
    """Doge: the tokens that a learned mask rates highest, without an indexer."""
    top = fields.integer("keep_window_size") if fields.model_type == "doge" else None
    return None if top is None else Sparse(top)


def _infllm(fields: Fields) -> Sparse | None:
    """InfLLM-v2 (MiniCPM4): blocks picked by products with compressed keys, beyond `dense_len` tokens."""
    own = fields.config.get("sparse_config")
    if not isinstance(own, Mapping) or own.get("topk") is None or own.get("block_size") is None:
        return None
    where = fields.label("sparse_config")
    top, block, stride, dense = (
        positive_int(own.get(name, default), f"{where}.{name}", 1 << 30)
        for name, default in (("topk", 64), ("block_size", 64), ("kernel_stride", 16), ("dense_len", 8192))
    )
    heads = fields.integer("num_attention_heads") or 0
    dim = fields.integer("head_dim") or (fields.integer("hidden_size") or 0) // max(heads, 1)
    return Sparse(top * block, heads, dim, stride, dense)
