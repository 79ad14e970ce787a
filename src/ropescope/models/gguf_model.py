"""From a GGUF header to a Model. The keys are `{architecture}.…`, as llama.cpp writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ropescope.errors import FormatError
from ropescope.models.config_fields import MOST_OTHERWISE, positive_float, positive_int, short
from ropescope.models.context import context_of
from ropescope.models.gguf import GGUFArray, GGUFHeader
from ropescope.models.model import Layer, LayerKind, Model, Rope
from ropescope.models.source import Source

DEFAULT_THETA: Final = 10000.0
"""llama.cpp's `rope_freq_base` when the file has none."""

STATE_SPACE: Final = frozenset({"mamba", "mamba2"})
RECURRENT: Final = frozenset({"rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"})
LEARNED: Final = frozenset({"gpt2", "starcoder", "bert", "roberta"})
ALIBI: Final = frozenset({"bloom", "mpt", "refact", "jina-bert-v2"})
NO_POSITIONS: Final = frozenset({"jamba", "nemotron_h"})
# Where the file has no pattern of windows, llama.cpp has it in its code: every n-th layer is full.
FULL_EVERY: Final[Mapping[str, int]] = {
    "gemma2": 2, "gpt-oss": 2, "gemma3": 6, "gemma3n": 5, "cohere2": 4, "olmo2": 4, "exaone4": 4,
}  # fmt: skip
# llama.cpp's own bases for the sliding layers, which the files do not carry.
LOCAL_THETA: Final[Mapping[str, float]] = {"gemma3": 10000.0, "gemma3n": 10000.0}
# Full layers have no RoPE in these.
NOPE_IN_FULL: Final = frozenset({"cohere2", "exaone4"})
# Every n-th layer has no RoPE in these.
NOPE_EVERY: Final[Mapping[str, int]] = {"llama4": 4, "smollm3": 4}
# Every n-th layer is softmax attention and the others are linear, unless the file says otherwise.
SOFTMAX_EVERY: Final[Mapping[str, int]] = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4}
ENCODER_DECODER: Final = frozenset({"t5", "t5encoder"})


class _Keys:
    """The metadata under one architecture, checked as it is read."""

    def __init__(self, header: GGUFHeader) -> None:
        self.architecture = header.architecture
        self.metadata = header.metadata
        self.assumed: dict[str, str] = {}

    def name(self, key: str) -> str:
        return f"{self.architecture}.{key}"

    def get(self, key: str) -> Any:
        return self.metadata.get(self.name(key))

    def integer(self, key: str, most: int = MOST_OTHERWISE) -> int | None:
        value = self.get(key)
        return None if value is None else positive_int(value, self.name(key), most)

    def required(self, key: str, most: int = MOST_OTHERWISE) -> int:
        value = self.integer(key, most)
        if value is None:
            raise FormatError(f"{self.name(key)} is missing from the GGUF metadata: convert the model again.")
        return value

    def number(self, key: str) -> float | None:
        value = self.get(key)
        return None if value is None else positive_float(value, self.name(key))

    def per_layer(self, key: str, n_layers: int) -> tuple[int, ...] | None:
        """One whole number a layer, stored as one number or as an array; 0 marks a layer without."""
        value = self.get(key)
        if value is None:
            return None
        if not isinstance(value, GGUFArray):
            return (positive_int(value, self.name(key), 1 << 16),) * n_layers
        if value.values is None or value.length < n_layers:
            raise FormatError(f"{self.name(key)} has {value.length} entries for {n_layers} layers: convert it again.")
        return tuple(
            0 if entry == 0 else positive_int(entry, f"{self.name(key)}[{index}]", 1 << 16)
            for index, entry in enumerate(value.values[:n_layers])
        )


def from_gguf(header: GGUFHeader, *, source: Source, name: str | None = None) -> Model:
    """The Model that a GGUF header describes; `name` defaults to the file's `general.name`, else the source's.

    Raises FormatError naming the key for what is missing or cannot be.
    """
    keys = _Keys(header)
    n_layers = keys.required("block_count", 4096)
    hidden_size = keys.integer("embedding_length")
    context = keys.integer("context_length")
    stated_name = header.metadata.get("general.name")
    layers, positions = _layers(keys, n_layers, hidden_size)
    return Model(
        name=name or (stated_name if isinstance(stated_name, str) and stated_name else source.name),
        source=source,
        model_type=keys.architecture,
        layers=layers,
        context=context_of(
            context,
            keys.name("context_length") if context is not None else "",
            next((layer.rope.scaling for layer in layers if layer.rope is not None and layer.rope.scaling), None),
            keys.integer("rope.scaling.original_context_length"),
            keys.name("rope.scaling.original_context_length"),
        ),
        vocab_size=_vocab_size(keys),
        hidden_size=hidden_size,
        config={key: _plain(value) for key, value in header.metadata.items()},
        positions=positions,
        assumed=keys.assumed,
        notes=source.notes,
    )


def _plain(value: Any) -> Any:
    """A metadata value as JSON can hold it; an array that was stepped over becomes its type and length."""
    if not isinstance(value, GGUFArray):
        return value
    if value.values is not None:
        return list(value.values)
    return {"array_of": value.element_type, "length": value.length}


def _vocab_size(keys: _Keys) -> int | None:
    stated = keys.integer("vocab_size")
    if stated is not None:
        return stated
    tokens = keys.metadata.get("tokenizer.ggml.tokens")
    return tokens.length if isinstance(tokens, GGUFArray) and tokens.length else None


def _layers(keys: _Keys, n_layers: int, hidden_size: int | None) -> tuple[tuple[Layer, ...], str]:
    whole: LayerKind | None = None
    if keys.architecture in STATE_SPACE:
        whole = "state-space"
    elif keys.architecture in RECURRENT:
        whole = "recurrent"
    if whole is not None:
        return tuple(Layer(index, whole, 0, 0, 0) for index in range(n_layers)), "none"
    if keys.architecture in ENCODER_DECODER:
        raise FormatError(f"{keys.architecture} is an encoder-decoder, which is not read yet.")
    heads = keys.per_layer("attention.head_count", n_layers) or (keys.required("attention.head_count"),)
    kv_heads = keys.per_layer("attention.head_count_kv", n_layers) or heads
    if keys.get("attention.key_length_mla") is not None:
        kv_heads = heads  # the one KV head of such files is the compressed cache that all heads share
    kv_heads = _without_linear_layers(keys, kv_heads)
    window = _window(keys)
    pattern = _window_pattern(keys, n_layers, window)
    positions = _positions(keys)
    other: LayerKind = "state-space" if keys.integer("ssm.state_size") is not None else "none"
    if keys.integer("shortconv.l_cache") is not None:
        other = "convolution"
    elif keys.architecture in SOFTMAX_EVERY or keys.architecture == "kimi-linear":
        other = "linear"
    beside: tuple[LayerKind, ...] = ("state-space",) if keys.architecture == "falcon-h1" else ()
    chunk = keys.integer("attention.chunk_size")
    layers: list[Layer] = []
    for index, (n_heads, n_kv_heads) in enumerate(zip(heads, kv_heads, strict=True)):
        if n_heads == 0 or n_kv_heads == 0:
            layers.append(Layer(index, other, 0, 0, 0))
            continue
        if n_heads % n_kv_heads:
            raise FormatError(
                f"{keys.name('attention.head_count')} is {n_heads} and head_count_kv is {n_kv_heads} (layer {index}): "
                "the heads must divide evenly among the KV heads."
            )
        head_dim = _head_dim(keys, n_heads, hidden_size)
        slides = pattern[index]
        rope = _rope(keys, head_dim, slides) if positions == "rope" else None
        if keys.architecture in NOPE_IN_FULL and window is not None and not slides:
            rope = None
        kind: LayerKind = "sliding" if slides else "full"
        tokens = window if slides else None
        if (every := NOPE_EVERY.get(keys.architecture)) is not None and (index + 1) % every == 0:
            rope = None
        elif chunk is not None and keys.architecture == "llama4":
            kind, tokens = "chunked", chunk
        layers.append(Layer(index, kind, n_heads, n_kv_heads, head_dim, tokens, rope, beside))
    return tuple(layers), positions


def _without_linear_layers(keys: _Keys, kv_heads: tuple[int, ...]) -> tuple[int, ...]:
    """The KV heads of each layer, with 0 at the layers that the architecture's rule makes linear.

    Raises FormatError for a hybrid whose file does not say which layers attend, and whose rule is not known here.
    """
    if keys.architecture in SOFTMAX_EVERY:
        period = keys.integer("full_attention_interval", 4096) or SOFTMAX_EVERY[keys.architecture]
        return tuple(0 if (index + 1) % period else n_kv_heads for index, n_kv_heads in enumerate(kv_heads))
    hybrid = any(name.startswith(keys.name("ssm.")) for name in keys.metadata)
    if hybrid and 0 not in kv_heads and keys.architecture != "falcon-h1":
        raise FormatError(
            f"{keys.architecture} mixes attention with state-space layers, and the file does not say which are which: "
            "give the model's config.json instead."
        )
    return kv_heads


def _positions(keys: _Keys) -> str:
    if keys.architecture in ALIBI or keys.get("attention.max_alibi_bias"):
        return "alibi"
    if keys.architecture in LEARNED:
        return "learned"
    return "none" if keys.architecture in NO_POSITIONS else "rope"


def _head_dim(keys: _Keys, n_heads: int, hidden_size: int | None) -> int:
    # In MLA files key_length is the width of the compressed cache, and key_length_mla that of a head.
    stated = keys.integer("attention.key_length_mla", 1 << 20) or keys.integer("attention.key_length", 1 << 20)
    if stated is not None:
        return stated
    if hidden_size is None:
        return keys.required("embedding_length")
    if hidden_size % n_heads:
        raise FormatError(
            f"{keys.name('embedding_length')} is {hidden_size} and attention.head_count is {n_heads}: the width must "
            "divide evenly among the heads."
        )
    return hidden_size // n_heads


def _window(keys: _Keys) -> int | None:
    value = keys.get("attention.sliding_window")
    # llama.cpp writes 0 for "none".
    return None if value is None or value == 0 else positive_int(value, keys.name("attention.sliding_window"))


def _window_pattern(keys: _Keys, n_layers: int, window: int | None) -> tuple[bool, ...]:
    """Whether each layer slides."""
    if window is None:
        return (False,) * n_layers
    stated = keys.get("attention.sliding_window_pattern")
    if isinstance(stated, GGUFArray):
        if stated.values is None or stated.length < n_layers:
            raise FormatError(
                f"{keys.name('attention.sliding_window_pattern')} has {stated.length} entries for {n_layers} layers: "
                "convert it again."
            )
        return tuple(bool(entry) for entry in stated.values[:n_layers])
    period = FULL_EVERY.get(keys.architecture)
    if stated is not None:
        period = positive_int(stated, keys.name("attention.sliding_window_pattern"), 4096)
    elif period is not None:
        keys.assumed["layers"] = (
            f"the file gives a window and no pattern; {keys.architecture} has a full layer in {period}"
        )
    if period is None:
        return (True,) * n_layers
    return tuple((index + 1) % period != 0 for index in range(n_layers))


def _rope(keys: _Keys, head_dim: int, slides: bool) -> Rope:
    theta = keys.number("rope.freq_base_swa") if slides else None
    if slides and theta is None and (theta := LOCAL_THETA.get(keys.architecture)) is not None:
        keys.assumed["rope.theta (sliding)"] = f"not in the file; llama.cpp takes {theta:g} for {keys.architecture}"
    if theta is None and (theta := keys.number("rope.freq_base")) is None:
        theta = DEFAULT_THETA
        keys.assumed["rope.theta"] = f"{keys.name('rope.freq_base')} is not in the file; llama.cpp takes {theta:g}"
    turned = keys.integer("rope.dimension_count", 1 << 20)
    if turned is not None and turned > head_dim:
        raise FormatError(
            f"{keys.name('rope.dimension_count')} is {turned}, more than a head's {head_dim} dimensions: convert it "
            "again."
        )
    # llama.cpp scales only the full layers of the models that have a base of their own for the sliding ones.
    scaling = None if slides and keys.architecture in LOCAL_THETA else _scaling(keys)
    return Rope(theta, scaling, 1.0 if turned is None else turned / head_dim)


def _scaling(keys: _Keys) -> Mapping[str, Any] | None:
    kind = keys.get("rope.scaling.type")
    if kind is not None and not isinstance(kind, str):
        raise FormatError(f"{keys.name('rope.scaling.type')} is {short(kind)}: it must be a word.")
    factor = keys.number("rope.scaling.factor")
    if kind in (None, "none") and factor is None:
        # llama.cpp turns llama3 scaling into a tensor of factors and writes no key for it.
        return None
    scaling: dict[str, Any] = {"rope_type": kind or "linear"}
    if factor is not None:
        scaling["factor"] = factor
    if (original := keys.integer("rope.scaling.original_context_length")) is not None:
        scaling["original_max_position_embeddings"] = original
    return scaling
