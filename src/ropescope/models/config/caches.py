"""What each layer of a config keeps of a sequence: keys and values, latents, states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import ropescope.models.state_sizes as state_sizes
from ropescope.models.cache import LayerCache, compressed_cache
from ropescope.models.config.compressed import SPARSE, compressed_rate
from ropescope.models.config.fields import Fields, positive_int
from ropescope.models.config.heads import Heads
from ropescope.models.model import Latent, LayerKind, Sparse

# Sliding layers that keep every token all the same: transformers masks there, and drops nothing.
KEEPS_ALL: Final = frozenset({"gpt_neo"})
# Model types with a constant state beside their attention whose size is not known here.
UNCOUNTED: Final = frozenset({"zaya", "inkling2_text"})
# Mamba of the first kind: one state for each inner channel.
MAMBA1: Final = frozenset({"mamba", "falcon_mamba", "jamba", "zamba"})

States = tuple[int, int]
"""(elements in the type of the model, elements in float32)."""


def layer_cache(
    fields: Fields,
    kind: LayerKind,
    beside: tuple[LayerKind, ...],
    heads: Heads,
    latent: Latent | None,
    window_tokens: int | None,
    sparse: Sparse | None,
    shares: bool,
    compression: int | None,
) -> LayerCache:
    """The LayerCache of one layer, which `shares` another's keys and values or has its own, and may compress them.

    Where a layer's constant state is not known here it is left out, and `fields.remarks` says so. Raises FormatError
    for sizes that cannot be.
    """
    if compression is not None:
        index = fields.required("index_head_dim") if compression == compressed_rate(fields, SPARSE) else 0
        return compressed_cache(
            heads.n_kv_heads * heads.head_dim, index, compression, fields.required("sliding_window")
        )
    key, value = 0, 0
    if heads.n_heads and kind != "cross" and not shares:
        key, value = heads.n_kv_heads * heads.head_dim, heads.n_kv_heads * heads.value_dim
        if latent is not None:
            key, value = latent.kv_rank + latent.rotary_dim, 0
    held = None
    if window_tokens is not None and fields.model_type not in KEEPS_ALL:
        held = max(1, window_tokens - 1)
    state, recurrent = 0, 0
    for path in (kind, *beside):
        if path in ("state-space", "linear", "recurrent", "convolution"):
            found = _state(fields, path)
            state, recurrent = state + found[0], recurrent + found[1]
    if fields.model_type == "inkling_text" and heads.n_heads:
        # Four short convolutions, in float32: over keys, over values, and twice over the hidden state.
        width = heads.n_kv_heads * heads.head_dim + fields.required("hidden_size")
        recurrent += 2 * width * (_one_of(fields, "conv_kernel_size") or 4)
    if fields.model_type in UNCOUNTED:
        fields.remark(
            "the small constant state beside its attention is not known here, and is not in the cache's bytes."
        )
    return LayerCache(key, value, _index_elements(fields, sparse), held, state, recurrent)


def _index_elements(fields: Fields, sparse: Sparse | None) -> int:
    """The numbers that a sparse-attention indexer keeps of a token."""
    if sparse is None or not sparse.heads or fields.config.get("sparse_config") is not None:
        return 0  # InfLLM-v2 scores means of the keys themselves
    # GLM-5.3 keeps a gate for every number of a key, and a mark.
    return 2 * sparse.head_dim + 1 if fields.model_type == "glm5_next_text" else sparse.head_dim


def _state(fields: Fields, kind: LayerKind) -> States:
    reader = _READERS.get(fields.model_type) or _by_fields(fields, kind)
    found = None if reader is None else reader(fields)
    if found is None:
        fields.remark(f"the constant state of its {kind} layers is not known here, and is not in the cache's bytes.")
        return 0, 0
    return found


def _by_fields(fields: Fields, kind: LayerKind) -> Callable[[Fields], States | None] | None:
    """How to read the state of a layer, by the fields that the file has."""
    if kind == "state-space":
        return _mamba1 if fields.model_type in MAMBA1 else _mamba2
    if kind == "convolution":
        return _short_convolution
    if kind == "linear":
        if fields.integer("linear_num_value_heads") is not None:
            return _gated_delta
        if fields.integer("linear_num_heads") is not None or fields.config.get("linear_attn_config") is not None:
            return _delta_attention
    return None


def _one_of(fields: Fields, *names: str) -> int | None:
    """The first of the fields that is there and a number (some say "auto")."""
    for name in names:
        value = fields.value(name)
        if value is not None and value != "auto":
            return positive_int(value, fields.where(name), 1 << 32)
    return None


def _inner_size(fields: Fields) -> int | None:
    own = ("intermediate_size",) if fields.model_type in ("mamba", "falcon_mamba") else ()
    stated = _one_of(fields, *own, "mamba_d_ssm", "d_inner")
    if stated is not None:
        return stated
    expand, hidden = _one_of(fields, "mamba_expand", "expand"), fields.integer("hidden_size")
    return None if expand is None or hidden is None else expand * hidden


def _mamba1(fields: Fields) -> States | None:
    inner, d_state = _inner_size(fields), _one_of(fields, "mamba_d_state", "state_size", "d_state")
    d_conv = _one_of(fields, "mamba_d_conv", "conv_kernel", "d_conv")
    if inner is None or d_state is None or d_conv is None:
        return None
    return state_sizes.mamba1_state(inner, d_state, d_conv)


def _mamba2(fields: Fields) -> States | None:
    own = ("num_heads", "head_dim") if fields.model_type == "mamba2" else ("mamba_num_heads", "mamba_head_dim")
    heads = _one_of(fields, "mamba_n_heads", "n_mamba_heads", own[0])
    dim = _one_of(fields, "mamba_d_head", "mamba_headdim", own[1])
    inner = _inner_size(fields)
    if heads is None and dim is not None and inner is not None:
        heads = inner // dim
    if dim is None and heads is not None and inner is not None:
        dim = inner // heads
    d_state = _one_of(fields, "mamba_d_state", "ssm_state_size", "state_size")
    d_conv = _one_of(fields, "mamba_d_conv", "conv_kernel")
    groups = _one_of(fields, "mamba_n_groups", "mamba_ngroups", "n_groups") or 1
    if heads is None or dim is None or d_state is None or d_conv is None:
        return None
    return state_sizes.mamba2_state(heads, dim, groups, d_state, d_conv)


def _short_convolution(fields: Fields) -> States | None:
    hidden, d_conv = fields.integer("hidden_size"), _one_of(fields, "conv_L_cache")
    return None if hidden is None or d_conv is None else state_sizes.short_convolution_state(hidden, d_conv)


def _gated_delta(fields: Fields) -> States | None:
    names = ("num_key_heads", "num_value_heads", "key_head_dim", "value_head_dim", "conv_kernel_dim")
    sizes = [_one_of(fields, f"linear_{name}") for name in names]
    known = [size for size in sizes if size is not None]
    return state_sizes.gated_delta_state(*known) if len(known) == len(names) else None


def _delta_attention(fields: Fields) -> States | None:
    """Kimi Delta Attention: a convolution over queries, keys and values, and a square matrix for each head."""
    own = fields.config.get("linear_attn_config")
    if isinstance(own, Mapping):
        where = fields.label("linear_attn_config")
        names = ("num_heads", "head_dim", "short_conv_kernel_size")
        if any(own.get(name) is None for name in names):
            return None
        heads, dim, d_conv = (positive_int(own[name], f"{where}.{name}", 1 << 20) for name in names)
    else:
        stated = [_one_of(fields, f"linear_{name}") for name in ("num_heads", "head_dim", "conv_kernel_dim")]
        if None in stated:
            return None
        heads, dim, d_conv = (size for size in stated if size is not None)
    return state_sizes.gated_delta_state(heads, heads, dim, dim, d_conv)


def _lightning(fields: Fields) -> States | None:
    """MiniMax: a square matrix for each head, in the type of the model."""
    heads, dim = fields.integer("num_attention_heads"), fields.integer("head_dim")
    return None if heads is None or dim is None else (heads * dim * dim, 0)


def _rwkv4(fields: Fields) -> States | None:
    """RWKV-4: two hidden states of the token before, and three running sums, in float32."""
    hidden = fields.integer("hidden_size")
    inner = fields.integer("attention_hidden_size") or hidden
    return None if hidden is None or inner is None else (2 * hidden, 3 * inner)


def _rwkv(fields: Fields) -> States | None:
    hidden, dim = fields.integer("hidden_size"), fields.integer("head_dim") or 64
    return None if hidden is None else state_sizes.rwkv_state(hidden, dim)


def _griffin(fields: Fields) -> States | None:
    """RecurrentGemma: a convolution without the newest column, and one number a channel in float32."""
    hidden, width = fields.integer("hidden_size"), _one_of(fields, "conv1d_width")
    inner = fields.integer("lru_width") or hidden
    return None if hidden is None or width is None or inner is None else (hidden * (width - 1), inner)


_READERS: Final[Mapping[str, Callable[[Fields], States | None]]] = {
    "minimax": _lightning,
    "minimax_text_01": _lightning,
    "rwkv": _rwkv4,
    "rwkv5": _rwkv,
    "rwkv6": _rwkv,
    "rwkv7": _rwkv,
    "recurrent_gemma": _griffin,
}
