"""The RoPE of each layer by its kind, or none, never an invented one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ropescope.errors import FormatError
from ropescope.models.config.fields import Fields, positive_float, positive_int, short
from ropescope.models.config.kinds import rope_switches
from ropescope.models.config.positions import positions_of
from ropescope.models.config.rope_fields import (
    BY_LAYER_TYPE,
    FILLS_ENTRIES,
    FIXED_FRACTION,
    FIXED_THETA,
    FRACTION_NAMES,
    base_names,
    base_of_bare_entry,
    reads_rope_scaling,
    share_names,
    stretches_base,
    turns_a_share,
)
from ropescope.models.config.rope_otherwise import base_of_makers
from ropescope.models.model import LayerKind, Rope

LAYER_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "full": ("full_attention", "indexed_attention", "compress", "main", "hybrid"),
    "sliding": ("sliding_attention", "local_attention", "hybrid_sliding", "main"),
    "chunked": ("chunked_attention",),
}
"""The words under which `rope_parameters` keeps what differs by kind of layer."""

# Gemma 3 and its like: rope_scaling stretches the full layers only, and the stated context is the stretched one.
SCALES_FULL_ONLY: Final = frozenset({"deepseek_v4", "gemma3_text", "gemma3n_text", "olmo3"})
# Full layers have no RoPE at all where others slide.
NOPE_IN_FULL: Final = frozenset({"afmoe", "cohere2", "cohere2_moe", "flint"})
NOPE_IN_FULL_IF_WINDOWED: Final = frozenset({"exaone4", "exaone_moe", "kolibri1"})

_SCALING_TYPES_WITHOUT_EFFECT: Final = frozenset({"default", "mrope"})


def ropes(fields: Fields, kinds: tuple[LayerKind, ...], head_dims: tuple[int, ...]) -> tuple[Rope | None, ...]:
    """The Rope of each layer; None where it has no attention heads or no rotary positions. Raises FormatError."""
    if positions_of(fields) != "rope":
        return (None,) * len(kinds)
    switches = rope_switches(fields, len(kinds)) if fields.model_type in ("llama4_text", "smollm3") else None
    if switches is None and fields.config.get("no_rope_layers"):
        switches = rope_switches(fields, len(kinds))
    bare = fields.model_type in NOPE_IN_FULL or (fields.model_type in NOPE_IN_FULL_IF_WINDOWED and "sliding" in kinds)
    own_theta, own_share = _theta_by_layer(fields, len(kinds)), _share_by_layer(fields, len(kinds))
    found: list[Rope | None] = []
    for index, (kind, head_dim) in enumerate(zip(kinds, head_dims, strict=True)):
        without = head_dim == 0 or (bare and kind == "full") or (switches is not None and not switches[index])
        without = without or kind == "cross" or _is_switched_off(fields, kind)
        theta = own_theta[index]
        if without or theta == 0:
            found.append(None)
            continue
        rope = _rope(fields, kind, head_dim)
        rope = rope if theta is None else replace(rope, theta=theta)
        found.append(rope if own_share[index] is None else replace(rope, rotary_fraction=own_share[index] or 1.0))
    return tuple(found)


def _theta_by_layer(fields: Fields, n_layers: int) -> tuple[float | None, ...]:
    """The base that `layer_rope_theta`, or a `rope_theta` that lists them, gives each layer (0: it has no RoPE); None where
    neither does."""
    name = "rope_theta" if isinstance(fields.config.get("rope_theta"), list) else "layer_rope_theta"
    stated = fields.config.get(name)
    if stated is None:
        return (None,) * n_layers
    where = fields.label(name)
    if not isinstance(stated, list | tuple) or len(stated) < n_layers:
        raise FormatError(f"{where} is {short(stated)}: it must list a base for each of the {n_layers} layers.")
    return tuple(
        0.0 if not theta else positive_float(theta, f"{where}[{index}]")
        for index, theta in enumerate(stated[:n_layers])
    )


def _share_by_layer(fields: Fields, n_layers: int) -> tuple[float | None, ...]:
    """The share of a head that `partial_rotary_factors` gives each layer; None where it gives none."""
    stated = fields.config.get("partial_rotary_factors")
    if stated is None:
        return (None,) * n_layers
    where = fields.label("partial_rotary_factors")
    if not isinstance(stated, list) or len(stated) < n_layers:
        raise FormatError(f"{where} is {short(stated)}: it must list a share for each of the {n_layers} layers.")
    return tuple(_share(share, f"{where}[{index}]") for index, share in enumerate(stated[:n_layers]))


def _rope(fields: Fields, kind: LayerKind, head_dim: int) -> Rope:
    parameters, where = _parameters(fields, kind)
    theta = _theta(fields, kind, parameters, where)
    fraction = _fraction(fields, kind, parameters, where, head_dim)
    if stretches_base(fields, parameters):
        alpha, turning = positive_float(parameters["alpha"], f"{where}.alpha"), int(head_dim * fraction + 1e-9)
        if turning <= 2:
            raise FormatError(f"{where}.alpha stretches the base of {turning} rotary dimensions: it takes more than 2.")
        stretched = theta * alpha ** (turning / (turning - 2))
        fields.remark(
            f"{where}.alpha stretches the RoPE base from {theta:,.0f} to {stretched:,.0f}, whatever the length."
        )
        return Rope(stretched, None, fraction)
    return Rope(theta, _scaling(fields, kind, parameters, where), fraction)


def _is_switched_off(fields: Fields, kind: LayerKind) -> bool:
    """Whether `rope_parameters`, the file's or the class's own, says null for this kind of layer, and not for another."""
    value = fields.config.get("rope_parameters")
    value = fields.family.get("rope_parameters") if value is None else value
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
        if name == "rope_scaling" and not reads_rope_scaling(fields.model_type):
            continue
        nested = {key: part for key, part in value.items() if isinstance(part, Mapping)}
        words = LAYER_WORDS.get(kind, ())
        chosen = next((word for word in words if word in nested), None)
        if chosen is not None:
            return nested[chosen], f"{fields.label(name)}.{chosen}"
        if any(word in nested for group in LAYER_WORDS.values() for word in group):
            return {}, fields.label(name)
        if kind != "full" and _is_for_full(fields, name):
            continue
        if fields.model_type in BY_LAYER_TYPE and name == "rope_parameters":
            continue
        return _scaled_for(fields, value), fields.label(name)
    return {}, fields.label("rope_parameters")


def _is_for_full(fields: Fields, name: str) -> bool:
    """Whether what stands in the field `name`, in one entry, is for the layers that see everything alone."""
    if name == "rope_parameters":
        return fields.model_type == "deepseek_v4"
    return fields.model_type in SCALES_FULL_ONLY or fields.model_type == "step3p5"


def _scaled_for(fields: Fields, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """A flat entry as the class of its type completes it."""
    if fields.model_type != "deepseek_v4":
        return entry
    beside = {name: value for name, value in entry.items() if name not in ("rope_theta", "partial_rotary_factor")}
    if beside.get("rope_type", beside.get("type")) == "yarn":
        return {"attention_factor": 1.0, **beside}  # its reference multiplies no cosine by YaRN's factor
    return beside


def _has_entry(fields: Fields, parameters: Mapping[str, Any]) -> bool:
    """Whether the file states an entry, be it an empty one: the class then does not take its own."""
    return bool(parameters) or fields.config.get("rope_parameters") == {}


def _theta(fields: Fields, kind: LayerKind, parameters: Mapping[str, Any], where: str) -> float:
    of_makers, name = base_of_makers(fields)
    if of_makers is not None:
        return positive_float(of_makers, fields.label(name))
    if parameters.get("rope_theta") is not None:
        return positive_float(parameters["rope_theta"], f"{where}.rope_theta")
    places: list[Mapping[str, Any]] = [fields.config]
    if isinstance(attention := fields.config.get("attn_config"), Mapping):
        places.append(attention)
    family = fields.family.get("rope_parameters", {})
    by_kind = _by_kind(family, kind)
    for place in places:
        for name in base_names(fields, kind, has_entry=_has_entry(fields, parameters)):
            if place.get(name) is not None and not isinstance(place[name], list):
                return positive_float(place[name], fields.label(name))
    default = (by_kind or family).get("rope_theta") or FIXED_THETA.get(fields.model_type)
    if _has_entry(fields, parameters) and (bare := base_of_bare_entry(fields)) is not None:
        default = bare
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
    family = fields.family.get("rope_parameters", {})
    by_kind = _by_kind(family, kind)
    for name in FRACTION_NAMES:
        if fields.config.get(name) is not None:
            _share(fields.config[name], fields.label(name))
    proportional = (parameters or by_kind or family).get("rope_type") == "proportional"
    stated: tuple[Any, str] | None = None
    if parameters.get("partial_rotary_factor") is not None and (proportional or turns_a_share(fields)):
        stated = parameters["partial_rotary_factor"], f"{where}.partial_rotary_factor"
    names = share_names(fields, has_entry=_has_entry(fields, parameters))
    for name in names:
        if stated is None and name != "rotary_dim" and fields.config.get(name) is not None:
            stated = fields.config[name], fields.label(name)
    if stated is not None:
        return _share(*stated)
    if (
        fields.model_type == "deepseek_v4"
        and (turning := fields.integer("qk_rope_head_dim")) is not None
        and turning <= head_dim
    ):
        return turning / head_dim
    if "rotary_dim" in names and (dim := fields.integer("rotary_dim")) is not None:
        if dim > head_dim:
            raise FormatError(f"{fields.where('rotary_dim')} is {dim}, more than a head's {head_dim} dimensions.")
        return dim / head_dim
    if not (proportional or turns_a_share(fields)) or (
        by_kind is not None and parameters and fields.model_type not in FILLS_ENTRIES
    ):
        return 1.0  # what a class has by type of layer goes with its own entries, not with those of the file
    default = (by_kind or family).get("partial_rotary_factor", FIXED_FRACTION.get(fields.model_type))
    if isinstance(default, int | float) and default != 1:
        fields.assume("partial_rotary_factor", default)
        return float(default)
    return 1.0


def _share(value: Any, where: str) -> float:
    fraction = positive_float(value, where)
    if fraction > 1:
        raise FormatError(f"{where} is {short(value)}: a share of a head's dimensions is at most 1.")
    return fraction


def _scaling(
    fields: Fields, kind_of_layer: LayerKind, parameters: Mapping[str, Any], where: str
) -> Mapping[str, Any] | None:
    """The scaling with its kind under `rope_type`, without base and fraction; None where nothing is scaled."""
    source = parameters
    if not parameters and not fields.config.get("rope_scaling") and fields.config.get("rope_parameters") is None:
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
    if kind == "su" or (kind == "yarn" and source.get("long_factor")):
        kind = "longrope"  # the names it had in the first Phi-3 files
    if (factor := source.get("factor")) is not None:
        positive_float(factor, f"{where}.factor")
    if (original := source.get("original_max_position_embeddings")) is not None:
        positive_int(original, f"{where}.original_max_position_embeddings")
    left_out = {"type", "rope_type", "rope_theta", "partial_rotary_factor"}
    return {"rope_type": kind, **{key: value for key, value in source.items() if key not in left_out}}
