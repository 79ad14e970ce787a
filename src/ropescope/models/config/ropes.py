"""How order enters each layer: the RoPE of each kind of layer, or none, never an invented one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ropescope.errors import FormatError
from ropescope.models.config.fields import Fields, positive_float, positive_int, short
from ropescope.models.config.kinds import rope_switches
from ropescope.models.model import LayerKind, Rope

LAYER_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "full": ("full_attention", "compress", "main", "hybrid"),
    "sliding": ("sliding_attention", "local_attention", "hybrid_sliding", "main"),
    "chunked": ("chunked_attention",),
}
"""The words under which `rope_parameters` keeps what differs by kind of layer."""

THETA_NAMES: Final = ("rope_theta", "rotary_emb_base", "rope_base", "rotary_base", "global_rope_theta")
LOCAL_THETA_NAMES: Final = ("rope_local_base_freq", "local_rope_theta", "swa_rope_theta")
FRACTION_NAMES: Final = ("partial_rotary_factor", "rotary_pct", "rotary_percent", "rope_pct", "rope_percent")
# Rotary models whose base is written in their code, not in their config.
FIXED_THETA: Final[Mapping[str, float]] = {"gptj": 10000.0, "codegen": 10000.0, "roformer": 10000.0}
FIXED_FRACTION: Final[Mapping[str, float]] = {"gpt_neox": 0.25}
# Gemma 3 and its like: rope_scaling stretches the full layers only, and the stated context is the stretched one.
SCALES_FULL_ONLY: Final = frozenset({"deepseek_v4", "gemma3_text", "gemma3n_text", "olmo3"})
# Full layers have no RoPE at all where others slide.
NOPE_IN_FULL: Final = frozenset({"afmoe", "cohere2", "cohere2_moe", "flint"})
NOPE_IN_FULL_IF_WINDOWED: Final = frozenset({"exaone4", "exaone_moe", "kolibri1"})
POSITIONS: Final[Mapping[str, str]] = {
    "bloom": "alibi", "gpt2": "learned", "gpt_neo": "learned", "gpt_bigcode": "learned", "opt": "learned",
    "openai-gpt": "learned", "biogpt": "learned", "bert": "learned", "roberta": "learned", "xlm-roberta": "learned",
    "electra": "learned", "albert": "learned", "camembert": "learned", "distilbert": "learned", "ernie": "learned",
    "ctrl": "sinusoidal", "xglm": "sinusoidal", "xlnet": "relative", "deberta": "relative", "deberta-v2": "relative",
    "jamba": "none", "nemotron_h": "none", "zamba": "none", "kimi_linear": "none", "mamba": "none", "mamba2": "none",
    "falcon_mamba": "none", "rwkv": "none", "xlstm": "none",
}  # fmt: skip

_SCALING_TYPES_WITHOUT_EFFECT: Final = frozenset({"default", "mrope"})
_NAMES_THAT_PROVE_ROPE: Final = (
    *THETA_NAMES, *LOCAL_THETA_NAMES, "rope_parameters", "rope_scaling", "rotary_dim", "rotary_pct", "qk_rope_head_dim",
    "partial_rotary_factor",
)  # fmt: skip


def positions_of(fields: Fields) -> str:
    """How order enters: "rope", "alibi", "learned", "sinusoidal", "relative", "none", or "unknown"."""
    config, model_type = fields.config, fields.model_type
    alibi = fields.flag("alibi")
    if model_type == "mpt" and fields.flag("rope"):
        return "rope"
    if alibi is not None and model_type in ("falcon", "mpt", ""):
        return "alibi" if alibi else {"mpt": "learned"}.get(model_type, "rope")
    if model_type == "mpt":
        return "alibi"  # MPT's own default
    if alibi:
        return "alibi"
    if model_type == "granitemoehybrid":
        return "rope" if fields.value("position_embedding_type") == "rope" else "none"
    if model_type == "esm":
        return "rope" if config.get("position_embedding_type") == "rotary" else "learned"
    if (latent := fields.latent_head_dims()) is not None and latent[0] == 0:
        return "none"
    if model_type == "zamba2":
        return "rope" if fields.flag("use_mem_rope") else "none"
    if model_type in POSITIONS:
        return POSITIONS[model_type]
    if fields.family.get("rope_parameters") or model_type in FIXED_THETA:
        return "rope"
    if any(config.get(name) is not None for name in _NAMES_THAT_PROVE_ROPE):
        return "rope"
    kind = config.get("position_embedding_type")
    words = {"absolute": "learned", "learned": "learned", "alibi": "alibi", "rope": "rope", "rotary": "rope"}
    return words.get(kind, "unknown") if isinstance(kind, str) else "unknown"


def ropes(fields: Fields, kinds: tuple[LayerKind, ...], head_dims: tuple[int, ...]) -> tuple[Rope | None, ...]:
    """The Rope of each layer; None where it has no attention heads or no rotary positions. Raises FormatError."""
    if positions_of(fields) != "rope":
        return (None,) * len(kinds)
    switches = rope_switches(fields, len(kinds)) if fields.model_type in ("llama4_text", "smollm3") else None
    if switches is None and fields.config.get("no_rope_layers"):
        switches = rope_switches(fields, len(kinds))
    bare = fields.model_type in NOPE_IN_FULL or (
        fields.model_type in NOPE_IN_FULL_IF_WINDOWED and "sliding" in kinds
    )  # fmt: skip
    own_theta = _theta_by_layer(fields, len(kinds))
    found: list[Rope | None] = []
    for index, (kind, head_dim) in enumerate(zip(kinds, head_dims, strict=True)):
        without = head_dim == 0 or (bare and kind == "full") or (switches is not None and not switches[index])
        without = without or kind == "cross" or _is_switched_off(fields, kind)
        theta = own_theta[index]
        if without or theta == 0:
            found.append(None)
            continue
        rope = _rope(fields, kind, head_dim)
        found.append(rope if theta is None else replace(rope, theta=theta))
    return tuple(found)


def _theta_by_layer(fields: Fields, n_layers: int) -> tuple[float | None, ...]:
    """The base that `layer_rope_theta` gives each layer (0: it has no RoPE); None where it gives none."""
    stated = fields.config.get("layer_rope_theta")
    if stated is None:
        return (None,) * n_layers
    where = fields.label("layer_rope_theta")
    if not isinstance(stated, list | tuple) or len(stated) < n_layers:
        raise FormatError(f"{where} is {short(stated)}: it must list a base for each of the {n_layers} layers.")
    return tuple(
        0.0 if not theta else positive_float(theta, f"{where}[{index}]")
        for index, theta in enumerate(stated[:n_layers])
    )


def _rope(fields: Fields, kind: LayerKind, head_dim: int) -> Rope:
    parameters, where = _parameters(fields, kind)
    theta = _theta(fields, kind, parameters, where)
    fraction = _fraction(fields, kind, parameters, where, head_dim)
    return Rope(theta, _scaling(fields, kind, parameters, where), fraction)


def _is_switched_off(fields: Fields, kind: LayerKind) -> bool:
    """Whether `rope_parameters` says null for this kind of layer, beside an entry for another kind."""
    value = fields.config.get("rope_parameters")
    return isinstance(value, Mapping) and any(
        word in value and value[word] is None for word in LAYER_WORDS.get(kind, ())
    )


def _parameters(fields: Fields, kind: LayerKind) -> tuple[Mapping[str, Any], str]:
    """(what the file says of RoPE scaling and base for this kind of layer, the field it says it in)."""
    for name in ("rope_scaling", "rope_parameters"):
        value = fields.config.get(name)
        if not value:
            continue
        if not isinstance(value, Mapping):
            raise FormatError(f"{fields.label(name)} is {short(value)}: it must be an object.")
        nested = {key: part for key, part in value.items() if isinstance(part, Mapping)}
        words = LAYER_WORDS.get(kind, ())
        chosen = next((word for word in words if word in nested), None)
        if chosen is not None:
            return nested[chosen], f"{fields.label(name)}.{chosen}"
        if any(word in nested for group in LAYER_WORDS.values() for word in group):
            return {}, fields.label(name)
        if name == "rope_scaling" and kind != "full" and fields.model_type in SCALES_FULL_ONLY:
            continue
        return value, fields.label(name)
    return {}, fields.label("rope_parameters")


def _theta(fields: Fields, kind: LayerKind, parameters: Mapping[str, Any], where: str) -> float:
    if parameters.get("rope_theta") is not None:
        return positive_float(parameters["rope_theta"], f"{where}.rope_theta")
    local = kind in ("sliding", "chunked")
    places: list[Mapping[str, Any]] = [fields.config]
    if isinstance(attention := fields.config.get("attn_config"), Mapping):
        places.append(attention)
    family = fields.family.get("rope_parameters", {})
    by_kind = _by_kind(family, kind)
    names: tuple[str, ...] = (*LOCAL_THETA_NAMES, *THETA_NAMES) if local and by_kind is None else THETA_NAMES
    if local and by_kind is not None and fields.model_type != "olmo3":
        names = LOCAL_THETA_NAMES
    for place in places:
        for name in names:
            if place.get(name) is not None:
                return positive_float(place[name], fields.label(name))
    default = (by_kind or family).get("rope_theta") or FIXED_THETA.get(fields.model_type)
    if default is None:
        fields.assumed["rope_theta"] = "not in the file; 10000 is the base of the original RoPE"
        return 10000.0
    if fields.model_type in FIXED_THETA:
        fields.assumed["rope_theta"] = f"not in the file; the code of {fields.model_type} has it fixed at {default:g}"
    else:
        fields.assume(f"rope_theta ({kind})" if by_kind else "rope_theta", default)
    return float(default)


def _by_kind(family: Mapping[str, Any], kind: LayerKind) -> Mapping[str, Any] | None:
    """The part of a family's default RoPE parameters that is for one kind of layer, where they differ by kind."""
    return next((family[word] for word in LAYER_WORDS.get(kind, ()) if isinstance(family.get(word), Mapping)), None)


def _fraction(fields: Fields, kind: LayerKind, parameters: Mapping[str, Any], where: str, head_dim: int) -> float:
    if (latent := fields.latent_head_dims()) is not None:
        return latent[0] / sum(latent)
    stated: tuple[Any, str] | None = None
    if parameters.get("partial_rotary_factor") is not None:
        stated = parameters["partial_rotary_factor"], f"{where}.partial_rotary_factor"
    for name in FRACTION_NAMES:
        if stated is None and fields.config.get(name) is not None:
            stated = fields.config[name], fields.label(name)
    if stated is not None:
        fraction = positive_float(*stated)
        if fraction > 1:
            raise FormatError(f"{stated[1]} is {short(stated[0])}: a share of a head's dimensions is at most 1.")
        return fraction
    if (dim := fields.integer("rotary_dim")) is not None:
        if dim > head_dim:
            raise FormatError(f"{fields.where('rotary_dim')} is {dim}, more than a head's {head_dim} dimensions.")
        return dim / head_dim
    family = fields.family.get("rope_parameters", {})
    family = _by_kind(family, kind) or family
    default = family.get("partial_rotary_factor", FIXED_FRACTION.get(fields.model_type))
    if isinstance(default, int | float) and default != 1:
        fields.assume("partial_rotary_factor", default)
        return float(default)
    return 1.0


def _scaling(
    fields: Fields, kind_of_layer: LayerKind, parameters: Mapping[str, Any], where: str
) -> Mapping[str, Any] | None:
    """The scaling with its kind under `rope_type`, without base and fraction; None where nothing is scaled."""
    source = parameters
    if not parameters and not fields.config.get("rope_scaling") and not fields.config.get("rope_parameters"):
        family = fields.family.get("rope_parameters", {})
        family = _by_kind(family, kind_of_layer) or family
        if family.get("rope_type", "default") not in _SCALING_TYPES_WITHOUT_EFFECT:
            fields.assume("rope scaling", family["rope_type"])
            source = family
    kind = source.get("rope_type", source.get("type", "default"))
    if kind is not None and not isinstance(kind, str):
        raise FormatError(f"{where}.rope_type is {short(kind)}: it must be a word.")
    if kind is None or kind in _SCALING_TYPES_WITHOUT_EFFECT:
        return None
    if kind == "su":
        kind = "longrope"  # the name it had in the first Phi-3 files
    if (factor := source.get("factor")) is not None:
        positive_float(factor, f"{where}.factor")
    if (original := source.get("original_max_position_embeddings")) is not None:
        positive_int(original, f"{where}.original_max_position_embeddings")
    left_out = {"type", "rope_type", "rope_theta", "partial_rotary_factor"}
    return {"rope_type": kind, **{key: value for key, value in source.items() if key not in left_out}}
