"""Model: what a model's files say of its attention, layer by layer. Facts, no opinion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from ropescope.errors import FormatError
from ropescope.models.source import Source

SCHEMA = "ropescope.model/1"

LayerKind = Literal[
    "full", "sliding", "chunked", "linear", "state-space", "convolution", "recurrent", "cross", "none"
]  # fmt: skip
"""What mixes the tokens in a layer. full: every earlier token; sliding: the last `window_tokens`; chunked: the earlier
tokens of the same chunk of `window_tokens`; linear: linear attention; cross: another sequence; none: an MLP alone."""

ATTENTION_KINDS: frozenset[str] = frozenset({"full", "sliding", "chunked"})
"""Kinds with a softmax over earlier tokens of the same sequence: those with an attention pattern to measure."""


@dataclass(frozen=True, slots=True)
class Rope:
    """The rotary positions of a layer: base `theta`, `scaling` as in the config (its type under `rope_type`; None when
    there is none), and the share of each head's dimensions that turns."""

    theta: float
    scaling: Mapping[str, Any] | None = field(default=None, hash=False)
    rotary_fraction: float = 1.0


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer. `head_dim` is that of queries and keys. Heads and `head_dim` are 0 in a layer without attention heads.

    `window_tokens` counts the tokens a query can see, itself included (sliding), or the length of a chunk (chunked).
    `rope` is None where the layer has no rotary positions (ALiBi, learned positions, NoPE). `beside` names mixers that
    run in the same layer (a state-space path beside the attention of Falcon-H1).
    """

    index: int
    kind: LayerKind
    n_heads: int
    n_kv_heads: int
    head_dim: int
    window_tokens: int | None = None
    rope: Rope | None = None
    beside: tuple[LayerKind, ...] = ()

    @property
    def has_attention(self) -> bool:
        """Whether a softmax over earlier tokens takes place here."""
        return self.kind in ATTENTION_KINDS


@dataclass(frozen=True, slots=True)
class Model:
    """A model as its files describe it.

    `context_length` is the context in tokens that the files state, and `context_field` the field that states it ("" if
    none does); `original_context_length` is the one before RoPE scaling, where the scaling states it. `positions` is
    how order enters: "rope", "alibi", "learned", "sinusoidal", "relative", "none" or "unknown". `config` is the raw
    configuration (for GGUF, its metadata). `assumed` maps a name to why its value was not read from the file; `notes`
    are remarks on how the files were read.
    """

    name: str
    source: Source
    model_type: str
    layers: tuple[Layer, ...]
    context_length: int | None
    context_field: str
    vocab_size: int | None
    hidden_size: int | None
    config: Mapping[str, Any] = field(repr=False, hash=False)
    positions: str = "rope"
    original_context_length: int | None = None
    assumed: Mapping[str, str] = field(default_factory=dict, hash=False)
    notes: tuple[str, ...] = ()
    schema: str = SCHEMA

    @property
    def attention_layers(self) -> tuple[Layer, ...]:
        """The layers with a softmax over earlier tokens, in order."""
        return tuple(layer for layer in self.layers if layer.has_attention)

    @property
    def rope_thetas(self) -> tuple[float, ...]:
        """The RoPE bases in use, each once, largest first; empty if the model has no RoPE."""
        return tuple(sorted({layer.rope.theta for layer in self.layers if layer.rope is not None}, reverse=True))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` reads it back equal."""
        plain = asdict(self) | {"source": self.source.to_dict(), "config": dict(self.config)}
        plain["layers"] = [asdict(layer) | {"beside": list(layer.beside)} for layer in self.layers]
        return plain | {"assumed": dict(self.assumed), "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Model:
        """The Model that `to_dict` wrote. Raises FormatError for another schema or a missing or foreign field."""
        if data.get("schema") != SCHEMA:
            raise FormatError(f"schema is {data.get('schema')!r}, not {SCHEMA!r}: write the model again.")
        try:
            layers = tuple(_layer(entry) for entry in data["layers"])
            rest = {key: value for key, value in data.items() if key not in ("layers", "source", "notes")}
            return cls(layers=layers, source=Source.from_dict(data["source"]), notes=tuple(data["notes"]), **rest)
        except (KeyError, TypeError, AttributeError) as error:
            raise FormatError(f"the saved model does not fit {SCHEMA} ({error}): write it again.") from error


def _layer(entry: Mapping[str, Any]) -> Layer:
    if entry["kind"] not in get_args(LayerKind):
        raise FormatError(f"layer kind {entry['kind']!r} is unknown: write the model again.")
    rope = None if entry["rope"] is None else Rope(**entry["rope"])
    return Layer(**{**entry, "rope": rope, "beside": tuple(entry["beside"])})
