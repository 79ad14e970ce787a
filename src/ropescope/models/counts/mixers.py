"""How many parameters a layer's mixer other than attention has: state spaces, linear attention, convolutions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from ropescope.models.config.fields import Fields, positive_float, positive_int
from ropescope.models.counts.designs import Design
from ropescope.models.model import Layer

Counts = dict[str, int]
"""Parameters by part."""


def mixer_of(fields: Fields, design: Design, layer: Layer) -> str:
    """The mixer a layer without attention holds: as the model type's design says, else by the fields there are."""
    if design.mixer:
        return design.mixer
    for kind, name in _TELLING:
        if fields.value(name) is not None:
            return kind
    return "unknown"


def mixer_counts(kind: str, fields: Fields, width: int) -> Counts:
    """The parameters of one mixer of a Design's `kind` in a model of this width, its own MLP and norms included."""
    return _MIXERS[kind](fields, width)


def mixer_matrices(kind: str, fields: Fields, width: int) -> list[tuple[str, int, int]]:
    """(name, outputs, inputs) of the large matrices of a mixer whose names are known; none of the others."""
    return _MATRICES[kind](fields, width) if kind in _MATRICES else []


def _first(fields: Fields, *names: str, otherwise: int | None = None) -> int:
    """The first of `names` that is a number in the file or a default of the family."""
    for name in names:
        if isinstance(fields.value(name), int) and (number := fields.integer(name)) is not None:
            return number
    return fields.required(names[0]) if otherwise is None else otherwise


def _flag(fields: Fields, *names: str, otherwise: bool = False) -> bool:
    for name in names:
        if (value := fields.flag(name)) is not None:
            return value
    return otherwise


def _expanded(fields: Fields, width: int, *names: str) -> int:
    factor = next((value for name in names if (value := fields.value(name)) is not None), 2)
    return int(positive_float(factor, fields.where(names[0])) * width)


def _mamba(fields: Fields, width: int) -> Counts:
    """Mamba (Gu and Dao 2023): the step is of low rank, the state `state` numbers for each of `inner` channels."""
    own = fields.integer("intermediate_size") if fields.model_type in ("mamba", "falcon_mamba") else None
    # Falcon-Mamba states an `expand` that its width is not; elsewhere intermediate_size is that of the MLP.
    inner = own or _expanded(fields, width, "expand", "mamba_expand")
    state = _first(fields, "state_size", "mamba_d_state")
    kernel = _first(fields, "conv_kernel", "mamba_d_conv")
    rank = _first(fields, "time_step_rank", "mamba_dt_rank", otherwise=math.ceil(width / 16))
    convolution = inner * (kernel + _flag(fields, "use_conv_bias", "mamba_conv_bias", otherwise=True))
    selection = (rank + 2 * state) * inner + rank * inner + inner
    projections = 3 * inner * width
    if _flag(fields, "use_bias", "mamba_proj_bias"):
        projections += 2 * inner + width
    counts = {"mixer": projections + convolution + selection + inner * state + inner}
    if fields.model_type == "jamba":
        counts["norm"] = rank + 2 * state
    return counts


def _mamba2_widths(fields: Fields, width: int) -> tuple[int, int, int]:
    """(heads, inner width, channels of the convolution)."""
    heads = _first(fields, "mamba_num_heads", "mamba_n_heads", "n_mamba_heads", "num_heads")
    if fields.model_type == "nemotron_h":
        inner = heads * _first(fields, "mamba_head_dim")
    else:
        inner = _first(fields, "mamba_d_ssm", otherwise=_expanded(fields, width, "expand", "mamba_expand"))
    state = _first(fields, "ssm_state_size", "state_size", "mamba_d_state")
    groups = _first(fields, "n_groups", "mamba_n_groups", "mamba_ngroups", otherwise=1)
    return heads, inner, inner + 2 * groups * state


def _mamba2(fields: Fields, width: int) -> Counts:
    """Mamba-2 (Dao and Gu 2024): scalar decay for each head, inputs and outputs of the state shared by a group."""
    heads, inner, channels = _mamba2_widths(fields, width)
    kernel = _first(fields, "conv_kernel", "mamba_d_conv")
    rows = inner + channels + heads
    counts = rows * width + inner * width + 3 * heads
    counts += channels * (kernel + _flag(fields, "use_conv_bias", "mamba_conv_bias", otherwise=True))
    if _flag(fields, "mamba_proj_bias", "add_bias_linear", "use_bias"):
        counts += rows + width
    norm = inner if _flag(fields, "mamba_rms_norm", otherwise=True) else 0
    return {"mixer": counts, "norm": norm}


def _delta(fields: Fields, width: int) -> Counts:
    """Gated DeltaNet (Yang et al. 2024) as in Qwen3-Next: a decay, a step and an output gate from the hidden state."""
    key_heads, value_heads = _first(fields, "linear_num_key_heads"), _first(fields, "linear_num_value_heads")
    value_dim = _first(fields, "linear_value_head_dim")
    keys, values = key_heads * _first(fields, "linear_key_head_dim"), value_heads * value_dim
    kernel = _first(fields, "linear_conv_kernel_dim")
    projections = (2 * keys + 3 * values + 2 * value_heads) * width
    return {"mixer": projections + (2 * keys + values) * kernel + 2 * value_heads, "norm": value_dim}


def _delta_matrices(fields: Fields, width: int) -> list[tuple[str, int, int]]:
    key_heads, value_heads = _first(fields, "linear_num_key_heads"), _first(fields, "linear_num_value_heads")
    keys = key_heads * _first(fields, "linear_key_head_dim")
    values = value_heads * _first(fields, "linear_value_head_dim")
    if fields.model_type == "qwen3_next":
        into = [("in_proj_qkvz", 2 * (keys + values), width), ("in_proj_ba", 2 * value_heads, width)]
    else:
        into = [("in_proj_qkv", 2 * keys + values, width), ("in_proj_z", values, width)]
        into += [(f"in_proj_{name}", value_heads, width) for name in "ba"]
    return [*into, ("out_proj", width, values)]


def _mamba2_matrices(fields: Fields, width: int) -> list[tuple[str, int, int]]:
    heads, inner, channels = _mamba2_widths(fields, width)
    return [("in_proj", inner + channels + heads, width), ("out_proj", width, inner)]


def _convolution_matrices(fields: Fields, width: int) -> list[tuple[str, int, int]]:
    return [("in_proj", 3 * width, width), ("out_proj", width, width)]


def _kda(fields: Fields, width: int) -> Counts:
    """Kimi Delta Attention (Kimi Team 2025): DeltaNet with a decay for each channel, gates of low rank."""
    nested = fields.config.get("linear_attn_config")
    inside = nested if isinstance(nested, Mapping) else {}

    def number(name: str, flat: str) -> int:
        stated = inside.get(name)
        return _first(fields, flat) if stated is None else positive_int(stated, f"linear_attn_config.{name}", 1 << 20)

    heads, dim = number("num_heads", "linear_num_heads"), number("head_dim", "linear_head_dim")
    kernel = number("short_conv_kernel_size", "linear_conv_kernel_dim")
    inner = heads * dim
    gates = 2 * (width * dim + dim * inner) + width * heads
    return {"mixer": 4 * inner * width + 3 * inner * kernel + inner + heads + gates, "norm": dim}


def _lightning(fields: Fields, width: int) -> Counts:
    """Lightning attention (Qin et al. 2024) as in MiniMax-01: a fixed decay for each head, an output gate."""
    heads = fields.required("num_attention_heads")
    inner = heads * _first(fields, "head_dim", otherwise=width // heads)
    return {"mixer": 5 * inner * width, "norm": inner}


def _convolution(fields: Fields, width: int) -> Counts:
    """The gated short convolution of LFM2."""
    bias = _flag(fields, "conv_bias")
    return {"mixer": 4 * width * width + width * _first(fields, "conv_L_cache") + bias * 5 * width}


def _rg_lru(fields: Fields, width: int) -> Counts:
    """The RG-LRU of Griffin (De et al. 2024): gates that are block-diagonal over the heads."""
    lru, heads = _first(fields, "lru_width", otherwise=width), fields.required("num_attention_heads")
    block = lru // heads
    gates = 2 * (heads * block * block + heads * block) + lru
    return {"mixer": 3 * lru * width + 2 * lru + width + lru * (_first(fields, "conv1d_width") + 1) + gates}


def _rwkv(fields: Fields, width: int) -> Counts:
    """RWKV-4 (Peng et al. 2023): time mixing, then channel mixing."""
    inner = _first(fields, "attention_hidden_size", otherwise=width)
    middle = _first(fields, "intermediate_size", otherwise=4 * width)
    return {
        "mixer": 4 * inner * width + 2 * inner + 3 * width,
        "mlp": 2 * middle * width + width * width + 2 * width,
    }


def _mlstm(fields: Fields, width: int) -> Counts:
    """The mLSTM of xLSTM-7B (Beck et al. 2025) and the MLP of its layer."""
    heads = _first(fields, "num_heads", "num_attention_heads")

    def share(name: str, otherwise: float) -> int:
        value = fields.value(name)
        return int((otherwise if value is None else positive_float(value, fields.where(name))) * width)

    keys, values = share("qk_dim_factor", 0.5), share("v_dim_factor", 1.0)
    step = _first(fields, "ffn_round_up_to_multiple_of", otherwise=64)
    middle = math.ceil(share("ffn_proj_factor", 2.667) / step) * step
    mixer = (2 * keys + 3 * values + 2 * heads) * width + 2 * heads
    return {"mixer": mixer, "mlp": 3 * middle * width, "norm": values}


def _unknown(fields: Fields, width: int) -> Counts:
    """As much as four square matrices: what attention would have."""
    return {"mixer": 4 * width * width}


_TELLING: Final = (
    ("kda", "linear_attn_config"),
    ("delta", "linear_num_value_heads"),
    ("convolution", "conv_L_cache"),
    ("mamba2", "mamba_n_heads"),
    ("mamba2", "mamba_num_heads"),
    ("mamba", "mamba_dt_rank"),
    ("mamba", "time_step_rank"),
)
"""(mixer, a field that only it has)."""

_MIXERS: Final[Mapping[str, Callable[[Fields, int], Counts]]] = {
    "mamba": _mamba,
    "mamba2": _mamba2,
    "delta": _delta,
    "kda": _kda,
    "lightning": _lightning,
    "convolution": _convolution,
    "rg_lru": _rg_lru,
    "rwkv": _rwkv,
    "mlstm": _mlstm,
    "unknown": _unknown,
}

_MATRICES: Final[Mapping[str, Callable[[Fields, int], list[tuple[str, int, int]]]]] = {
    "mamba2": _mamba2_matrices,
    "delta": _delta_matrices,
    "convolution": _convolution_matrices,
}
