"""From a config (the dict of config.json) to a Model, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ropescope.errors import FormatError
from ropescope.models.config_fields import Fields, positive_int, text_part
from ropescope.models.context import Context, context_of
from ropescope.models.layer_kinds import kinds_beside, layer_kinds
from ropescope.models.model import ATTENTION_KINDS, Layer, LayerKind, Model
from ropescope.models.rope_fields import positions_of, ropes
from ropescope.models.source import Source

# These keep one shared attention block that reads the hidden state beside the embedding: twice the width.
_DOUBLE_WIDTH: Final = frozenset({"zamba", "zamba2"})


def from_config(config: Mapping[str, Any], *, name: str | None = None, source: Source | None = None) -> Model:
    """The Model that a config describes.

    `name` defaults to the source's. Facts the file does not state are taken from what transformers assumes for its
    model type and listed in `Model.assumed`. Raises FormatError naming the field for values that cannot be, and for
    encoder-decoder models, which have no single stack of layers.
    """
    if not isinstance(config, Mapping):
        raise FormatError(f"a config is an object of fields, not {type(config).__name__}: give a model's config.json.")
    if config.get("is_encoder_decoder") is True:
        raise FormatError(f"{config.get('model_type', 'this model')} is an encoder-decoder, which is not read yet.")
    part, model_type, path = text_part(config)
    fields = Fields(part, model_type, path)
    n_layers = _n_layers(fields)
    kinds = layer_kinds(fields, n_layers)
    hidden_size = fields.integer("hidden_size")
    attends = any(kind in ATTENTION_KINDS for kind in kinds)
    layers = _layers(fields, kinds, hidden_size)
    positions = positions_of(fields) if attends else "none"
    if source is None:
        stated = config.get("_name_or_path") or config.get("model_type")
        source = Source("dict", name or (stated if isinstance(stated, str) else "config"), config=dict(config))
    return Model(
        name=name or source.name,
        source=source,
        model_type=model_type,
        layers=layers,
        context=_context(fields, attends, layers),
        vocab_size=fields.integer("vocab_size"),
        hidden_size=hidden_size,
        config=dict(config),
        positions=positions,
        assumed=fields.assumed,
        notes=(*source.notes, *_notes(fields, positions)),
    )


def _n_layers(fields: Fields) -> int:
    if fields.model_type == "nemotron_h":
        # The pattern is the truth there; num_hidden_layers may be left at its default.
        for value in (fields.stated("layer_types"), fields.config.get("hybrid_override_pattern")):
            if isinstance(value, list | tuple | str) and value:
                return positive_int(len(value), fields.label("hybrid_override_pattern"), 4096)
    return fields.required("num_hidden_layers")


def _layers(fields: Fields, kinds: tuple[LayerKind, ...], hidden_size: int | None) -> tuple[Layer, ...]:
    n_layers = len(kinds)
    beside = kinds_beside(fields, kinds)
    if not any(kind in ATTENTION_KINDS or kind == "cross" for kind in kinds):
        return tuple(Layer(index, kind, 0, 0, 0, beside=beside[index]) for index, kind in enumerate(kinds))
    heads = fields.per_layer("num_attention_heads", n_layers) or (fields.required("num_attention_heads"),)
    kv_heads = _kv_heads(fields, heads)
    dims = _head_dims(fields, kinds, heads, hidden_size)
    attending = [kind in ATTENTION_KINDS or kind == "cross" for kind in kinds]
    for index, (n_heads, n_kv_heads) in enumerate(zip(heads, kv_heads, strict=True)):
        if n_heads % n_kv_heads:
            raise FormatError(
                f"{fields.where('num_attention_heads')} is {n_heads} and {fields.where('num_key_value_heads')} is "
                f"{n_kv_heads} (layer {index}): the heads must divide evenly among the KV heads."
            )
    dims = tuple(dim if here else 0 for dim, here in zip(dims, attending, strict=True))
    rope_of = ropes(fields, kinds, dims)
    return tuple(
        Layer(
            index=index,
            kind=kind,
            n_heads=heads[index] if attending[index] else 0,
            n_kv_heads=kv_heads[index] if attending[index] else 0,
            head_dim=dims[index],
            window_tokens=_window(fields, kind),
            rope=rope_of[index],
            beside=beside[index],
        )
        for index, kind in enumerate(kinds)
    )


def _kv_heads(fields: Fields, heads: tuple[int, ...]) -> tuple[int, ...]:
    if fields.model_type in ("falcon", "gpt_bigcode") and not fields.flag("new_decoder_architecture"):
        # Here num_kv_heads is read only in the new architecture.
        return (1,) * len(heads) if fields.flag("multi_query") else heads
    if fields.model_type == "chatglm" and not fields.flag("multi_query_attention"):
        return heads
    return fields.per_layer("num_key_value_heads", len(heads)) or heads


def _head_dims(
    fields: Fields, kinds: tuple[LayerKind, ...], heads: tuple[int, ...], hidden_size: int | None
) -> tuple[int, ...]:
    """The dimensions of a query or key head, for each layer."""
    if (latent := fields.latent_head_dims()) is not None:
        return (sum(latent),) * len(heads)
    stated = fields.per_layer("head_dim", len(heads))
    if stated is not None:
        full = fields.integer("global_head_dim")
        return stated if full is None else tuple(
            full if kind == "full" else dim for kind, dim in zip(kinds, stated, strict=True)
        )  # fmt: skip
    hidden_size = hidden_size or fields.required("hidden_size")
    width = hidden_size * (2 if fields.model_type in _DOUBLE_WIDTH else 1)
    for n_heads in heads:
        if width % n_heads:
            raise FormatError(
                f"{fields.where('hidden_size')} is {hidden_size} and {fields.where('num_attention_heads')} is {n_heads}"
                ": the width must divide evenly among the heads, or head_dim must be given."
            )
    return tuple(width // n_heads for n_heads in heads)


def _window(fields: Fields, kind: LayerKind) -> int | None:
    if kind == "sliding":
        tokens = fields.required("sliding_window")
        if fields.model_type == "modernbert":
            return tokens // 2 * 2 + 1  # local_attention counts both sides; half of it is seen on each
        if fields.model_type == "modernbert-decoder" and fields.found.get("sliding_window") != "sliding_window":
            return max(1, tokens // 2)
        return tokens
    return fields.required("attention_chunk_size") if kind == "chunked" else None


def _context(fields: Fields, attends: bool, layers: tuple[Layer, ...]) -> Context:
    if not attends and fields.stated("max_position_embeddings") is None:
        return Context()
    configured = fields.integer("max_position_embeddings")
    field = fields.where("max_position_embeddings") if configured is not None else ""
    scaling = next((layer.rope.scaling for layer in layers if layer.rope is not None and layer.rope.scaling), None)
    name = "original_max_position_embeddings"
    for place, where in (
        (scaling or {}, f"{fields.label('rope_parameters')}.{name}"),
        (fields.config, fields.label(name)),
    ):
        if (original := place.get(name)) is not None:
            return context_of(configured, field, scaling, positive_int(original, where), where)
    return context_of(configured, field, scaling, None, "")


def _notes(fields: Fields, positions: str) -> tuple[str, ...]:
    notes: list[str] = []
    if not fields.known:
        kind = (
            f"model type {fields.model_type!r} is unknown here" if fields.model_type else "the config has no model_type"
        )
        notes.append(f"{kind}: it was read by the common field names.")
    if positions == "unknown":
        notes.append("the config does not say how positions enter, so no RoPE is assumed.")
    words = fields.stated("layer_types")
    if isinstance(words, list | tuple) and any("sparse" in str(word) or "indexed" in str(word) for word in words):
        notes.append("some layers attend to a part of the earlier tokens that an index picks; they are shown as full.")
    return tuple(notes)
