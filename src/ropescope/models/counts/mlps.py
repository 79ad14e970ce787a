"""How many parameters follow the attention of a layer: a dense MLP, or experts with their router."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ropescope.models.config.experts import SHARED_WIDTH, first_value
from ropescope.models.config.fields import Fields, positive_float, positive_int
from ropescope.models.counts.designs import Design, is_on, whole
from ropescope.models.counts.mixers import Counts
from ropescope.models.model import Experts, Layer

WIDTHS: Final = (
    "intermediate_size",
    "ffn_dim",
    "n_inner",
    "dff",
    "ffn_hidden_size",
    "d_ff",
    "dim_ff",
    "encoder_ffn_dim",
    "ff_intermediate_size",
    "mlp_hidden_size",
)
EXPERT_WIDTHS: Final = ("moe_intermediate_size", "expert_ffn_hidden_size", "intermediate_size")
LATENT_WIDTHS: Final = ("routed_expert_hidden_size", "moe_latent_size")
"""The width that routed experts read where it is not the model's (Kimi K3, Nemotron 3)."""

_BOTH_HALVES: Final = frozenset({"hf_olmo", "moshi", "qwen", "recurrent_gemma"})
"""Model types that name the widths of both halves of their gated MLP together."""

FACTORS: Final = ("expansion_ratio", "intermediate_multiple_size")


def dense_counts(fields: Fields, design: Design, layer: Layer, width: int) -> Counts:
    """The parameters of a dense MLP."""
    middle = dense_width(fields, layer.index, width)
    if layer.kv_source is not None and fields.flag("use_double_wide_mlp") is True:
        middle *= 2
    return {"mlp": _mlp(design, middle, width) + is_on(fields, design.mlp_bias) * _biases(design, middle, width)}


def states_width(fields: Fields) -> bool:
    """Whether a config gives the width of its dense MLP, or a factor for it."""
    return any(fields.value(name) is not None for name in FACTORS) or first_value(fields, WIDTHS)[1] is not None


def expert_counts(fields: Fields, design: Design, experts: Experts, width: int) -> tuple[Counts, int]:
    """(the parameters of experts, router and shared experts; those of the experts that a token does not choose)."""
    middle, inner = expert_shape(fields, width)
    one = _mlp(design, middle, inner) + design.expert_bias * _biases(design, middle, inner)
    shared = shared_width(fields, experts, middle)
    router = experts.total * (width + design.router_bias + design.correction)
    counts = {"experts": experts.total * one, "mlp": _mlp(design, shared, width)}
    if "dense_beside_experts" in design.extras:
        counts["mlp"] += _mlp(design, dense_width(fields, 0, width), width)
        counts["norm"] = 3 * width
        router += width + experts.total
    if inner != width:  # into the narrower space of the experts, and back
        counts["mlp"] += 2 * inner * width + is_on(fields, design.mlp_bias) * (inner + width)
        if fields.flag("latent_moe_use_norm"):
            counts["norm"] = counts.get("norm", 0) + inner
    counts["router"] = router + (width if shared and design.shared_gate else 0)
    return counts, (experts.total - experts.active) * one


def dense_width(fields: Fields, index: int, width: int) -> int:
    """The width of the dense MLP of layer `index`, also where the file gives it as a factor of the hidden width."""
    if fields.model_type == "llama4_text":
        return fields.required("intermediate_size_mlp")
    if fields.model_type == "granitemoehybrid":
        return whole(fields, "shared_intermediate_size")
    for name in FACTORS:
        if (times := fields.value(name)) is not None:
            return int(positive_float(times, fields.where(name)) * width)
    name, value = first_value(fields, WIDTHS)
    if value is None:
        return 4 * width
    middle = _of_layer(fields, name, value, index)
    if fields.model_type == "lfm2":
        return _lfm2_width(fields, middle)
    return middle // 2 if fields.model_type in _BOTH_HALVES else middle


def expert_width(fields: Fields) -> int:
    """The width of one routed expert."""
    if isinstance(part := fields.config.get("ffn_config"), Mapping) and part.get("ffn_hidden_size") is not None:
        return positive_int(part["ffn_hidden_size"], fields.label("ffn_config.ffn_hidden_size"))
    name, value = first_value(fields, EXPERT_WIDTHS)
    return fields.required("intermediate_size") if value is None else _of_layer(fields, name, value, 0)


def expert_shape(fields: Fields, width: int) -> tuple[int, int]:
    """(the width of one routed expert, the width it reads and writes: the model's, or that of a latent space)."""
    name, value = first_value(fields, LATENT_WIDTHS)
    return expert_width(fields), width if value is None else positive_int(value, fields.where(name))


def _mlp(design: Design, middle: int, width: int) -> int:
    return (3 if design.gated else 2) * width * middle


def _biases(design: Design, middle: int, width: int) -> int:
    return (2 if design.gated else 1) * middle + width


def _of_layer(fields: Fields, name: str, value: Any, index: int) -> int:
    if isinstance(value, list | tuple) and value:
        value = value[min(index, len(value) - 1)]
    return positive_int(value, fields.where(name))


def _lfm2_width(fields: Fields, middle: int) -> int:
    if (stated := fields.config.get("block_ff_dim")) is not None:
        middle = positive_int(stated, fields.label("block_ff_dim"))
    if fields.flag("block_auto_adjust_ff_dim") is not True:
        return middle
    factor = fields.value("block_ffn_dim_multiplier")
    step = whole(fields, "block_multiple_of", 256)
    middle = int(2 * middle / 3)
    if factor is not None:
        middle = int(positive_float(factor, fields.where("block_ffn_dim_multiplier")) * middle)
    return step * -(-middle // step) if step else middle


def shared_width(fields: Fields, experts: Experts, middle: int) -> int:
    """The width of all experts together that every token passes through; `middle` is that of a routed one."""
    if not experts.shared:
        return 0
    name, value = first_value(fields, ("moe_shared_expert_intermediate_size", *SHARED_WIDTH))
    return experts.shared * middle if value is None else positive_int(value, fields.where(name))
