"""The roofline: how fast a device could go if nothing but its memory and its arithmetic took time.

A decoding step reads the weights once for all sequences, and each sequence's cache; it multiplies every active weight
with every sequence's token. The slower of reading and multiplying bounds it. It is a ceiling: launching kernels,
exchanging between devices, sampling and scheduling take time that is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Final, Literal

from ropescope.checks.serving.cache import kv_share
from ropescope.checks.serving.precisions import compute_kind, weight_size
from ropescope.checks.serving.serving import Serving
from ropescope.errors import DomainError
from ropescope.models.cache import LayerCache, cache_bytes
from ropescope.models.model import Layer

MOST_BATCH: Final = 2**20


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass through the network on one device: `tokens` come out of it (all devices together)."""

    tokens: int
    weight_bytes: float
    cache_bytes: float
    operations: float
    memory_seconds: float
    compute_seconds: float | None

    @property
    def seconds(self) -> float:
        """The longer of reading and computing."""
        return max(self.memory_seconds, self.compute_seconds or 0.0)

    @property
    def bound(self) -> Literal["memory", "compute"]:
        """Which of the two it is."""
        return "compute" if (self.compute_seconds or 0.0) > self.memory_seconds else "memory"

    @property
    def tokens_per_second(self) -> float:
        """Tokens a second, of all sequences together."""
        return self.tokens / self.seconds


def decode(serving: Serving, batch: int | None = None) -> Pass:
    """One decoding step: `batch` sequences (default: that of `serving`), each with its whole context in the cache.

    Raises DomainError where parameters or the device's bandwidth are not known.
    """
    sequences = serving.batch if batch is None else batch
    turn, own = _turns(serving, sequences)
    weights = _weights_read(serving, turn)
    cache = own * float(_cache_read(serving))
    operations = own * (2 * _multiplied(serving) + _attention_operations(serving)) / _cut(serving)
    return _pass(serving, sequences, weights, cache, operations)


def prefill(serving: Serving) -> Pass:
    """Reading one prompt of `context_tokens` tokens into the cache: its tokens count as what comes out.

    Every weight but the output's is multiplied with every token, and every token attends to those before it that its
    layer lets it see. Weights are read once. Raises DomainError as `decode` does.
    """
    tokens, cut = serving.context_tokens, _cut(serving)
    parts = _parts(serving)
    output = parts.get("output", parts.get("embedding", 0))
    matrices = 2.0 * ((_multiplied(serving) - output) * tokens + output)
    attention = sum(
        2.0 * layer.n_heads * (layer.head_dim + (layer.value_dim or layer.head_dim)) * _pairs(layer, tokens)
        for layer in serving.model.attention_layers
    )
    weights = _weights_read(serving, tokens)
    return _pass(serving, tokens, weights, float(_cache_read(serving)), (matrices + attention) / cut)


def knee(serving: Serving) -> int | None:
    """The smallest batch whose decoding step is bound by compute; None where memory bounds every batch."""
    if decode(serving, 1).compute_seconds is None or decode(serving, MOST_BATCH).bound == "memory":
        return None
    low, high = 0, MOST_BATCH
    while high - low > 1:  # reading grows more slowly with the batch than computing does
        middle = (low + high) // 2
        low, high = (low, middle) if decode(serving, middle).bound == "compute" else (middle, high)
    return high


def experts_touched(serving: Serving, tokens: int) -> float:
    """The share of a layer's routed experts that `tokens` tokens call for, if each chooses uniformly and alone:
    1 − (1 − k/n)^tokens. 1 for a model without experts."""
    experts = next((layer.experts for layer in serving.model.layers if layer.experts is not None), None)
    return 1.0 if experts is None else 1.0 - (1.0 - experts.active / experts.total) ** tokens


def _pass(serving: Serving, tokens: int, weights: float, cache: float, operations: float) -> Pass:
    device = serving.device
    if device.bandwidth is None:
        raise DomainError(f"The bandwidth of {device.name} is not known: give --bandwidth in GB/s.")
    peak = device.peak(compute_kind(serving.model, serving.precision))
    return Pass(
        tokens,
        weights,
        cache,
        operations,
        (weights + cache) / device.bandwidth,
        None if peak is None else operations / peak,
    )


def _cut(serving: Serving) -> int:
    """Over how many devices each layer's work divides: none where whole layers are dealt out, which work in turn."""
    return serving.split.tensor


def _turns(serving: Serving, sequences: int) -> tuple[int, int]:
    """(the sequences that pass through a pipeline stage together, those of them in one copy of the attention).

    Stages work at once on as many parts of the batch, so in the time of a step a stage reads its weights once for each
    part: all weights over `tensor` devices, but the cache of its own layers alone.
    """
    if serving.engine.split == "layers":
        return sequences, sequences
    turn = ceil(sequences / serving.split.pipeline)
    return turn, ceil(turn / serving.split.data)


def _parts(serving: Serving) -> dict[str, int]:
    if serving.model.parameters is None:
        raise DomainError(
            f"{serving.model.name} does not say how many parameters it has: give a folder with its weights, a .gguf "
            "file, or --parameters 8B."
        )
    return dict(serving.model.parameters.parts)


def _weights_read(serving: Serving, tokens: int) -> float:
    """The bytes of weights that a pass of `tokens` tokens reads on one device: all but the token embedding (where the output
    is another matrix), towers beside the language model, and experts that no token calls for."""
    parts, size = _parts(serving), weight_size(serving.model, serving.precision)
    never = ("vision", "prediction", *(("embedding",) if "output" in parts else ()))
    unread = [name for name in never if name in parts]
    left_out = sum(size.of(name, parts[name]) for name in unread)
    experts, touched = _expert_parameters(serving), experts_touched(serving, tokens)
    called = size.of("experts", touched * experts)
    others = size.n_bytes - left_out - size.of("experts", experts)
    # Copies of the attention hold everything but the experts, which they share.
    return others / _cut(serving) + called / (serving.split.stage if serving.engine.split == "tensor" else 1)


def _expert_parameters(serving: Serving) -> float:
    """The routed experts' parameters: stated as a part, or from those that are not active."""
    parameters = serving.model.parameters
    experts = next((layer.experts for layer in serving.model.layers if layer.experts is not None), None)
    if parameters is None or experts is None or experts.active >= experts.total:
        return 0.0
    stated = parameters.parts.get("experts")
    idle = 1.0 - experts.active / experts.total
    return float(stated) if stated is not None else (parameters.total - parameters.active) / idle


def _multiplied(serving: Serving) -> int:
    """The weights that a token is multiplied with: the active ones, but for embedding look-ups and other towers."""
    parts = _parts(serving)
    assert serving.model.parameters is not None
    other = sum(parts.get(name, 0) for name in ("vision", "prediction"))
    return serving.model.parameters.active - other - (parts.get("embedding", 0) if "output" in parts else 0)


def _cache_read(serving: Serving) -> Fraction:
    """The bytes of one sequence's cache that a step reads on one device; constant states are read and written."""
    kind, state = serving.cache_type.kind, serving.engine.state_kind
    total = Fraction(0)
    for layer in serving.model.layers:
        cache, tokens = layer.cache, layer.cache.tokens(serving.context_tokens)
        heads = LayerCache(key_elements=cache.key_elements, value_elements=cache.value_elements)
        share = kv_share(layer, serving.split.tensor) if serving.engine.split == "tensor" else Fraction(1)
        total += share * cache_bytes([heads], tokens, key_type=kind)
        total += cache_bytes([LayerCache(index_elements=cache.index_elements)], tokens, state_type=state)
        fixed = replace(cache, key_elements=0, value_elements=0, index_elements=0)
        total += Fraction(2 * cache_bytes([fixed], 0, state_type=state), _cut(serving))
    return total


def _attention_operations(serving: Serving) -> float:
    """Operations of one new token's attention over its context, on all devices together."""
    total = 0.0
    for layer in serving.model.attention_layers:
        width = layer.head_dim + (layer.value_dim or layer.head_dim)
        if layer.latent is not None:  # decoding multiplies with the latents themselves
            width = 2 * layer.latent.kv_rank + layer.latent.rotary_dim
        seen = (
            serving.context_tokens if layer.window_tokens is None else min(serving.context_tokens, layer.window_tokens)
        )
        total += 2.0 * layer.n_heads * width * seen
    return total


def _pairs(layer: Layer, tokens: int) -> int:
    """How many (query, key) pairs a prompt of `tokens` has in `layer`."""
    if layer.kind == "chunked" and layer.window_tokens:
        whole, rest = divmod(tokens, layer.window_tokens)
        return whole * _triangle(layer.window_tokens) + _triangle(rest)
    if layer.kind == "sliding" and layer.window_tokens and tokens > layer.window_tokens:
        return _triangle(layer.window_tokens) + (tokens - layer.window_tokens) * layer.window_tokens
    return _triangle(tokens)


def _triangle(tokens: int) -> int:
    return tokens * (tokens + 1) // 2
