"""From a config (the dict of config.json) to a Model, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ropescope.errors import FormatError
from ropescope.models.cache import LayerCache
from ropescope.models.config.bearing import unread
from ropescope.models.config.caches import layer_cache
from ropescope.models.config.compressed import compression_rates
from ropescope.models.config.encoder_decoders import encoder_decoder, is_encoder_decoder
from ropescope.models.config.encoders import is_encoder
from ropescope.models.config.experts import experts_of
from ropescope.models.config.fields import MOST_OTHERWISE, SAME_NETWORK, Fields, positive_int, text_part
from ropescope.models.config.heads import heads_of, kv_sources, latents_of
from ropescope.models.config.kinds import kinds_beside, layer_kinds
from ropescope.models.config.positions import positions_of
from ropescope.models.config.rope_fields import unread_rope
from ropescope.models.config.rope_otherwise import read_otherwise
from ropescope.models.config.ropes import SCALES_FULL_ONLY, ropes
from ropescope.models.config.sparse import sparse_of
from ropescope.models.context import Context, context_of
from ropescope.models.model import ATTENTION_KINDS, Layer, LayerKind, Model
from ropescope.models.source import Source


def from_config(config: Mapping[str, Any], *, name: str | None = None, source: Source | None = None) -> Model:
    """The Model that a config describes.

    `name` defaults to the source's. Facts the file does not state are taken from what transformers assumes for its
    model type and listed in `Model.assumed`. Raises FormatError naming the field for values that cannot be, and for
    encoder-decoders of a type not known here; the layers of the others are those of their decoder.
    """
    if not isinstance(config, Mapping):
        raise FormatError(f"a config is an object of fields, not {type(config).__name__}: give a model's config.json.")
    if source is None:
        stated = config.get("_name_or_path") or config.get("model_type")
        source = Source("dict", name or (stated if isinstance(stated, str) else "config"), config=dict(config))
    if is_encoder_decoder(config):
        return encoder_decoder(config, source, name or source.name)
    part, model_type, path = text_part(config)
    fields = Fields(part, model_type, path)
    n_layers = _n_layers(fields)
    kinds = layer_kinds(fields, n_layers)
    hidden_size = fields.integer("hidden_size")
    attends = any(kind in ATTENTION_KINDS for kind in kinds)
    causal = not is_encoder(config, fields)
    layers = _layers(fields, kinds)
    if not causal:
        layers = tuple(replace(layer, cache=LayerCache()) for layer in layers)
    positions = positions_of(fields) if attends else "none"
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
        causal=causal,
        unread=unread(config, fields),
        assumed=fields.assumed,
        notes=(*source.notes, *_notes(fields, positions, kinds, layers)),
    )


def _n_layers(fields: Fields) -> int:
    if fields.model_type == "nemotron_h":
        # The pattern is the truth there; num_hidden_layers may be left at its default.
        for value in (fields.stated("layer_types"), fields.config.get("hybrid_override_pattern")):
            if isinstance(value, list | tuple | str) and value:
                return positive_int(len(value), fields.label("hybrid_override_pattern"), 4096)
    if fields.model_type == "longcat_flash" and (double := fields.integer("num_layers")) is not None:
        return 2 * double  # each of its layers attends twice
    return fields.required("num_hidden_layers")


def _layers(fields: Fields, kinds: tuple[LayerKind, ...]) -> tuple[Layer, ...]:
    beside = kinds_beside(fields, kinds)
    heads = heads_of(fields, kinds)
    rope_of = ropes(fields, kinds, tuple(own.head_dim for own in heads))
    shared = kv_sources(fields, kinds)
    latents = latents_of(fields, kinds)
    experts = experts_of(fields, len(kinds))
    rates = compression_rates(fields, len(kinds))
    sparse = sparse_of(fields, kinds, rates)
    layers: list[Layer] = []
    for index, kind in enumerate(kinds):
        own, window = heads[index], _window(fields, kind)
        latent_here = latents[index] if own.n_heads else None
        if latent_here is not None and rope_of[index] is None and fields.model_type == "mistral_large4_text":
            latent_here = replace(latent_here, rotary_dim=0)  # its layers without RoPE keep no rotary key
        layers.append(
            Layer(
                index=index,
                kind=kind,
                n_heads=own.n_heads,
                n_kv_heads=own.n_kv_heads,
                head_dim=own.head_dim,
                window_tokens=window,
                rope=rope_of[index],
                beside=beside[index],
                value_dim=own.value_dim,
                latent=latent_here,
                kv_source=shared[index],
                experts=experts[index],
                tokens_per_entry=rates[index],
                sparse=sparse[index],
                cache=layer_cache(
                    fields,
                    kind,
                    beside[index],
                    own,
                    latent_here,
                    window,
                    sparse[index],
                    shared[index] is not None,
                    rates[index],
                ),
            )
        )
    return tuple(layers)


def _window(fields: Fields, kind: LayerKind) -> int | None:
    if kind == "sliding":
        tokens = fields.required("sliding_window")
        if fields.model_type == "mimo_v2_flash" and fields.found.get("sliding_window") == "sliding_window_size":
            return tokens + 1  # its first code counted the earlier tokens only
        if fields.model_type == "modernbert":
            return tokens // 2 * 2 + 1  # local_attention counts both sides; half of it is seen on each
        if fields.model_type == "modernbert-decoder" and fields.found.get("sliding_window") != "sliding_window":
            return max(1, tokens // 2)
        return tokens
    return fields.required("attention_chunk_size") if kind == "chunked" else None


_AFTER_PADDING: Final = frozenset(
    """
    camembert data2vec-text ibert layoutlmv3 lilt longformer luke markuplm mpnet roberta roberta-prelayernorm
    xlm-roberta xlm-roberta-xl xmod
    """.split()
)
"""Model types that count positions from the one after the padding token's: the rows before are no text's
(`create_position_ids_from_input_ids` of transformers, RobertaEmbedding of vLLM's roberta.py)."""


def _rows_before_the_first(fields: Fields) -> int:
    if fields.config.get("position_embedding_type") not in (None, "absolute"):
        return 0
    padding = fields.config.get("pad_token_id")
    return 1 + (padding if isinstance(padding, int) and padding >= 0 else 1)


def _model_max_length(fields: Fields) -> int | None:
    """What a config states beside `max_position_embeddings`, as Command R does: vLLM and SGLang take it for the context
    (`derive_max_model_len_and_key`, `get_context_length`)."""
    stated = fields.config.get("model_max_length")
    known = isinstance(stated, int) and not isinstance(stated, bool) and 1 <= stated <= MOST_OTHERWISE
    return stated if known else None


def _context(fields: Fields, attends: bool, layers: tuple[Layer, ...]) -> Context:
    if not attends and fields.stated("max_position_embeddings") is None:
        return Context()
    configured = fields.integer("max_position_embeddings")
    field = fields.where("max_position_embeddings") if configured is not None else ""
    if configured is not None and fields.model_type in _AFTER_PADDING:
        if (skipped := _rows_before_the_first(fields)) < configured:
            configured, field = configured - skipped, f"{field} - {skipped}"
    elif (own := _model_max_length(fields)) is not None:
        configured, field = own, fields.label("model_max_length")
    scaling = next((layer.rope.scaling for layer in layers if layer.rope is not None and layer.rope.scaling), None)
    name = "original_max_position_embeddings"
    for place, where in (
        (scaling or {}, f"{fields.label('rope_parameters')}.{name}"),
        (fields.config, fields.label(name)),
    ):
        if (original := place.get(name)) is not None:
            return context_of(configured, field, scaling, positive_int(original, where), where)
    return context_of(configured, field, scaling, None, "", scaled_already=fields.model_type in SCALES_FULL_ONLY)


def _notes(fields: Fields, positions: str, kinds: tuple[LayerKind, ...], layers: tuple[Layer, ...]) -> tuple[str, ...]:
    notes = list(fields.remarks)
    stated = fields.config.get("model_type")
    if isinstance(stated, str) and stated in SAME_NETWORK:
        notes.append(f"model type {stated!r} is the network of {SAME_NETWORK[stated]}, and is read as that.")
    if not fields.known:
        kind = (
            f"model type {fields.model_type!r} is unknown here" if fields.model_type else "the config has no model_type"
        )
        notes.append(f"{kind}: it was read by the common field names.")
    if positions == "unknown":
        notes.append("the config does not say how positions enter, so no RoPE is assumed.")
    notes += [
        f"{fields.label(name)} is not read by transformers for {fields.model_type}: {why}."
        for name, why in unread_rope(fields, kinds)
    ]
    notes += read_otherwise(fields)
    if tops := sorted({layer.sparse.top for layer in layers if layer.sparse is not None}):
        most = " or ".join(f"{top:,}" for top in tops)
        notes.append(f"in some layers a token reads at most {most} of the earlier ones, which an index picks.")
    return tuple(notes)
