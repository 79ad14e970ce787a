"""Encoder-decoders (T5, BART, Whisper): what their decoder keeps of the text it writes, and of the one it was given.

A layer of the decoder keeps keys and values of its own tokens, and once those of the encoder's output. Speech comes in a
window of fixed length; a text is taken as as long as the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ropescope.errors import FormatError
from ropescope.models.cache import LayerCache
from ropescope.models.config.bearing import unread
from ropescope.models.config.fields import Fields, text_part
from ropescope.models.context import context_of
from ropescope.models.model import Layer, Model
from ropescope.models.source import Source

T5_LIKE: Final = frozenset({"t5", "mt5", "umt5", "longt5", "switch_transformers", "pop2piano"})
BART_LIKE: Final = frozenset(
    """
    bart bigbird_pegasus blenderbot blenderbot-small fsmt led m2m_100 marian mbart mvp nllb-moe pegasus pegasus_x
    plbart speech_to_text whisper
    """.split()
)
_SPEECH: Final = frozenset({"whisper"})
"""Types whose input is padded to one length, so that its keys and values always take the same room."""

_SINUSOIDAL: Final = frozenset({"fsmt", "m2m_100", "marian", "nllb-moe", "pegasus", "pegasus_x", "speech_to_text"})


def is_encoder_decoder(config: Mapping[str, Any]) -> bool:
    """Whether a config describes an encoder-decoder."""
    stated = config.get("is_encoder_decoder")
    return stated if isinstance(stated, bool) else str(config.get("model_type")) in T5_LIKE | BART_LIKE


def encoder_decoder(config: Mapping[str, Any], source: Source, name: str) -> Model:
    """The Model of an encoder-decoder: its layers are those of the decoder. Raises FormatError for types not known here."""
    model_type = text_part(config)[1]
    if model_type not in T5_LIKE | BART_LIKE:
        raise FormatError(f"{model_type or 'this model'} is an encoder-decoder of a type that is not read yet.")
    fields = Fields(config, model_type)
    width = fields.required("d_model")
    if model_type in T5_LIKE:
        n_layers = fields.integer("num_decoder_layers") or fields.required("num_layers")
        heads, dim = fields.required("num_heads"), fields.required("d_kv")
        tokens, field, positions = fields.config.get("n_positions"), "n_positions", "relative"
    else:
        n_layers, heads = fields.required("decoder_layers"), fields.required("decoder_attention_heads")
        if width % heads:
            raise FormatError(
                f"d_model is {width} and decoder_attention_heads is {heads}: the width must divide evenly."
            )
        dim, positions = width // heads, "sinusoidal" if model_type in _SINUSOIDAL else "learned"
        names = ("max_target_positions", "max_decoder_position_embeddings", "max_position_embeddings")
        field = next((entry for entry in names if fields.config.get(entry) is not None), names[-1])
        tokens = fields.config.get(field)
    inner = heads * dim
    if model_type in _SPEECH:
        window = fields.required("max_source_positions")
        cache = LayerCache(key_elements=inner, value_elements=inner, state_elements=2 * inner * window)
        said = f"its decoder keeps keys and values of {window:,} positions of speech, whatever the length of the text."
    else:
        cache = LayerCache(key_elements=2 * inner, value_elements=2 * inner)
        said = "its decoder keeps keys and values of the given text as well, which is taken as as long as the answer."
    layers = tuple(
        Layer(index, "full", heads, heads, dim, beside=("cross",), value_dim=dim, cache=cache)
        for index in range(n_layers)
    )
    return Model(
        name=name,
        source=source,
        model_type=model_type,
        layers=layers,
        context=context_of(fields.integer(field), field if tokens is not None else "", None, None, ""),
        vocab_size=fields.integer("vocab_size"),
        hidden_size=width,
        config=dict(config),
        positions=positions,
        unread=unread(config, fields),
        assumed=fields.assumed,
        notes=(*source.notes, f"{model_type} is an encoder-decoder; the layers are those of its decoder, and {said}"),
    )
