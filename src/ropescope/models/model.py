"""Model: what a model's files say of its attention, layer by layer. Facts, no opinion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Final, Literal, get_args

import ropescope.models.cache as cache
from ropescope.errors import FormatError
from ropescope.models.cache import LayerCache
from ropescope.models.context import Context
from ropescope.models.parameters import Parameters, Quantization, Weights
from ropescope.models.source import Source
from ropescope.models.tokenizer import Tokenizer
from ropescope.report.described import Described
from ropescope.report.numbers import binary_size, number
from ropescope.report.report import Fact, Report
from ropescope.report.schemas import newer

SCHEMA = "ropescope.model/2"

LayerKind = Literal["full", "sliding", "chunked", "linear", "state-space", "convolution", "recurrent", "cross", "none"]
"""What mixes the tokens in a layer. full: every earlier token; sliding: the last `window_tokens`; chunked: the earlier
tokens of the same chunk of `window_tokens`; linear: linear attention; cross: another sequence; none: an MLP alone."""

ATTENTION_KINDS: frozenset[str] = frozenset({"full", "sliding", "chunked"})
"""Kinds with a softmax over earlier tokens of the same sequence: those with an attention pattern to measure."""


POSITION_WORDS: Final = {
    "rope": "rotary positions",
    "alibi": "ALiBi's biases by distance",
    "none": "no positions at all",
    "unknown": "positions of a kind that its files do not name",
}


@dataclass(frozen=True, slots=True)
class Rope:
    """The rotary positions of a layer: base `theta`, `scaling` as in the config (its type under `rope_type`; None when
    there is none), and the share of each head's dimensions that turns."""

    theta: float
    scaling: Mapping[str, Any] | None = field(default=None, hash=False)
    rotary_fraction: float = 1.0


@dataclass(frozen=True, slots=True)
class Latent:
    """Multi-head latent attention: keys and values of all heads unfold from `kv_rank` numbers a token, beside
    `rotary_dim` rotary ones that the heads share; queries from `query_rank` numbers (None: straight from the state)."""

    kv_rank: int
    rotary_dim: int
    query_rank: int | None = None


@dataclass(frozen=True, slots=True)
class Experts:
    """A mixture of experts: `total` routed experts of which a token passes through `active`, beside `shared` ones that
    every token passes through."""

    total: int
    active: int
    shared: int = 0


@dataclass(frozen=True, slots=True)
class Sparse:
    """Sparse attention: a query reads at most `top` of the tokens it could (where older tokens are compressed, of the
    entries), once there are more than `dense_tokens`. An indexer picks them: `heads` queries of `head_dim` numbers are
    multiplied with one key for every `tokens_per_key` tokens. A layer with 0 heads reads what an earlier one picked."""

    top: int
    heads: int = 0
    head_dim: int = 0
    tokens_per_key: int = 1
    dense_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer. `head_dim` is that of queries and keys, `value_dim` that of values. Heads and dimensions are 0 in a
    layer without attention heads.

    `window_tokens` counts the tokens a query can see, itself included (sliding), or the length of a chunk (chunked).
    `rope` is None where the layer has no rotary positions (ALiBi, learned positions, NoPE). `beside` names mixers that
    run in the same layer (a state-space path beside the attention of Falcon-H1). `kv_source` is the layer whose keys
    and values this one reads instead of its own. Where older tokens are read in compressed form, one entry stands for
    `tokens_per_entry` of them. `sparse` says what a query reads where it is not all that it sees. `cache` is what the
    layer keeps of a sequence.
    """

    index: int
    kind: LayerKind
    n_heads: int
    n_kv_heads: int
    head_dim: int
    window_tokens: int | None = None
    rope: Rope | None = None
    beside: tuple[LayerKind, ...] = ()
    value_dim: int = 0
    latent: Latent | None = None
    kv_source: int | None = None
    experts: Experts | None = None
    tokens_per_entry: int | None = None
    sparse: Sparse | None = None
    cache: LayerCache = field(default_factory=LayerCache)

    @property
    def has_attention(self) -> bool:
        """Whether a softmax over earlier tokens takes place here."""
        return self.kind in ATTENTION_KINDS


@dataclass(frozen=True, slots=True, repr=False)
class Model(Described):
    """A model as its files describe it.

    `adapter_bytes` are those of the adapter of `source`, which `weights` do not count.
    `causal` is whether a token sees the earlier ones alone; an encoder reads the whole text at once and keeps no cache.
    `positions` is how order enters: "rope", "alibi", "learned", "sinusoidal", "relative", "none" or "unknown".
    `dtype` is the type the model computes in as its files say ("bfloat16", …; "" if they do not). `parameters` and
    `weights` are None where nothing tells them. `config` is the raw configuration (for GGUF, its metadata); `unread`
    names its fields that play no part in this Model. `assumed` maps a name to why its value was not read from the file;
    `notes` are remarks on how the files were read.
    """

    name: str
    source: Source
    model_type: str
    layers: tuple[Layer, ...]
    context: Context
    vocab_size: int | None
    hidden_size: int | None
    config: Mapping[str, Any] = field(repr=False, hash=False)
    positions: str = "rope"
    causal: bool = True
    dtype: str = ""
    parameters: Parameters | None = None
    weights: Weights | None = None
    adapter_bytes: int = 0
    tokenizer: Tokenizer | None = None
    licence: str | None = None
    quantization: Quantization | None = None
    unread: tuple[str, ...] = ()
    assumed: Mapping[str, str] = field(default_factory=dict, hash=False)
    notes: tuple[str, ...] = ()
    schema: str = SCHEMA

    @property
    def position_words(self) -> str:
        """How order enters, as a sentence says it: "rotary positions", "no positions at all"."""
        return POSITION_WORDS.get(self.positions, f"{self.positions} positions")

    @property
    def context_length(self) -> int | None:
        """The context in tokens that the files state as the model's own."""
        return self.context.configured

    @property
    def context_field(self) -> str:
        """The field that states it; "" if none does."""
        return self.context.configured_field

    def cache_bytes(
        self, length: int, *, key_type: str = "bf16", value_type: str | None = None, state_type: str = "bf16"
    ) -> int:
        """The bytes of cache for one sequence of `length` tokens; see `cache.cache_bytes`. Raises DomainError."""
        caches = (layer.cache for layer in self.layers)
        return cache.cache_bytes(caches, length, key_type=key_type, value_type=value_type, state_type=state_type)

    @property
    def attention_layers(self) -> tuple[Layer, ...]:
        """The layers with a softmax over earlier tokens, in order."""
        return tuple(layer for layer in self.layers if layer.has_attention)

    @property
    def rope_thetas(self) -> tuple[float, ...]:
        """The RoPE bases in use, each once, largest first; empty if the model has no RoPE."""
        return tuple(sorted({layer.rope.theta for layer in self.layers if layer.rope is not None}, reverse=True))

    def described(self) -> Report:
        """Its main facts; `show` has all of them."""
        count, longest, attending = self.parameters, self.context.longest, self.attention_layers
        kinds = Counter(layer.kind for layer in self.layers)
        heads = dict.fromkeys(f"{one.n_heads} over {one.n_kv_heads} KV heads of {one.head_dim}" for one in attending)
        bases = ", ".join(number(theta) for theta in self.rope_thetas)
        held = None if longest is None or not self.causal else binary_size(self.cache_bytes(longest))
        facts = (
            Fact("layers", ", ".join(f"{n} {kind}" for kind, n in kinds.items()), basis="config"),
            Fact("heads", " or ".join(heads) or None, basis="config"),
            Fact(
                "parameters",
                None if count is None else count.total,
                basis="config",
                source=count.source if count else "",
            ),
            Fact("weights", None if self.weights is None else binary_size(self.weights.n_bytes), basis="config"),
            Fact("positions", self.position_words + (f", base {bases}" if bases else ""), basis="config"),
            Fact("context", longest, "tokens", basis="config", source=self.context.configured_field),
            Fact("cache", held, basis="formula", source="exact for bf16 at that context"),
            Fact("vocabulary", self.vocab_size, basis="config"),
            Fact("licence", self.licence, basis="config"),
        )
        size = "" if count is None else f"; {count.total:,} parameters"
        reads = "" if longest is None else f"; {longest:,} tokens of context"
        return Report(
            title=self.model_type or "a model",
            verdict=f"{self.name}: {len(self.layers)} layers{size}{reads}.",
            facts=tuple(fact for fact in facts if fact.value is not None),
            caveats=tuple(f"{name}: {why}" for name, why in self.assumed.items()),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` reads it back equal."""
        plain = {entry.name: plain_data(getattr(self, entry.name)) for entry in fields(self)}
        return plain | {"source": self.source.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Model:
        """The Model that `to_dict` wrote. Raises FormatError for another schema or a missing or foreign field."""
        if (found := data.get("schema")) != SCHEMA:
            raise FormatError(f"schema is {found!r}, not {SCHEMA!r}: write the model again.{newer(found, SCHEMA)}")
        try:
            read = dict(data) | {
                "source": Source.from_dict(data["source"]),
                "layers": tuple(_layer(entry) for entry in data["layers"]),
                "context": Context(**data["context"]),
                "notes": tuple(data["notes"]),
                "unread": tuple(data["unread"]),
            }
            for name, kind in (("parameters", Parameters), ("weights", Weights), ("quantization", Quantization)):
                read[name] = None if data[name] is None else kind.from_dict(data[name])
            if (stated := data["tokenizer"]) is not None:
                ids = {name: tuple(ids) for name, ids in stated["special_ids"].items()}
                read["tokenizer"] = Tokenizer(**{**stated, "special_ids": ids})
            return cls(**read)
        except (KeyError, TypeError, AttributeError) as error:
            raise FormatError(f"the saved model does not fit {SCHEMA} ({error}): write it again.") from error


def plain_data(value: Any) -> Any:
    """`value` with dataclasses and tuples turned into dicts and lists."""
    if is_dataclass(value):
        return {entry.name: plain_data(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain_data(entry) for key, entry in value.items()}
    return [plain_data(entry) for entry in value] if isinstance(value, list | tuple) else value


def _layer(entry: Mapping[str, Any]) -> Layer:
    if entry["kind"] not in get_args(LayerKind):
        raise FormatError(f"layer kind {entry['kind']!r} is unknown: write the model again.")
    parts: dict[str, type[Any]] = {
        "rope": Rope,
        "latent": Latent,
        "experts": Experts,
        "sparse": Sparse,
        "cache": LayerCache,
    }
    # Models that were written before sparse attention was told have no such part.
    read = {name: None if entry.get(name) is None else kind(**entry[name]) for name, kind in parts.items()}
    return Layer(**{**entry, **read, "beside": tuple(entry["beside"])})
