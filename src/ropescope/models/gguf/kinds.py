"""What mixes the tokens in each layer of a GGUF model: by its keys and, where they are silent, by llama.cpp's rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ropescope.errors import FormatError
from ropescope.models.config.fields import positive_int
from ropescope.models.gguf.keys import Keys
from ropescope.models.model import LayerKind

STATE_SPACE: Final = frozenset({"mamba", "mamba2"})
RECURRENT: Final = frozenset({"rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"})
ENCODER_DECODER: Final = frozenset({"t5", "t5encoder"})
BESIDE: Final = frozenset({"falcon-h1"})
"""Attention and state space run in the same layers of these."""

# Where the file has no pattern of windows, llama.cpp has it in its code: every n-th layer is full.
FULL_EVERY: Final[Mapping[str, int]] = {
    "gemma2": 2,
    "gpt-oss": 2,
    "gemma3": 6,
    "gemma3n": 5,
    "gemma-embedding": 6,
    "cohere2": 4,
    "olmo2": 4,
    "exaone4": 4,
    "exaone-moe": 4,
    "afmoe": 4,
    "modern-bert": 3,
    "smallthinker": 4,
    "llama4": 4,
}
FULL_FIRST: Final = frozenset({"modern-bert", "smallthinker"})
"""Of each period the first layer is full, not the last."""

SYMMETRIC: Final = frozenset({"modern-bert", "gemma-embedding"})
"""The window counts both sides, half of it on each."""

LLAMA4_CHUNK: Final = 8192
GEMMA2_WINDOW: Final = 4096
# Every n-th layer is softmax attention and the others are linear, unless the file says otherwise.
SOFTMAX_EVERY: Final[Mapping[str, int]] = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4}

Kinds = tuple[LayerKind, ...]


def layer_kinds(keys: Keys, n_layers: int, kv_heads: Sequence[int], tensors: frozenset[str]) -> Kinds:
    """The kind of each of `n_layers` layers, given the KV heads of each (0: none) and the names of the file's tensors.

    Raises FormatError for an encoder-decoder, and for a hybrid whose file does not say which layers attend.
    """
    if keys.architecture in STATE_SPACE:
        return _all("state-space", n_layers)
    if keys.architecture in RECURRENT:
        return _all("recurrent", n_layers)
    if keys.architecture in ENCODER_DECODER:
        raise FormatError(
            f"{keys.architecture} is an encoder-decoder, which is not read from GGUF: give the folder or Hub id of its config."
        )
    slides = _slides(keys, n_layers)
    windowed: LayerKind = "chunked" if keys.architecture == "llama4" else "sliding"
    attends = _attends(keys, n_layers, kv_heads, tensors)
    others = _others(keys, n_layers)
    return tuple(
        (windowed if slides[index] else "full") if attends[index] else others[index] for index in range(n_layers)
    )


def _all(kind: LayerKind, n_layers: int) -> Kinds:
    return (kind,) * n_layers


def window(keys: Keys) -> int | None:
    """The tokens that a query of a sliding or chunked layer can see, itself included; None without a window."""
    value = keys.get("attention.sliding_window")
    if keys.architecture == "llama4":
        if value == 0:
            return None
        stated = keys.integer("attention.chunk_size")
        if stated is None:
            keys.assumed["window_tokens"] = f"not in the file; llama.cpp takes chunks of {LLAMA4_CHUNK} for llama4"
        return stated or LLAMA4_CHUNK
    if value is None and keys.architecture == "gemma2":
        keys.assumed["window_tokens"] = f"not in the file; llama.cpp takes {GEMMA2_WINDOW} for gemma2"
        return GEMMA2_WINDOW
    # llama.cpp writes 0 for "none".
    if value is None or (value == 0 and not isinstance(value, bool)):
        return None
    tokens = positive_int(value, keys.name("attention.sliding_window"))
    return tokens // 2 * 2 + 1 if keys.architecture in SYMMETRIC else tokens


def compress_ratios(keys: Keys, n_layers: int) -> tuple[int | None, ...] | None:
    """For each layer of DeepSeek-V4, how many older tokens an entry stands for (None: it slides); None for others."""
    if keys.architecture != "deepseek4":
        return None
    rates = keys.per_layer("attention.compress_ratios", n_layers)
    return None if rates is None else tuple(rate or None for rate in rates)


def _slides(keys: Keys, n_layers: int) -> tuple[bool, ...]:
    """Whether each layer has a window."""
    if window(keys) is None:
        return (False,) * n_layers
    if (rates := compress_ratios(keys, n_layers)) is not None:
        return tuple(rate is None for rate in rates)
    key = "attention.sliding_window_pattern"
    if (marks := keys.marks(key, n_layers)) is not None:
        return marks
    period = FULL_EVERY.get(keys.architecture)
    if keys.get(key) is not None:
        period = keys.required(key, 4096)
    elif period is not None:
        keys.assumed["layers"] = (
            f"the file gives a window and no pattern; {keys.architecture} has a full layer in {period}"
        )
    if period is None:
        return (True,) * n_layers
    full_at = 0 if keys.architecture in FULL_FIRST else period - 1
    return tuple(index % period != full_at for index in range(n_layers))


def _attends(keys: Keys, n_layers: int, kv_heads: Sequence[int], tensors: frozenset[str]) -> tuple[bool, ...]:
    if keys.architecture in SOFTMAX_EVERY:
        period = keys.integer("full_attention_interval", 4096) or SOFTMAX_EVERY[keys.architecture]
        return tuple((index + 1) % period == 0 for index in range(n_layers))
    hybrid = any(name.startswith(keys.name("ssm.")) for name in keys.metadata)
    if hybrid and 0 not in kv_heads and keys.architecture not in BESIDE:
        with_state = [
            any(f"blk.{index}.ssm_{part}" in tensors for part in ("in.weight", "conv1d.weight", "a"))
            for index in range(n_layers)
        ]
        if not any(with_state) or all(with_state):
            raise FormatError(
                f"{keys.architecture} mixes attention with state-space layers, and the file does not say which are "
                "which: give the model's config.json instead."
            )
        return tuple(not state for state in with_state)
    return tuple(heads > 0 for heads in kv_heads)


def _others(keys: Keys, n_layers: int) -> Kinds:
    """What the layers hold that do not attend."""
    if keys.get("shortconv.l_cache") is not None:
        return _all("convolution", n_layers)
    if keys.architecture in SOFTMAX_EVERY or keys.architecture == "kimi-linear":
        return _all("linear", n_layers)
    if keys.get("ssm.state_size") is None:
        return _all("none", n_layers)
    if keys.architecture.startswith("nemotron_h"):
        # Here a layer is one thing alone: it has a state where it has no MLP.
        widths = keys.per_layer("feed_forward_length", n_layers) or (0,) * n_layers
        return tuple("none" if width else "state-space" for width in widths)
    return _all("state-space", n_layers)
