"""The words and rules by which configs lay out their layers, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ropescope.models.model import LayerKind

NAMES: Final[Mapping[str, LayerKind]] = {
    "full_attention": "full",
    "attention": "full",
    "global": "full",
    "global_attention": "full",
    "full": "full",
    "hybrid": "full",
    "sliding_attention": "sliding",
    "sliding_window_attention": "sliding",
    "sliding": "sliding",
    "local": "sliding",
    "local_attention": "sliding",
    "swa": "sliding",
    "hybrid_sliding": "sliding",
    "chunked_attention": "chunked",
    "linear_attention": "linear",
    "linear": "linear",
    "lightning": "linear",
    "gated_deltanet": "linear",
    "mamba": "state-space",
    "mamba2": "state-space",
    "ssm": "state-space",
    "conv": "convolution",
    "short_conv": "convolution",
    "convolution": "convolution",
    "recurrent": "recurrent",
    "rwkv": "recurrent",
    "cross_attention": "cross",
    "mlp": "none",
    "moe": "none",
    "none": "none",
    # Attention over all earlier tokens of which an index picks a part.
    "indexed_attention": "full",
    "deepseek_sparse_attention": "full",
    "qwen_sparse_attention": "full",
    "minimax_m3_sparse": "full",
    # Attention over all earlier tokens, the older ones compressed.
    "compressed_sparse_attention": "full",
    "heavily_compressed_attention": "full",
}
"""The words of `layer_types` and its relatives."""

PATTERN_LETTERS: Final[Mapping[str, LayerKind]] = {"M": "state-space", "*": "full", "-": "none", "E": "none"}
"""The letters of Nemotron-H's hybrid_override_pattern: Mamba, attention, MLP, experts."""

STATE_SPACE_TYPES: Final = frozenset(
    {
        "bamba",
        "falcon_h1",
        "falcon_mamba",
        "granitemoehybrid",
        "jamba",
        "mamba",
        "mamba2",
        "nemotron_h",
        "zamba",
        "zamba2",
    }
)
"""Model types whose "linear_attention" layers, as transformers calls them, are Mamba layers."""

WHOLE: Final[Mapping[str, LayerKind]] = {
    "mamba": "state-space",
    "mamba2": "state-space",
    "falcon_mamba": "state-space",
    "rwkv": "recurrent",
    "rwkv5": "recurrent",
    "rwkv6": "recurrent",
    "rwkv7": "recurrent",
    "xlstm": "recurrent",
}
"""Model types that are one kind throughout."""

# period p: every p-th layer (the p-th first) attends to everything, the others slide.
FULL_EVERY: Final[Mapping[str, int]] = {
    "gemma2": 2,
    "vaultgemma": 2,
    "gpt_oss": 2,
    "gemma3_text": 6,
    "gemma3n_text": 5,
    "gemma4_text": 6,
    "cohere2": 4,
    "olmo3": 4,
    "exaone4": 4,
    "kolibri1": 5,
}
# every p-th layer is softmax attention, the others linear.
SOFTMAX_EVERY: Final[Mapping[str, int]] = {
    "qwen3_next": 4,
    "qwen3_5_text": 4,
    "qwen3_5_moe_text": 4,
    "olmo_hybrid": 4,
    "glm5_next_text": 4,
    "qwen4_exp_text": 4,
}
