"""Fit: whether a model fits a device, what the culprit is if not, and how far context and batch can go.

Every answer comes from the one function that counts memory (`memory.demand`): the longest context and the largest batch
are found by bisection on it, and a rescue is only offered after it has been recounted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from ropescope.checks.serving.engines.engine import CacheType
from ropescope.checks.serving.memory.cache import layer_rows
from ropescope.checks.serving.memory.demand import Budget, Demand, budget, demand, fits
from ropescope.checks.serving.serving import MOST_SEQUENCES, MOST_TOKENS, Serving
from ropescope.checks.serving.splits.rules import split_problem
from ropescope.checks.serving.splits.ways import counts, each_alone, other_ways, price, with_count
from ropescope.checks.serving.splits.weight_blocks import method_of
from ropescope.checks.serving.support.kernels import support_problem
from ropescope.errors import DomainError

Outcome = Literal["fits", "tight", "may fit", "cache-bound", "weights-bound", "cannot be split", "does not run"]
"""fits: with 10 % of the budget to spare or more; tight: with less; may fit: what could be counted has room, and the
files say more that was not understood; cache-bound: all but the cache has room;
weights-bound: weights, activations and overhead alone have none; does not run: the engine has no kernels for these
weights on this device."""

TO_SPARE: Final = 0.10
SHORTEST_RESCUE: Final = 0.25
"""A context shorter than this share of what was asked is not offered as a rescue."""

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
class Fit:
    """The answer for one way of serving. `longest_context` and `largest_batch` are None where nothing bounds them, 0
    where not even one token or sequence fits."""

    serving: Serving
    outcome: Outcome
    problem: str
    demand: Demand
    budget: Budget
    longest_context: int | None
    largest_batch: int | None

    @property
    def spare_bytes(self) -> int:
        """What is left of the budget; negative where it does not suffice."""
        return self.budget.n_bytes - self.demand.total

    @property
    def outcome_in_words(self) -> str:
        """How a sentence goes on that says where: "does not run on", "cannot be split over"; "" where it could fit."""
        split = "cannot be split over" if self.serving.count > 1 else "cannot be loaded on"
        return {"does not run": "does not run on", "cannot be split": split}.get(self.outcome, "")

    @property
    def ok(self) -> bool:
        """Whether it is known to fit."""
        return self.outcome in ("fits", "tight")

    @property
    def answer(self) -> bool | None:
        """Whether it fits; None where that is open, since the count is a lower bound."""
        return None if self.outcome == "may fit" else self.ok


@dataclass(frozen=True, slots=True)
class Rescue:
    """One change, or several together, with which it fits, and what that costs."""

    change: str
    cost: str
    serving: Serving
    spare_bytes: int


def fit(serving: Serving) -> Fit:
    """Whether `serving` fits, with the longest context and largest batch that do. Raises DomainError as `demand`."""
    unsupported = support_problem(serving)
    problem = unsupported or split_problem(serving)
    needed, allowed = demand(serving), budget(serving)
    return Fit(
        serving,
        "does not run" if unsupported else "cannot be split" if problem else outcome(needed, allowed),
        problem,
        needed,
        allowed,
        0 if problem else longest_context(serving),
        0 if problem else largest_batch(serving),
    )


def _problem(serving: Serving) -> str:
    return support_problem(serving) or split_problem(serving)


def outcome(needed: Demand, allowed: Budget) -> Outcome:
    """What `needed` against `allowed` means."""
    if needed.total <= allowed.n_bytes:
        if needed.lacks:
            return "may fit"
        return "fits" if allowed.n_bytes - needed.total >= TO_SPARE * allowed.n_bytes else "tight"
    return "cache-bound" if needed.total - needed.cache.n_bytes <= allowed.n_bytes else "weights-bound"


def longest_context(serving: Serving) -> int | None:
    """The most tokens a sequence for which `serving` fits; None if nothing bounds it, 0 if none does. An encoder has no
    positions beyond those that it states."""
    found = _most(lambda tokens: replace(serving, context_tokens=tokens), MOST_TOKENS)
    stated = None if serving.model.causal else serving.model.context.longest
    return found if stated is None else min(stated, MOST_TOKENS if found is None else found)


def largest_batch(serving: Serving) -> int | None:
    """The most sequences at once for which `serving` fits; None if nothing bounds it, 0 if none does."""
    return _most(lambda sequences: replace(serving, batch=sequences), MOST_SEQUENCES)


def _most(variant: Callable[[int], Serving], limit: int) -> int | None:
    """The largest number whose variant fits: memory grows with it, so halving the interval finds it exactly."""
    if not fits(variant(1)):
        return 0
    if fits(variant(limit)):
        return None
    low, high = 1, 2
    while fits(variant(high)):
        low, high = high, min(2 * high, limit)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(variant(middle)) else (low, middle)
    return low


def splits(serving: Serving) -> tuple[Fit, ...]:
    """The same on each number of devices, shared in the engine's own way; on the number asked, as asked. Of unequal devices
    on each kind alone, and on all."""
    numbers = (with_count(serving, count) for count in sorted({*counts(serving), serving.count}))
    return tuple(map(fit, (*each_alone(serving), *numbers)))


def working_split(serving: Serving) -> Serving:
    """`serving` with the plainest split of its devices that fits, where the user asked for none and the engine's own does
    not; else as it is."""
    if serving.parallel is not None or (not _problem(serving) and fits(serving)) or support_problem(serving):
        return serving
    return next((way for way in other_ways(serving) if not _problem(way) and fits(way)), serving)


def rescues(serving: Serving, min_context: int | None = None) -> tuple[Rescue, ...]:
    """The changes with which `serving` fits, least harm first, one of each kind; empty if it fits as it is.

    Another way of sharing the model among the same devices; a shorter context of `min_context` tokens or more (where the
    user allows it); a cache in 8 bits; a smaller batch; weights in fewer bits, then those with the 8-bit cache, then with a
    smaller batch too; another number of devices; experts in system memory; and a context of at least `SHORTEST_RESCUE` of
    what was asked, alone and with all that shrinks.
    """
    if not _problem(serving) and fits(serving):
        return ()
    found: dict[str, Rescue] = {}
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
        if spare >= 0 and not needed.lacks and not _problem(variant):
            found[kind] = Rescue(change, cost, variant, spare)
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
    if longest >= SHORTEST_RESCUE * asked:
        yield "context", f"context {longest:,} instead of {asked:,}", "the tokens beyond", shorter
    for change, variant in _lighter_weights(lean):
        within = longest_context(variant) or 0
        if SHORTEST_RESCUE * asked <= within < asked:
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
