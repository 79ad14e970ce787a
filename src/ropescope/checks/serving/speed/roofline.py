"""The roofline: how fast a device could go if nothing but its memory and its arithmetic took time.

A decoding step reads the weights once for all sequences, and each sequence's cache; it multiplies every active weight
with every sequence's token. The slower of reading and multiplying bounds it. It is a ceiling: launching kernels,
exchanging between devices, sampling and scheduling take time that is not counted. Where a layer's attention is sparse,
what its indexer scores is read and multiplied, and of the rest only what it picks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Final, Literal

from ropescope.checks.serving.devices.device import Device
from ropescope.checks.serving.memory.cache import kv_share, layer_rows
from ropescope.checks.serving.memory.demand import each_device
from ropescope.checks.serving.memory.storage import keys_pooled, least_state_bytes
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.splits.layer_shares import slot_weights
from ropescope.checks.serving.weights.precisions import compute_kind, output_apart, weight_size
from ropescope.errors import DomainError
from ropescope.models.cache import Rows
from ropescope.models.model import Layer

MOST_BATCH: Final = 2**20
MANY_PROMPTS: Final = 2**16
"""So many prompts at once that reading the weights takes no time beside multiplying with them."""
PLAIN_CACHE: Final = frozenset({"f32", "f16", "bf16"})
"""Types of a cache whose products run in 16 bits; the others may run in 8."""


@dataclass(frozen=True, slots=True)
class Work:
    """The operations of a pass on one device, by what they multiply: weights, keys and values, an indexer's keys."""

    weights: float
    attention: float = 0.0
    index: float = 0.0

    @property
    def total(self) -> float:
        """All of them."""
        return self.weights + self.attention + self.index


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
    tokens, (turn, own) = serving.context_tokens, _turns(serving, sequences)
    weights = _weights_read(serving, turn)
    cache = own * float(sum(_cache_read(serving)))
    attending = serving.model.attention_layers
    attention = sum(2.0 * layer.n_heads * _decode_width(layer) * _seen(layer, tokens) for layer in attending)
    index = sum(_index_operations(layer) * _scored(layer, tokens) for layer in attending)
    each = own / _cut(serving)
    work = Work(2 * each * _multiplied(serving), each * attention, each * index)
    if serving.unequal and serving.deals_layers:
        return _in_turn(serving, Pass(sequences, weights, cache, work.total, 0.0, 0.0), work, _cache_read(serving), 1)
    return _pass(serving, sequences, weights, cache, work)


def prefill(serving: Serving, prompts: int = 1) -> Pass:
    """Reading `prompts` prompts of `context_tokens` tokens into the cache at once, so many in each copy of the attention
    where there are several: their tokens count as what comes out.

    Every weight but the output's is multiplied with every token, and every token attends to those before it that its
    layer lets it see; of absorbed and unfolded latents the cheaper counts. Weights are read once, and what the cache
    holds is written. Raises DomainError as `decode` does.
    """
    tokens, at_once = serving.context_tokens, _stages_at_once(serving, prompts)
    each = prompts / (_cut(serving) * at_once)
    parts, attending = _parts(serving), serving.model.attention_layers
    output = parts.get("output", parts.get("embedding", 0))
    matrices = 2.0 * ((_multiplied(serving) - output) * tokens + output)
    attention = sum(2.0 * layer.n_heads * (layer.head_dim + (layer.value_dim or layer.head_dim)) * _pairs(layer, tokens)
                    for layer in attending)  # fmt: skip
    index = sum(_index_operations(layer) * _index_pairs(layer, tokens) for layer in attending)
    everywhere = prompts * serving.split.data * tokens
    if serving.unequal and serving.deals_layers:
        work = Work(prompts * matrices, prompts * attention, prompts * index)
        written = prompts * float(sum(_cache_written(serving)))
        whole = Pass(everywhere, _weights_read(serving, everywhere), written, work.total, 0.0, 0.0)
        parts_at_once = 1 if serving.engine.name == "transformers" else prompts * -(-tokens // serving.chunk)
        return _in_turn(serving, whole, work, _cache_written(serving), parts_at_once)
    weights = _weights_read(serving, everywhere) / at_once
    work = Work(each * matrices, each * attention, each * index)
    return _pass(serving, everywhere, weights, prompts * float(sum(_cache_written(serving))), work)


def _in_turn(serving: Serving, whole: Pass, work: Work, cache: tuple[Fraction, ...], parts: int) -> Pass:
    """`whole`, with the time it takes on unequal devices that have whole layers each and work in turn, on `parts` one after
    another: the first part passes through all, and then the slowest device sets the pace.

    What a device reads is its share of the weights and what its layers read (`cache`, layer by layer) of the cache; what
    it multiplies goes by the same shares.
    """
    devices = each_device(serving)
    size = weight_size(serving.model, serving.held_precision)
    slots = slot_weights(serving, size, without=_never_read(serving), experts=experts_touched(serving, whole.tokens))
    all_weights, all_cache = sum(slots), sum(cache)
    reading, computing = list[float](), list[float | None]()
    for one in devices:
        if one.device.bandwidth is None:
            raise DomainError(_no_bandwidth(one.device))
        weights = sum(slots[one.slots.start : one.slots.stop]) / all_weights
        keys = float(sum(cache[one.slots.start : one.slots.stop]) / all_cache) if all_cache else 0.0
        reading.append((weights * whole.weight_bytes + keys * whole.cache_bytes) / one.device.bandwidth)
        own = Work(weights * work.weights, keys * work.attention, keys * work.index)
        computing.append(_compute_seconds(replace(serving, device=one.device, count=1, unequal=()), own))

    def paced(seconds: list[float]) -> float:
        return (sum(seconds) + (parts - 1) * max(seconds)) / parts

    known = [seconds for seconds in computing if seconds is not None]
    computed = paced(known) if len(known) == len(computing) else None
    return replace(whole, memory_seconds=paced(reading), compute_seconds=computed)


def compute_bound_batch(serving: Serving) -> int | None:
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


def _pass(serving: Serving, tokens: int, weights: float, cache: float, work: Work) -> Pass:
    device = serving.device
    if device.bandwidth is None:
        raise DomainError(_no_bandwidth(device))
    return Pass(
        tokens, weights, cache, work.total, (weights + cache) / device.bandwidth, _compute_seconds(serving, work)
    )


def _no_bandwidth(device: Device) -> str:
    return f"The bandwidth of {device.name} is not known: name a device of the table, or give one with `bandwidth` in GB/s."


def _compute_seconds(serving: Serving, work: Work) -> float | None:
    """How long the products take at least; None where no peak is known.

    Weights are multiplied in the type of their format. A cache in 16 bits is multiplied in 16 bits; for one in fewer the
    fastest type of the device counts, since kernels differ. vLLM and SGLang score an indexer's keys in 8 bits.
    """
    device = serving.device
    weights = device.peak(compute_kind(serving.model, serving.held_precision, serving.device))
    if weights is None:
        return None
    half = device.peak("bf16") or weights
    eight = max(half, *(device.peak(kind) or 0.0 for kind in ("fp8", "int8")))
    packed = not {serving.cache_type.kind, serving.cache_type.values} <= PLAIN_CACHE
    index = eight if serving.engine.name in ("vllm", "sglang") else half
    return work.weights / weights + work.attention / (eight if packed else half) + work.index / index


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


def _stages_at_once(serving: Serving, prompts: int) -> float:
    """How many pipeline stages read prompts at once: all engines but transformers pass their parts on from stage to
    stage, which for m parts and n stages is n · m / (m + n − 1)."""
    if serving.engine.name == "transformers":
        return 1.0
    stages, parts = serving.split.pipeline, prompts * -(-serving.context_tokens // serving.chunk)
    return stages * parts / (parts + stages - 1)


def _parts(serving: Serving) -> dict[str, int]:
    if serving.model.parameters is None:
        raise DomainError(
            f"{serving.model.name} does not say how many parameters it has: give a folder with its weights, a .gguf "
            "file, or `parameters` 8B."
        )
    return dict(serving.model.parameters.parts)


def _weights_read(serving: Serving, tokens: int) -> float:
    """The bytes of weights that a pass of `tokens` tokens reads on one device: all but the token embedding (where the output
    is another matrix), towers beside the language model, and experts that no token calls for."""
    parts, size = _parts(serving), weight_size(serving.model, serving.held_precision)
    unread = [name for name in _never_read(serving) if name in parts]
    left_out = sum(size.of(name, parts[name]) for name in unread)
    experts, touched = _expert_parameters(serving), experts_touched(serving, tokens)
    called = size.of("experts", touched * experts)
    others = size.n_bytes - left_out - size.of("experts", experts)
    # Copies of the attention hold everything but the experts, which they share.
    return others / _cut(serving) + called / (serving.split.stage if serving.engine.split == "tensor" else 1)


def _never_read(serving: Serving) -> tuple[str, ...]:
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


def _multiplied(serving: Serving) -> int:
    """The weights that a token is multiplied with: the active ones, but for embedding look-ups and other towers."""
    parts = _parts(serving)
    assert serving.model.parameters is not None
    other = sum(parts.get(name, 0) for name in ("vision", "prediction"))
    return serving.model.parameters.active - other - (parts.get("embedding", 0) if "output" in parts else 0)


def _cache_read(serving: Serving) -> tuple[Fraction, ...]:
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
            rows = Rows(tokens=min(cache.tokens(tokens), _seen(layer, tokens)), index=keys)
        states = 0 if cache.tokens_per_entry is not None else 2 * least_state_bytes(serving, layer, each)
        found.append(_on_one(serving, layer, rows, each) + Fraction(states, _cut(serving)))
    return tuple(found)


def _cache_written(serving: Serving) -> tuple[Fraction, ...]:
    """The bytes of one sequence's cache that reading a prompt leaves on one device, by layer."""
    found = list[Fraction]()
    for layer, each in zip(serving.model.layers, layer_rows(serving), strict=True):
        rows = layer.cache.rows(serving.context_tokens)
        keys = rows.index // keys_pooled(serving, layer)
        held = Rows(tokens=rows.tokens, index=keys, entries=rows.entries, entry_index=rows.entry_index)
        states = 0 if layer.tokens_per_entry is not None else least_state_bytes(serving, layer, each)
        found.append(_on_one(serving, layer, held, each) + Fraction(states, _cut(serving)))
    return tuple(found)


def _on_one(serving: Serving, layer: Layer, rows: Rows, each: Rows) -> Fraction:
    """The bytes of so many rows on one device: what no KV heads divide is whole on each."""
    share = kv_share(layer, serving.split.tensor) if serving.engine.split == "tensor" else Fraction(1)
    return (
        share * rows.tokens * each.tokens
        + rows.index * each.index
        + (rows.entries * each.entries + rows.entry_index * each.entry_index)
    )


def _decode_width(layer: Layer) -> int:
    """The numbers of a head that are multiplied for one key: decoding multiplies with the latents themselves."""
    if layer.latent is not None:
        return 2 * layer.latent.kv_rank + layer.latent.rotary_dim
    return layer.head_dim + (layer.value_dim or layer.head_dim)


def _index_operations(layer: Layer) -> float:
    """Operations for one of the indexer's keys and one query."""
    return 0.0 if layer.sparse is None else 2.0 * layer.sparse.heads * layer.sparse.head_dim


def _window(layer: Layer) -> int | None:
    """The tokens that a query sees as they are: where older ones are compressed, those that the cache holds and its own."""
    if layer.tokens_per_entry is not None and layer.cache.tokens_held is not None:
        return layer.cache.tokens_held + 1
    return layer.window_tokens


def _seen(layer: Layer, tokens: int) -> int:
    """How many keys the last of `tokens` tokens attends to: compressed entries count as one each."""
    window = _window(layer)
    seen = tokens if window is None else min(tokens, window)
    if layer.tokens_per_entry is not None:
        entries = tokens // layer.tokens_per_entry
        return seen + (entries if layer.sparse is None else min(entries, layer.sparse.top))
    return min(seen, _most_read(layer, tokens))


def _scored(layer: Layer, tokens: int) -> int:
    """How many of the indexer's keys the last of `tokens` tokens is multiplied with."""
    return 0 if layer.sparse is None else tokens // layer.sparse.tokens_per_key


def _most_read(layer: Layer, tokens: int) -> int:
    """The most keys that a query of a sequence of `tokens` tokens reads."""
    return tokens if layer.sparse is None or tokens <= layer.sparse.dense_tokens else layer.sparse.top


def _pairs(layer: Layer, tokens: int) -> int:
    """How many (query, key) pairs a prompt of `tokens` has in `layer`."""
    window = _window(layer)
    if layer.kind == "chunked" and window:
        whole, rest = divmod(tokens, window)
        return whole * _triangle(window) + _triangle(rest)
    if layer.tokens_per_entry is not None:
        top = None if layer.sparse is None else layer.sparse.top
        return _capped(tokens, 1, window) + _capped(tokens, layer.tokens_per_entry, top)
    most = min(tokens if window is None else window, _most_read(layer, tokens))
    return _capped(tokens, 1, most)


def _index_pairs(layer: Layer, tokens: int) -> int:
    """How many (query, key) pairs the indexer of `layer` scores in a prompt of `tokens`."""
    return 0 if layer.sparse is None else _capped(tokens, layer.sparse.tokens_per_key, None)


def _capped(tokens: int, rate: int, top: int | None) -> int:
    """Σ min(⌊i / rate⌋, top) over i = 1 … tokens."""
    if top is not None and tokens >= top * rate:
        return _capped(top * rate - 1, rate, None) + (tokens - top * rate + 1) * top
    whole, rest = divmod(tokens, rate)
    return rate * whole * (whole - 1) // 2 + whole * (rest + 1)


def _triangle(tokens: int) -> int:
    return tokens * (tokens + 1) // 2
