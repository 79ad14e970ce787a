"""Traffic: what a pass reads, writes and multiplies on one device: weights, experts that are called, and the cache."""

from __future__ import annotations

from fractions import Fraction

from ropescope.checks.serving.memory.cache import kv_share, layer_rows
from ropescope.checks.serving.memory.storage import keys_pooled, least_state_bytes
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.speed.attended import keys_seen
from ropescope.checks.serving.weights.precisions import output_apart, weight_size
from ropescope.errors import DomainError
from ropescope.models.cache import Rows
from ropescope.models.model import Layer


def experts_touched(serving: Serving, tokens: int) -> float:
    """The share of a layer's routed experts that `tokens` tokens call for, if each chooses uniformly and alone:
    1 − (1 − k/n)^tokens. 1 for a model without experts."""
    experts = next((layer.experts for layer in serving.model.layers if layer.experts is not None), None)
    return 1.0 if experts is None else 1.0 - (1.0 - experts.active / experts.total) ** tokens


def stated_parts(serving: Serving) -> dict[str, int]:
    if serving.model.parameters is None:
        raise DomainError(
            f"{serving.model.name} does not say how many parameters it has: give a folder with its weights, a .gguf "
            "file, or `parameters` 8B."
        )
    return dict(serving.model.parameters.parts)


def weights_read(serving: Serving, tokens: int) -> float:
    """The bytes of weights that a pass of `tokens` tokens reads on one device: all but the token embedding (where the output
    is another matrix), towers beside the language model, and experts that no token calls for."""
    parts, size = stated_parts(serving), weight_size(serving.model, serving.held_precision)
    unread = [name for name in never_read(serving) if name in parts]
    left_out = sum(size.of(name, parts[name]) for name in unread)
    experts, touched = _expert_parameters(serving), experts_touched(serving, tokens)
    called = size.of("experts", touched * experts)
    others = size.n_bytes - left_out - size.of("experts", experts)
    # Copies of the attention hold everything but the experts, which they share.
    return others / devices_a_layer(serving) + called / (serving.split.stage if serving.engine.split == "tensor" else 1)


def never_read(serving: Serving) -> tuple[str, ...]:
    """The parts of the weights that a pass reads nothing of, but for a few rows."""
    return ("vision", "prediction", *(("embedding",) if output_apart(serving.model) else ()))


def _expert_parameters(serving: Serving) -> float:
    """The routed experts' parameters: stated as a part, or from those that are not active."""
    parameters = serving.model.parameters
    experts = next((layer.experts for layer in serving.model.layers if layer.experts is not None), None)
    if parameters is None or experts is None or experts.active >= experts.total:
        return 0.0
    stated = parameters.parts.get("experts")
    idle = 1.0 - experts.active / experts.total
    return float(stated) if stated is not None else (parameters.total - parameters.active) / idle


def weights_multiplied(serving: Serving) -> int:
    """The weights that a token is multiplied with: the active ones, but for embedding look-ups and other towers."""
    parts = stated_parts(serving)
    assert serving.model.parameters is not None
    other = sum(parts.get(name, 0) for name in ("vision", "prediction"))
    return serving.model.parameters.active - other - (parts.get("embedding", 0) if "output" in parts else 0)


def cache_read(serving: Serving) -> tuple[Fraction, ...]:
    """The bytes of one sequence's cache that a step reads on one device, by layer; constant states are read and written."""
    found, tokens = list[Fraction](), serving.context_tokens
    for layer, each in zip(serving.model.layers, layer_rows(serving), strict=True):
        cache, sparse = layer.cache, layer.sparse
        if cache.tokens_per_entry is not None:
            entries = tokens // cache.tokens_per_entry
            picked = entries if sparse is None else min(entries, sparse.top)
            rows = Rows(tokens=cache.tokens(tokens), entries=picked, entry_index=entries)
        else:
            keys = tokens // keys_pooled(serving, layer)
            rows = Rows(tokens=min(cache.tokens(tokens), keys_seen(layer, tokens)), index=keys)
        states = 0 if cache.tokens_per_entry is not None else 2 * least_state_bytes(serving, layer, each)
        found.append(_on_one(serving, layer, rows, each) + Fraction(states, devices_a_layer(serving)))
    return tuple(found)


def cache_written(serving: Serving) -> tuple[Fraction, ...]:
    """The bytes of one sequence's cache that reading a prompt leaves on one device, by layer."""
    found = list[Fraction]()
    for layer, each in zip(serving.model.layers, layer_rows(serving), strict=True):
        rows = layer.cache.rows(serving.context_tokens)
        keys = rows.index // keys_pooled(serving, layer)
        held = Rows(tokens=rows.tokens, index=keys, entries=rows.entries, entry_index=rows.entry_index)
        states = 0 if layer.tokens_per_entry is not None else least_state_bytes(serving, layer, each)
        found.append(_on_one(serving, layer, held, each) + Fraction(states, devices_a_layer(serving)))
    return tuple(found)


def _on_one(serving: Serving, layer: Layer, rows: Rows, each: Rows) -> Fraction:
    """The bytes of so many rows on one device: what no KV heads divide is whole on each."""
    share = kv_share(layer, serving.split.tensor) if serving.engine.split == "tensor" else Fraction(1)
    return (
        share * rows.tokens * each.tokens
        + rows.index * each.index
        + (rows.entries * each.entries + rows.entry_index * each.entry_index)
    )


def devices_a_layer(serving: Serving) -> int:
    """Over how many devices each layer's work divides: none where whole layers are dealt out, which work in turn."""
    return serving.split.tensor
