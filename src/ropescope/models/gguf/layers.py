"""The layers of a GGUF model: heads, widths, windows, latents, experts, and what each keeps of a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ropescope.errors import FormatError
from ropescope.models.cache import LayerCache, compressed_cache
from ropescope.models.gguf.keys import Keys
from ropescope.models.gguf.kinds import BESIDE, RECURRENT, STATE_SPACE, compress_ratios, layer_kinds, window
from ropescope.models.gguf.ropes import positions_of, rope_of
from ropescope.models.model import ATTENTION_KINDS, Experts, Latent, Layer, LayerKind, Sparse
from ropescope.models.state_sizes import (
    gated_delta_state,
    mamba1_state,
    mamba2_state,
    rwkv_state,
    short_convolution_state,
)

# Full layers have no RoPE in these where others slide.
NOPE_IN_FULL: Final = frozenset({"cohere2", "exaone4", "exaone-moe", "afmoe", "smallthinker", "llama4"})
# Every n-th layer has no RoPE in these.
NOPE_EVERY: Final = {"smollm3": 4}
# The layers of Gemma 3n that have keys and values of their own, where the file does not say how many share theirs.
GEMMA3N_OWN: Final = 20
ENCODERS: Final = frozenset(
    {
        "bert",
        "eurobert",
        "gemma-embedding",
        "jina-bert-v2",
        "jina-bert-v3",
        "modern-bert",
        "neo-bert",
        "nomic-bert",
        "nomic-bert-moe",
    }
)
"""Architectures that see the whole text at once, though older files do not say so."""

MOST_DIMS: Final = 1 << 20
OVERLAPPING: Final = 4
"""Tokens of an entry of DeepSeek-V4 that an indexer picks (`DSV4_CSA_RATIO` of llama.cpp)."""


def layers_of(
    keys: Keys, n_layers: int, hidden_size: int | None, tensors: frozenset[str]
) -> tuple[tuple[Layer, ...], str]:
    """(the layers with their caches, how order enters). `tensors` are the names of the file's tensors, empty where
    they are not known. Raises FormatError naming the key for what is missing or cannot be."""
    heads = kv_heads = (0,) * n_layers
    if keys.architecture not in STATE_SPACE | RECURRENT:
        heads = keys.per_layer("attention.head_count", n_layers) or (keys.required("attention.head_count"),)
        kv_heads = keys.per_layer("attention.head_count_kv", n_layers) or heads
    kinds = layer_kinds(keys, n_layers, kv_heads, tensors)
    attends = any(kind in ATTENTION_KINDS for kind in kinds)
    if keys.get("attention.key_length_mla") is not None:
        # The one KV head of such files is the compressed cache that all heads share.
        kv_heads = tuple(own if shared else 0 for own, shared in zip(heads, kv_heads, strict=True))
    positions = positions_of(keys) if attends else "none"
    experts = _experts(keys, n_layers, tensors)
    latent = _latent(keys)
    layers = tuple(
        _layer(keys, index, kind, heads[index], kv_heads[index], hidden_size, positions, latent, experts[index])
        for index, kind in enumerate(kinds)
    )
    layers = _sharing(keys, layers)
    rates, own = compress_ratios(keys, n_layers) or (None,) * n_layers, keys.marks("attention.indexer.types", n_layers)
    layers = tuple(
        replace(
            layer,
            tokens_per_entry=rates[layer.index],
            sparse=_sparse(keys, layer, rates[layer.index], own is None or own[layer.index]),
        )
        for layer in layers
    )
    return tuple(replace(layer, cache=_cache(keys, layer, hidden_size)) for layer in layers), positions


def _layer(
    keys: Keys,
    index: int,
    kind: LayerKind,
    n_heads: int,
    n_kv_heads: int,
    hidden_size: int | None,
    positions: str,
    latent: Latent | None,
    experts: Experts | None,
) -> Layer:
    if kind not in ATTENTION_KINDS:
        return Layer(index, kind, 0, 0, 0, experts=experts)
    if not n_heads or not n_kv_heads or n_heads % n_kv_heads:
        raise FormatError(
            f"{keys.name('attention.head_count')} is {n_heads} and head_count_kv is {n_kv_heads} (layer {index}): the "
            "heads must divide evenly among the KV heads."
        )
    windowed = kind != "full"
    head_dim, value_dim = _head_dims(keys, n_heads, hidden_size, windowed)
    bare = keys.architecture in NOPE_IN_FULL and not windowed and window(keys) is not None
    bare = bare or (index + 1) % NOPE_EVERY.get(keys.architecture, index + 2) == 0
    return Layer(
        index=index,
        kind=kind,
        n_heads=n_heads,
        n_kv_heads=n_kv_heads,
        head_dim=head_dim,
        window_tokens=window(keys) if windowed else None,
        rope=rope_of(keys, head_dim, windowed) if positions == "rope" and not bare else None,
        beside=("state-space",) if keys.architecture in BESIDE else (),
        value_dim=value_dim,
        latent=latent,
        experts=experts,
    )


def _head_dims(keys: Keys, n_heads: int, hidden_size: int | None, windowed: bool) -> tuple[int, int]:
    """The dimensions of a query or key head, and of a value head."""
    found: list[int] = []
    for part in ("key", "value"):
        # In MLA files key_length is the width of the compressed cache, and key_length_mla that of a head.
        names = ([f"attention.{part}_length_swa"] if windowed else []) + [
            f"attention.{part}_length_mla",
            f"attention.{part}_length",
        ]
        stated = next((keys.integer(name, MOST_DIMS) for name in names if keys.get(name) is not None), None)
        found.append(stated or _share_of_width(keys, n_heads, hidden_size))
    return found[0], found[1]


def _sparse(keys: Keys, layer: Layer, rate: int | None, own: bool) -> Sparse | None:
    """What a layer with an indexer (of its `own`, or an earlier layer's) reads of the tokens before, or of the entries."""
    top = keys.whole("attention.indexer.top_k", 1 << 24) * (keys.integer("attention.indexer.block_size", 1 << 24) or 1)
    if not top or layer.kind != "full" or (keys.architecture == "deepseek4" and rate != OVERLAPPING):
        return None
    pooled = rate or keys.integer("attention.indexer.kpool", 1 << 20) or 1
    heads, dim = (keys.whole(f"attention.indexer.{name}", MOST_DIMS) for name in ("head_count", "key_length"))
    return Sparse(top, heads, dim, pooled) if own else Sparse(top)


def _share_of_width(keys: Keys, n_heads: int, hidden_size: int | None) -> int:
    if hidden_size is None:
        return keys.required("embedding_length")
    if hidden_size % n_heads:
        raise FormatError(
            f"{keys.name('embedding_length')} is {hidden_size} and attention.head_count is {n_heads}: the width must "
            "divide evenly among the heads."
        )
    return hidden_size // n_heads


def _latent(keys: Keys) -> Latent | None:
    rank = keys.integer("attention.kv_lora_rank", MOST_DIMS)
    if rank is None:
        return None
    return Latent(rank, keys.whole("rope.dimension_count", MOST_DIMS), keys.integer("attention.q_lora_rank", MOST_DIMS))


def _experts(keys: Keys, n_layers: int, tensors: frozenset[str]) -> Sequence[Experts | None]:
    """The experts of each layer: of those that have a router where the tensors are known, else by the keys."""
    totals = keys.per_layer("expert_count", n_layers) if keys.get("expert_count") else None
    actives = keys.per_layer("expert_used_count", n_layers) if keys.get("expert_used_count") else None
    if totals is None or actives is None or max(totals) < 2:
        return (None,) * n_layers
    shared = keys.whole("expert_shared_count", 1 << 16)
    if not shared:
        shared = int(keys.whole("expert_shared_feed_forward_length") > 0)
    first = keys.whole("leading_dense_block_count", 4096)
    step = keys.integer("interleave_moe_layer_step", 4096) or 1
    found: list[Experts | None] = []
    for index, (total, active) in enumerate(zip(totals, actives, strict=True)):
        here = index >= first and (index + 1) % step == 0
        if tensors:
            here = f"blk.{index}.ffn_gate_inp.weight" in tensors
        if here and active > total:
            raise FormatError(
                f"{keys.name('expert_used_count')} is {active} and expert_count is {total}: a token passes through at "
                "most all experts."
            )
        found.append(Experts(total, active, shared) if here and total > 1 and active else None)
    return found


def _sharing(keys: Keys, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """The layers, of which the last `shared_kv_layers` read the keys and values of the last one of their kind before."""
    shared = keys.whole("attention.shared_kv_layers", 4096)
    if keys.architecture == "gemma3n" and keys.get("attention.shared_kv_layers") is None:
        shared = max(0, len(layers) - GEMMA3N_OWN)
        keys.assumed["kv_source"] = f"not in the file; llama.cpp gives the first {GEMMA3N_OWN} layers keys of their own"
    own = len(layers) - shared
    if own < 1:
        raise FormatError(
            f"{keys.name('attention.shared_kv_layers')} is {shared} of {len(layers)} layers: some layer must have keys."
        )
    last = {layer.kind: layer.index for layer in layers[:own] if layer.has_attention}
    return tuple(
        replace(layer, kv_source=last.get(layer.kind)) if layer.index >= own and layer.has_attention else layer
        for layer in layers
    )


def _cache(keys: Keys, layer: Layer, hidden_size: int | None) -> LayerCache:
    """What a layer keeps. Models that see the whole text at once keep nothing."""
    if not keys.flag("attention.causal", keys.architecture not in ENCODERS) or layer.kind == "none":
        return LayerCache()
    convolution, recurrent = (0, 0)
    if not layer.has_attention or layer.beside:
        convolution, recurrent = _state(keys, layer.kind, hidden_size)
    if not layer.has_attention or layer.kv_source is not None:
        return LayerCache(state_elements=convolution, recurrent_elements=recurrent)
    key, value = layer.n_kv_heads * layer.head_dim, layer.n_kv_heads * layer.value_dim
    index = keys.whole("attention.indexer.key_length", MOST_DIMS)
    if layer.sparse is not None or keys.get("attention.indexer.top_k") is not None:
        index = 0 if layer.sparse is None else layer.sparse.head_dim
    if layer.tokens_per_entry is not None:
        return compressed_cache(key, index, layer.tokens_per_entry, window(keys) or 1)
    if layer.latent is not None:
        key, value = layer.latent.kv_rank + layer.latent.rotary_dim, 0
    return LayerCache(
        key_elements=key,
        value_elements=value,
        index_elements=index,
        # The next token takes the place of the one that leaves the window.
        tokens_held=None if layer.window_tokens is None else max(0, layer.window_tokens - 1),
        state_elements=convolution,
        recurrent_elements=recurrent,
    )


def _state(keys: Keys, kind: LayerKind, hidden_size: int | None) -> tuple[int, int]:
    """(convolution, recurrent) elements of a layer's constant state."""
    width = hidden_size or keys.required("embedding_length")
    if kind == "recurrent":
        return rwkv_state(width, keys.required("wkv.head_size", MOST_DIMS), keys.integer("token_shift_count", 16) or 2)
    if kind == "convolution":
        return short_convolution_state(width, keys.required("shortconv.l_cache", MOST_DIMS))
    d_conv = keys.required("ssm.conv_kernel", MOST_DIMS)
    if (kda := keys.integer("kda.head_dim", MOST_DIMS)) is not None:
        heads = max(keys.per_layer("attention.head_count", 1) or (0,))
        return gated_delta_state(heads, heads, kda, kda, d_conv)
    d_inner, d_state = keys.required("ssm.inner_size"), keys.required("ssm.state_size", MOST_DIMS)
    n_groups, rank = keys.whole("ssm.group_count", MOST_DIMS), keys.whole("ssm.time_step_rank", MOST_DIMS)
    if not n_groups:
        return mamba1_state(d_inner, d_state, d_conv)
    if not rank or d_inner % rank:
        raise FormatError(
            f"{keys.name('ssm.inner_size')} is {d_inner} and ssm.time_step_rank is {rank}: the width must divide evenly "
            "among the heads."
        )
    if kind == "linear":
        return gated_delta_state(n_groups, rank, d_state, d_inner // rank, d_conv)
    return mamba2_state(rank, d_inner // rank, n_groups, d_state, d_conv)
