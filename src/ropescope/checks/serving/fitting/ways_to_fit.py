"""Ways to fit: the changes with which a model that does not fit would, each recounted, with what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from ropescope.checks.serving.engines.engine import CacheType
from ropescope.checks.serving.fitting.fit import largest_batch, longest_context, problem_of
from ropescope.checks.serving.memory.cache import layer_rows
from ropescope.checks.serving.memory.demand import budget, demand, fits
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.splits.ways import counts, each_alone, other_ways, price, with_count
from ropescope.checks.serving.splits.weight_blocks import method_of
from ropescope.errors import DomainError

SHORTEST_CONTEXT: Final = 0.25
"""A context shorter than this share of what was asked is not offered."""

_EIGHT_BIT_CACHE: Final = {"llama.cpp": "q8_0", "ollama": "q8_0", "vllm": "fp8", "sglang": "fp8"}
_LADDERS: Final = {
    "llama.cpp": ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "IQ4_XS"),
    "ollama": ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "IQ4_XS"),
    "vllm": ("fp8", "awq"),
    "sglang": ("fp8", "awq"),
    "transformers": ("int8", "nf4"),
}
"""Precisions to fall back to, least harm first; none has fewer than four bits, below which quality falls fast."""


@dataclass(frozen=True, slots=True)
class WayToFit:
    """One change, or several together, with which it fits, and what that costs."""

    change: str
    cost: str
    serving: Serving
    spare_bytes: int


def ways_to_fit(serving: Serving, min_context: int | None = None) -> tuple[WayToFit, ...]:
    """The changes with which `serving` fits, least harm first, one of each kind; empty if it fits as it is.

    Another way of sharing the model among the same devices; a shorter context of `min_context` tokens or more (where the
    user allows it); a cache in 8 bits; a smaller batch; weights in fewer bits, then those with the 8-bit cache, then with a
    smaller batch too; another number of devices; experts in system memory; and a context of at least `SHORTEST_CONTEXT` of
    what was asked, alone and with all that shrinks.
    """
    if not problem_of(serving) and fits(serving):
        return ()
    found: dict[str, WayToFit] = {}
    for kind, change, cost, variant in _changes(serving, min_context):
        # Two changes at once are offered only where neither of them suffices.
        if kind in found or (kind == "both" and found.keys() & {"cache", "weights"}):
            continue
        if kind in ("fewer", "all") and found.keys() & {"cache", "weights", "both", "batch", "context"}:
            continue
        try:
            needed = demand(variant)
            spare = budget(variant).n_bytes - needed.total
        except DomainError:  # a cache type whose blocks do not divide this model's heads
            continue
        if spare >= 0 and not needed.lacks and not problem_of(variant):
            found[kind] = WayToFit(change, cost, variant, spare)
    return tuple(found.values())


def _changes(serving: Serving, min_context: int | None) -> Iterator[tuple[str, str, str, Serving]]:
    """Changes in order of harm: kind, what changes, what it costs, and the way of serving it gives."""
    asked, longest = serving.context_tokens, longest_context(serving) or 0
    shorter = replace(serving, context_tokens=max(longest, 1))
    for way in other_ways(serving):
        yield "split", f"split as {way.split.options}", price(way.split), way
    if min_context is not None and longest >= min_context:
        yield "context", f"context {longest:,} instead of {asked:,}", f"nothing down to {min_context:,}", shorter
    eight = _eight_bits(serving)
    lean = serving if eight is None else replace(serving, cache_type=eight)
    if eight is not None:
        yield "cache", f"cache in {eight.flag}", "a little quality at long range", lean
    if serving.batch > 1 and (most := largest_batch(serving)):
        yield "batch", f"batch {most:,} instead of {serving.batch:,}", "throughput", replace(serving, batch=most)
    for change, variant in _lighter_weights(serving):
        yield "weights", change, "quality, the more the fewer bits", variant
    if eight is not None:
        for change, variant in _lighter_weights(lean):
            yield "both", f"{change}, cache in {eight.flag}", "quality, the more the fewer bits", variant
    for change, variant in _lighter_weights(lean) if serving.batch > 1 else ():
        if most := largest_batch(variant):
            what = f"{change}, {lean.cache_type.label} cache, batch {most:,}"
            yield "fewer", what, "quality and throughput", replace(variant, batch=most)
    for count in sorted(counts(serving)):
        if count != serving.count:
            more = f"{count - serving.count} more" if count > serving.count else "the others are free"
            yield "devices", f"{count} device{'s' if count > 1 else ''}", more, with_count(serving, count)
    for variant in each_alone(serving):
        yield "devices", f"one {variant.device.name} alone", "the others are free", variant
    yield from _experts_off(serving)
    if longest >= SHORTEST_CONTEXT * asked:
        yield "context", f"context {longest:,} instead of {asked:,}", "the tokens beyond", shorter
    for change, variant in _lighter_weights(lean):
        within = longest_context(variant) or 0
        if SHORTEST_CONTEXT * asked <= within < asked:
            what = f"{change}, {lean.cache_type.label} cache, context {within:,}"
            yield "all", what, "quality, and the tokens beyond", replace(variant, context_tokens=within)


def _lighter_weights(serving: Serving) -> Iterator[tuple[str, Serving]]:
    if serving.model.parameters is None:
        return
    now = demand(serving).weights.n_bytes
    for precision in _LADDERS[serving.engine.name]:
        if precision == method_of(serving):
            continue  # its weights are in it already
        variant = replace(serving, precision=precision)
        if demand(variant).weights.n_bytes < now:
            yield f"weights in {precision}", variant


def _experts_off(serving: Serving) -> Iterator[tuple[str, str, str, Serving]]:
    known = serving.model.parameters is not None and "experts" in serving.model.parameters.parts
    if serving.engine.name != "llama.cpp" or serving.device.vendor == "cpu" or not known:
        return
    for moved in range(1, len(serving.model.layers) + 1):
        variant = replace(serving, cpu_moe_layers=moved)
        if fits(variant):
            yield "experts", f"the experts of {moved} layers in system memory", "speed: they run there", variant
            return


def _eight_bits(serving: Serving) -> CacheType | None:
    """The engine's 8-bit cache; None where the cache is in it already, or its blocks do not divide this model's heads."""
    name = _EIGHT_BIT_CACHE.get(serving.engine.name)
    found = serving.engine.cache_types[name] if name else None
    if found is None or found.kind == serving.cache_type.kind:
        return None
    try:
        layer_rows(replace(serving, cache_type=found))
    except DomainError:
        return None
    return found
