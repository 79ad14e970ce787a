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
from ropescope.checks.serving.memory.demand import each_device
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.speed.attended import (
    decode_width,
    index_operations,
    index_pairs,
    keys_scored,
    keys_seen,
    query_key_pairs,
)
from ropescope.checks.serving.speed.traffic import (
    cache_read,
    cache_written,
    devices_a_layer,
    experts_touched,
    never_read,
    stated_parts,
    weights_multiplied,
    weights_read,
)
from ropescope.checks.serving.splits.layer_shares import slot_weights
from ropescope.checks.serving.weights.precisions import compute_kind, weight_size
from ropescope.errors import DomainError

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


@dataclass(frozen=True, slots=True)
class Step:
    """What a decoding step reads and multiplies on one device, whatever that device is: bytes, and operations."""

    sequences: int
    weight_bytes: float
    cache_bytes: float
    work: Work


def decode_step(serving: Serving, batch: int | None = None) -> Step:
    """One decoding step of `batch` sequences (default: that of `serving`), each with its whole context in the cache. It is
    the same on every device that the model is shared among in the same way. Raises DomainError where parameters are not
    known."""
    sequences = serving.batch if batch is None else batch
    tokens, (turn, own) = serving.context_tokens, _turns(serving, sequences)
    weights = weights_read(serving, turn)
    cache = own * float(sum(cache_read(serving)))
    attending = serving.model.attention_layers
    attention = sum(2.0 * layer.n_heads * decode_width(layer) * keys_seen(layer, tokens) for layer in attending)
    index = sum(index_operations(layer) * keys_scored(layer, tokens) for layer in attending)
    each = own / devices_a_layer(serving)
    work = Work(2 * each * weights_multiplied(serving), each * attention, each * index)
    return Step(sequences, weights, cache, work)


def decode(serving: Serving, batch: int | None = None, step: Step | None = None) -> Pass:
    """One decoding step on the devices of `serving`; `step`, where it was counted already.

    Raises DomainError where parameters or the device's bandwidth are not known.
    """
    found = decode_step(serving, batch) if step is None else step
    if serving.unequal and serving.deals_layers:
        whole = Pass(found.sequences, found.weight_bytes, found.cache_bytes, found.work.total, 0.0, 0.0)
        return _in_turn(serving, whole, found.work, cache_read(serving), 1)
    return _pass(serving, found.sequences, found.weight_bytes, found.cache_bytes, found.work)


def prefill(serving: Serving, prompts: int = 1) -> Pass:
    """Reading `prompts` prompts of `context_tokens` tokens into the cache at once, so many in each copy of the attention
    where there are several: their tokens count as what comes out.

    Every weight but the output's is multiplied with every token, and every token attends to those before it that its
    layer lets it see; of absorbed and unfolded latents the cheaper counts. Weights are read once, and what the cache
    holds is written. Raises DomainError as `decode` does.
    """
    tokens, at_once = serving.context_tokens, _stages_at_once(serving, prompts)
    each = prompts / (devices_a_layer(serving) * at_once)
    parts, attending = stated_parts(serving), serving.model.attention_layers
    output = parts.get("output", parts.get("embedding", 0))
    matrices = 2.0 * ((weights_multiplied(serving) - output) * tokens + output)
    attention = sum(
        2.0 * layer.n_heads * (layer.head_dim + (layer.value_dim or layer.head_dim)) * query_key_pairs(layer, tokens)
        for layer in attending
    )
    index = sum(index_operations(layer) * index_pairs(layer, tokens) for layer in attending)
    everywhere = prompts * serving.split.data * tokens
    if serving.unequal and serving.deals_layers:
        work = Work(prompts * matrices, prompts * attention, prompts * index)
        written = prompts * float(sum(cache_written(serving)))
        whole = Pass(everywhere, weights_read(serving, everywhere), written, work.total, 0.0, 0.0)
        parts_at_once = 1 if serving.engine.name == "transformers" else prompts * -(-tokens // serving.chunk)
        return _in_turn(serving, whole, work, cache_written(serving), parts_at_once)
    weights = weights_read(serving, everywhere) / at_once
    work = Work(each * matrices, each * attention, each * index)
    return _pass(serving, everywhere, weights, prompts * float(sum(cache_written(serving))), work)


def _in_turn(serving: Serving, whole: Pass, work: Work, cache: tuple[Fraction, ...], parts: int) -> Pass:
    """`whole`, with the time it takes on unequal devices that have whole layers each and work in turn, on `parts` one after
    another: the first part passes through all, and then the slowest device sets the pace.

    What a device reads is its share of the weights and what its layers read (`cache`, layer by layer) of the cache; what
    it multiplies goes by the same shares.
    """
    devices = each_device(serving)
    size = weight_size(serving.model, serving.held_precision)
    slots = slot_weights(serving, size, without=never_read(serving), experts=experts_touched(serving, whole.tokens))
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
