"""Activations: what a pass through the network holds beside weights and cache. A formula, not a measurement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import Any, Final

from ropescope.checks.serving.memory.cache import Same
from ropescope.checks.serving.memory.compressed import flight_bytes
from ropescope.checks.serving.serving import Serving
from ropescope.models.model import Model

DENSE_WIDTHS: Final = ("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size", "d_ff", "feed_forward_length")
EXPERT_WIDTHS: Final = ("moe_intermediate_size", "expert_feed_forward_length", "expert_dim")
"""Fields of a config (in GGUF behind the architecture's name) that state the width of an MLP and of an expert."""


@dataclass(frozen=True, slots=True)
class Activations:
    """The bytes on one device at the peak, and in words what they are made of."""

    n_bytes: int
    source: str


def activations(serving: Serving) -> Activations:
    """The larger of one layer's working set for a chunk of the prompt and of the logits for one token a sequence.

    A layer holds two copies of the residual stream, and the inputs and outputs of its attention or of its MLP (gate, up
    and their product; for experts, of those each token chose). With tensor parallelism the latter are cut by `count`.
    llama.cpp adds its attention mask. This leaves out the workspaces of kernels and fragmentation.
    """
    model, engine, tokens = serving.model, serving.engine, serving.chunk
    hidden = model.hidden_size or 0
    cut = serving.count if engine.split == "tensor" else 1
    width = _widest(Same(model))
    layer = tokens * (2 * hidden + ceil(width / cut)) * engine.activation_bytes
    logits = serving.batch * (model.vocab_size or 0) * engine.logit_bytes
    masked = engine.name in ("llama.cpp", "ollama") and any(layer.has_attention for layer in model.layers)
    mask = 2 * tokens * serving.context_tokens if masked else 0
    made_of = f"{tokens:,} prompt tokens at once" if layer >= logits else f"sampling for {serving.batch:,} sequences"
    in_flight = flight_bytes(serving)
    made_of += "; the compressors' states of two steps in flight, in the cache's pages" if in_flight else ""
    return Activations(max(layer, logits) + mask + in_flight, f"{made_of}; workspaces of kernels are not counted")


def mlp_width(model: Model) -> int:
    """Elements a token that the widest MLP holds: three times its width, or those of the experts a token passes."""
    dense = _largest(model.config, DENSE_WIDTHS)
    hidden = model.hidden_size or 0
    widest = 3 * (dense or 4 * hidden)
    experts = next((layer.experts for layer in model.layers if layer.experts is not None), None)
    if experts is None:
        return widest
    expert = _largest(model.config, EXPERT_WIDTHS) or dense or 4 * hidden
    mixture = (experts.active + experts.shared) * (3 * expert + hidden)
    # A config of a mixture states the width of dense layers too, whether it has any or not.
    return max(mixture, widest) if any(layer.experts is None for layer in model.layers) else mixture


@lru_cache(maxsize=32)
def _widest(of: Same) -> int:
    """Elements a token that attention or the MLP holds. A search asks for it at every step."""
    return max(_attention_width(of.it), mlp_width(of.it))


def _attention_width(model: Model) -> int:
    widths = (
        layer.n_heads * (layer.head_dim + (layer.value_dim or layer.head_dim))
        + layer.n_kv_heads * (layer.head_dim + (layer.value_dim or layer.head_dim))
        for layer in model.attention_layers
    )
    return max(widths, default=0)


def _largest(config: Mapping[str, Any], names: tuple[str, ...]) -> int:
    return max((value for name, value in _numbers(config, 0) if name in names), default=0)


def _numbers(config: Mapping[str, Any], depth: int) -> Iterator[tuple[str, int]]:
    """Whole numbers of the config and of the language model's part in it, by the last word of their names."""
    for key, value in config.items():
        name = key.rsplit(".", 1)[-1]
        if isinstance(value, Mapping) and depth == 0 and key in ("text_config", "llm_config", "language_config"):
            yield from _numbers(value, 1)
        for entry in value if isinstance(value, list) else [value]:
            if isinstance(entry, int) and not isinstance(entry, bool) and entry > 0:
                yield name, entry
