"""The heads of each layer: how many, how many for keys and values, and how wide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ropescope.errors import FormatError
from ropescope.models.config.fields import Fields, positive_int, short, whole_numbers
from ropescope.models.model import ATTENTION_KINDS, Latent, LayerKind

# These keep one shared attention block that reads the hidden state beside the embedding: twice the width.
_DOUBLE_WIDTH: Final = frozenset({"zamba", "zamba2"})
# Full layers have wider heads, whose width the classes know where the file does not state it.
_WIDE_IN_FULL: Final = frozenset({"diffusion_gemma_text", "gemma4_text", "gemma4_unified_text"})
# Sliding layers have twice the KV heads of the full ones, and the file need not say so.
_DOUBLE_KV_IN_SLIDING: Final = frozenset({"mimo_v2_flash"})


@dataclass(frozen=True, slots=True)
class Heads:
    """The heads of one layer; all 0 where none attend."""

    n_heads: int = 0
    n_kv_heads: int = 0
    head_dim: int = 0
    value_dim: int = 0


def attends(kind: LayerKind) -> bool:
    """Whether a layer of this kind has attention heads."""
    return kind in ATTENTION_KINDS or kind == "cross"


def heads_of(fields: Fields, kinds: tuple[LayerKind, ...]) -> tuple[Heads, ...]:
    """The heads of each layer. Raises FormatError for numbers that cannot be, naming field and layer."""
    n_layers = len(kinds)
    if not any(attends(kind) for kind in kinds):
        return (Heads(),) * n_layers
    heads = fields.per_layer("num_attention_heads", n_layers) or (fields.required("num_attention_heads"),)
    heads = _by_kind(fields, "num_attention_heads", kinds, heads)
    kv_heads = _kv_heads(fields, kinds, heads)
    for index, (n_heads, n_kv_heads) in enumerate(zip(heads, kv_heads, strict=True)):
        if attends(kinds[index]) and n_heads % n_kv_heads:
            raise FormatError(
                f"{fields.where('num_attention_heads')} is {n_heads} and {fields.where('num_key_value_heads')} is "
                f"{n_kv_heads} (layer {index}): the heads must divide evenly among the KV heads."
            )
    dims = _head_dims(fields, kinds, heads)
    value_dims = _value_dims(fields, kinds, dims)
    return tuple(
        Heads(heads[index], kv_heads[index], dims[index], value_dims[index]) if attends(kind) else Heads()
        for index, kind in enumerate(kinds)
    )


def latents_of(fields: Fields, kinds: tuple[LayerKind, ...]) -> tuple[Latent | None, ...]:
    """The ranks of multi-head latent attention, for each layer; None without it. Raises FormatError."""
    dims = fields.latent_head_dims()
    if dims is None:
        return (None,) * len(kinds)
    rank, queries = fields.required("kv_lora_rank"), fields.integer("q_lora_rank")
    ranks = _by_kind(fields, "kv_lora_rank", kinds, (rank,) * len(kinds))
    rotary = _rotary_dims(fields, kinds, dims[0])
    own = (
        (queries,) * len(kinds) if queries is None else _by_kind(fields, "q_lora_rank", kinds, (queries,) * len(kinds))
    )
    return tuple(Latent(*sizes) for sizes in zip(ranks, rotary, own, strict=True))


def _rotary_dims(fields: Fields, kinds: tuple[LayerKind, ...], common: int) -> tuple[int, ...]:
    """The rotary dimensions of a head under latent attention, for each layer; 0 for a design without them."""
    return _by_kind(fields, "qk_rope_head_dim", kinds, (common,) * len(kinds))


def kv_sources(fields: Fields, kinds: tuple[LayerKind, ...]) -> tuple[int | None, ...]:
    """For each layer, the layer whose keys and values it reads instead of its own.

    `kv_source_layers` lists them (Mistral Large 4), or the last `num_kv_shared_layers` read those of the last layer of
    their kind before them (Gemma 3n, Gemma 4). Raises FormatError for sources that cannot be.
    """
    listed = fields.config.get("kv_source_layers")
    if listed is not None:
        where = fields.label("kv_source_layers")
        sources = whole_numbers(listed, where, most=len(kinds) - 1)
        if len(sources) != len(kinds) or any(source > index for index, source in enumerate(sources)):
            raise FormatError(
                f"{where} must give each of {len(kinds)} layers itself or an earlier one: mend the config."
            )
        return tuple(None if source == index else source for index, source in enumerate(sources))
    value = fields.value("num_kv_shared_layers")
    if not value:
        return (None,) * len(kinds)
    (shared,) = whole_numbers([value], fields.label("num_kv_shared_layers"), most=len(kinds) - 1)
    first = len(kinds) - shared
    found: list[int | None] = [None] * first
    for index in range(first, len(kinds)):
        before = [earlier for earlier in range(first) if kinds[earlier] == kinds[index]]
        if not before:
            raise FormatError(
                f"{fields.label('num_kv_shared_layers')} is {shared}, but no {kinds[index]} layer comes before layer "
                f"{index} to share its keys and values: mend the config."
            )
        found.append(before[-1])
    return tuple(found)


def _by_kind(fields: Fields, name: str, kinds: tuple[LayerKind, ...], common: tuple[int, ...]) -> tuple[int, ...]:
    """`common` with the values that the file states for sliding layers (`swa_…`) and for single layers."""
    values = list(common)
    sliding = fields.integer(f"swa_{name}")
    if sliding is not None:
        values = [sliding if kind == "sliding" else value for kind, value in zip(kinds, values, strict=True)]
    overrides = fields.config.get("per_layer_config")
    if isinstance(overrides, Mapping):
        for key, part in overrides.items():
            where = f"{fields.label('per_layer_config')}.{key}"
            if not isinstance(part, Mapping) or not str(key).isdecimal() or int(key) >= len(kinds):
                raise FormatError(f"{where} is {short(part)}: it must be an object of fields for one of the layers.")
            if part.get(name) is not None:
                values[int(key)] = positive_int(part[name], f"{where}.{name}", 1 << 20)
    return tuple(values)


def _kv_heads(fields: Fields, kinds: tuple[LayerKind, ...], heads: tuple[int, ...]) -> tuple[int, ...]:
    if fields.model_type in ("falcon", "gpt_bigcode") and not fields.flag("new_decoder_architecture"):
        # Here num_kv_heads is read only in the new architecture.
        return (1,) * len(heads) if fields.flag("multi_query") else heads
    if fields.model_type == "chatglm" and not fields.flag("multi_query_attention"):
        return heads
    common = fields.per_layer("num_key_value_heads", len(heads)) or heads
    if fields.model_type in _DOUBLE_KV_IN_SLIDING and fields.stated("swa_num_key_value_heads") is None:
        common = tuple(2 * n if kind == "sliding" else n for kind, n in zip(kinds, common, strict=True))
    if fields.flag("attention_k_eq_v") and (full := fields.integer("num_global_key_value_heads")) is not None:
        common = tuple(full if kind == "full" else n for kind, n in zip(kinds, common, strict=True))
    return _by_kind(fields, "num_key_value_heads", kinds, common)


def _head_dims(fields: Fields, kinds: tuple[LayerKind, ...], heads: tuple[int, ...]) -> tuple[int, ...]:
    """The dimensions of a query or key head, for each layer."""
    if (latent := fields.latent_head_dims()) is not None:
        rotary, other = _rotary_dims(fields, kinds, latent[0]), (latent[1],) * len(heads)
        return tuple(map(sum, zip(rotary, _by_kind(fields, "qk_nope_head_dim", kinds, other), strict=True)))
    stated = fields.per_layer("head_dim", len(heads))
    if stated is not None:
        full = fields.integer("global_head_dim")
        if full is None and fields.model_type in _WIDE_IN_FULL and fields.config.get("per_layer_config") is None:
            full = 512
            fields.assume("global_head_dim", full)
        if full is not None:
            stated = tuple(full if kind == "full" else dim for kind, dim in zip(kinds, stated, strict=True))
        return _by_kind(fields, "head_dim", kinds, stated)
    hidden_size = fields.required("hidden_size")
    width = hidden_size * (2 if fields.model_type in _DOUBLE_WIDTH else 1)
    for n_heads in heads:
        if width % n_heads:
            raise FormatError(
                f"{fields.where('hidden_size')} is {hidden_size} and {fields.where('num_attention_heads')} is {n_heads}"
                ": the width must divide evenly among the heads, or head_dim must be given."
            )
    return tuple(width // n_heads for n_heads in heads)


def _value_dims(fields: Fields, kinds: tuple[LayerKind, ...], head_dims: tuple[int, ...]) -> tuple[int, ...]:
    common = fields.integer("v_head_dim")
    return _by_kind(fields, "v_head_dim", kinds, head_dims if common is None else (common,) * len(kinds))
