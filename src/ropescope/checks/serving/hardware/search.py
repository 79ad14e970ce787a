"""Search: every device in every usual number, each counted as `fit` and `speed` count one.

What repeats is counted once (`_Counted`): devices that share a model in the same way read and multiply the same, and hold
the same where their engine runs as many prompt tokens at once. A set with less memory than the weights is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from ropescope.checks.serving.devices.device import GIB, Device
from ropescope.checks.serving.engines.cache_types import cache_type_of
from ropescope.checks.serving.engines.engine import Engine, find_engine
from ropescope.checks.serving.inputs import usual_engine
from ropescope.checks.serving.memory.demand import Demand, budget, demand
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.speed.roofline import Pass, Step, decode, decode_step
from ropescope.checks.serving.splits.rules import split_problem
from ropescope.checks.serving.splits.ways import other_ways
from ropescope.checks.serving.support.architectures import architecture_problem
from ropescope.checks.serving.support.kernels import support_problem
from ropescope.checks.serving.weights.files import RUN_GGUF
from ropescope.checks.serving.weights.precisions import is_gguf, weight_size
from ropescope.errors import DomainError
from ropescope.models.model import Model

MEMORY_STEP: Final = 4 * GIB


def is_alone(device: Device) -> bool:
    """Whether a machine has only one of them: a CPU, and a GPU that shares the CPU's memory, as Apple's and the GB10."""
    return device.vendor in ("cpu", "apple") or device.interconnect == "unified memory"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be served: `batch` sequences of `context_tokens` each at once. engine: None for each device's usual one.
    prices: of one device for an hour, by its name; settings: what else a Serving takes."""

    model: Model
    context_tokens: int
    batch: int = 1
    precisions: tuple[str, ...] = ("stored",)
    kv_precision: str = "auto"
    engine: str | None = None
    prices: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A set of alike devices that serves what is asked. step: None where the device's bandwidth is not known."""

    serving: Serving
    total_bytes: int
    budget_bytes: int
    step: Pass | None
    price: float | None

    @property
    def spare_bytes(self) -> int:
        """Of all devices together, as much as the fullest has each."""
        return (self.budget_bytes - self.total_bytes) * self.serving.count

    @property
    def memory_bytes(self) -> int:
        """Of all devices together."""
        return self.serving.device.memory_bytes * self.serving.count

    @property
    def tokens_per_second(self) -> float:
        """At most, of all sequences together; 0 where it is not known."""
        return 0.0 if self.step is None else self.step.tokens_per_second

    @property
    def cost(self) -> float | None:
        """Of a million tokens, at least, with all devices running; None without a price."""
        if self.price is None or not self.tokens_per_second:
            return None
        return self.price / 3600 / self.tokens_per_second * 1e6


@dataclass(frozen=True, slots=True)
class Searched:
    """What serves, and why the others do not: `refused` has the reason for each device that no number of helps. closest:
    where nothing serves, the set that lacks the smallest share of its memory."""

    found: tuple[Found, ...]
    refused: Mapping[str, str]
    devices: int
    lower_bounds: int
    closest: Found | None = None


TOO_SMALL: Final = "too little memory"


def search(wish: Wish, devices: Iterable[Device], counts: tuple[int, ...]) -> Searched:
    """Every device in each of `counts`, with each precision that its engine runs. Raises DomainError for a model whose
    parameters are not known, and a precision or cache type that no engine here has."""
    found, refused, lower, devices = list[Found](), dict[str, str](), 0, tuple(devices)
    counted = _Counted()
    for device in devices:
        reasons, here = list[str](), 0
        for precision in wish.precisions:
            for count in (1,) if is_alone(device) else counts:
                try:
                    serving = _serving(wish, device, count, precision)
                except DomainError as error:
                    reasons.append(str(error))
                    break  # of no number of them
                answer = _found(serving, wish, counted)
                if isinstance(answer, Found):
                    found.append(answer)
                    here += 1
                elif answer is None:
                    lower += 1
                else:
                    reasons.append(answer)
        if not here:
            refused[device.name] = TOO_SMALL if TOO_SMALL in reasons else reasons[0]
    closest = None if found or lower else _closest(wish, devices, counts[-1], counted)
    return Searched(tuple(found), refused, len(devices), lower, closest)


def _closest(wish: Wish, devices: Iterable[Device], most: int, counted: _Counted) -> Found | None:
    best: Found | None = None
    for device in devices:
        for precision in wish.precisions:
            try:
                serving = _serving(wish, device, 1 if is_alone(device) else most, precision)
            except DomainError:
                continue
            if counted.problem(serving):
                continue
            one = Found(serving, counted.demand(serving).total, budget(serving).n_bytes, None, None)
            if best is None or one.total_bytes / one.budget_bytes < best.total_bytes / best.budget_bytes:
                best = one
    return best


def _serving(wish: Wish, device: Device, count: int, precision: str) -> Serving:
    engine = find_engine(wish.engine or usual_engine(wish.model, device))
    if wish.engine is None and is_gguf(precision):
        engine = find_engine("llama.cpp")
    serving = _with_engine(wish, device, count, precision, engine)
    if wish.engine is None and engine.name == "vllm" and architecture_problem(serving):
        return _with_engine(wish, device, count, precision, find_engine("transformers"))
    return serving


def _with_engine(wish: Wish, device: Device, count: int, precision: str, engine: Engine) -> Serving:
    return Serving(
        model=wish.model,
        device=device,
        engine=engine,
        context_tokens=wish.context_tokens,
        cache_type=cache_type_of(engine, wish.model, device, wish.kv_precision),
        batch=wish.batch,
        count=count,
        precision=precision,
    )


class _Counted:
    """What was counted already, each by all that it depends on within one search."""

    def __init__(self) -> None:
        self._steps: dict[Any, Step] = {}
        self._demands: dict[Any, Demand] = {}
        self._problems: dict[Any, str] = {}
        self._weights: dict[Any, int] = {}

    def problem(self, serving: Serving) -> str:
        """Why the engine does not run it: `fit`'s `problem_of`."""
        unsupported = support_problem(serving)
        if unsupported:
            return unsupported
        key = self._way(serving)
        if key not in self._problems:
            self._problems[key] = split_problem(serving)
        return self._problems[key]

    def demand(self, serving: Serving) -> Demand:
        """What the fullest device holds."""
        by_memory = serving.engine.name == "sglang" or serving.deals_layers
        memory = serving.device.memory_bytes if by_memory else 0
        key = (*self._way(serving), serving.chunk, serving.device.vendor == "cpu", memory)
        if key not in self._demands:
            self._demands[key] = demand(serving)
        return self._demands[key]

    def step(self, serving: Serving) -> Pass | None:
        """A decoding step; None where the bandwidth is not known, or nothing is decoded."""
        if serving.device.bandwidth is None or not serving.model.causal:
            return None
        key = self._way(serving)
        if key not in self._steps:
            self._steps[key] = decode_step(serving)
        return decode(serving, step=self._steps[key])

    def least_bytes(self, serving: Serving) -> int:
        """The weights that all devices together hold, however they share them."""
        key = (serving.engine.name, serving.precision)
        if key not in self._weights:
            size, parameters = weight_size(serving.model, serving.held_precision), serving.model.parameters
            apart = 0 if parameters is None else parameters.parts.get("embedding", 0)
            beside = round(size.of("embedding", apart)) if serving.engine.name in RUN_GGUF else 0
            self._weights[key] = size.n_bytes - beside
        return self._weights[key]

    @staticmethod
    def _way(serving: Serving) -> tuple[Any, ...]:
        return (serving.engine.name, serving.split, serving.precision, serving.cache_type.label)


def _found(serving: Serving, wish: Wish, counted: _Counted) -> Found | str | None:
    """The set, with the plainest split that fits; why it does not serve; or None where the count is a lower bound."""
    problem = counted.problem(serving)
    if counted.least_bytes(serving) > serving.device.memory_bytes * serving.count:
        return problem or TOO_SMALL
    for way in (serving, *(() if serving.count == 1 else other_ways(serving))):
        if problem if way is serving else counted.problem(way):
            continue
        needed, allowed = counted.demand(way), budget(way)
        if needed.total > allowed.n_bytes:
            continue
        if needed.lacks:
            return None
        each = None if wish.prices is None else wish.prices.get(way.device.name)
        price = None if each is None else each * way.count
        return Found(way, needed.total, allowed.n_bytes, counted.step(way), price)
    return problem or TOO_SMALL


def front(found: Iterable[Found]) -> tuple[Found, ...]:
    """Those that no other beats, of alike ones the fastest and then the newest; cheapest, or fewest, first.

    With prices: none is as cheap, as fast and as roomy, and better in one. Without: none has as few devices of as little
    memory each, compared in steps of `MEMORY_STEP`, since cards sold as 24 GB differ a little.
    """
    sets = tuple(found)
    priced = [one for one in sets if one.price is not None]
    goals: dict[tuple[float, ...], Found] = {}
    for one in priced or sets:
        memory = ceil(one.serving.device.memory_bytes / MEMORY_STEP)
        goal = (
            (-one.price, one.tokens_per_second, float(one.spare_bytes))
            if one.price is not None
            else (-float(one.serving.count), -float(memory))
        )
        if goal not in goals or _newest(one) > _newest(goals[goal]):
            goals[goal] = one
    kept = [one for goal, one in goals.items() if not any(_beats(other, goal) for other in goals)]
    return tuple(sorted(kept, key=lambda one: (one.price or 0.0, one.serving.count, one.memory_bytes)))


def _newest(one: Found) -> tuple[float, str]:
    return one.tokens_per_second, one.serving.device.date


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))


def counts_up_to(most: int) -> tuple[int, ...]:
    """1, 2, 4, 8, … up to `most`, and `most`."""
    powers = [2**power for power in range(most.bit_length())]
    return tuple(sorted({*powers, most}))
