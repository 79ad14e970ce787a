"""Speed: the ceiling of decoding and prefill on a device, by batch, and what a token costs at a given price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ropescope.checks.serving.devices.device import GIB, Device, find_device
from ropescope.checks.serving.devices.lists import is_list
from ropescope.checks.serving.devices.this_device import is_this
from ropescope.checks.serving.fitting.fit import Fit, fit
from ropescope.checks.serving.fitting.on_devices import device_data, on_devices
from ropescope.checks.serving.inputs import ServingInputs, read_serving
from ropescope.checks.serving.opening import open_one
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.speed.roofline import (
    MANY_PROMPTS,
    Pass,
    compute_bound_batch,
    decode,
    prefill,
)
from ropescope.checks.serving.speed.traffic import experts_touched
from ropescope.checks.serving.weights.precisions import compute_kind, weight_size
from ropescope.checks.speed_caveats import CEILING, speed_caveats
from ropescope.checks.speed_figure import speed_figure
from ropescope.errors import DomainError, InputError
from ropescope.questions.domains import Real
from ropescope.questions.inputs import asked
from ropescope.questions.question import Run
from ropescope.report.report import Basis, Column, Fact, Report, Step, Table

MOST_BY_DEFAULT = 4096
"""Tokens in each cache where none are asked for, or the stated context."""

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What `speed_report` needs: a way of serving, the share of the ceiling to count with, and a price of one device for
    an hour in any currency (None: no costs)."""

    serving: Serving
    efficiency: float = 1.0
    price: float | None = None

    def __post_init__(self) -> None:
        require_shares(self.efficiency, self.price)


@dataclass(frozen=True, kw_only=True)
class SpeedInputs(ServingInputs):
    """A way of serving, what to count with, and a price."""

    price: float | None = asked(
        Real(at_least=0.0), "Of one device for an hour, in any currency.", default=None, group="cost"
    )
    efficiency: float = asked(
        Real(above=0.0, at_most=1.0), "Share of the ceiling to count with.", default=1.0, group="load"
    )
    bandwidth: float | None = asked(Real(above=0.0), "Of the device's memory, in GB/s.", default=None, group="device")
    tflops: float | None = asked(Real(above=0.0), "Dense 16-bit TFLOPS of the device.", default=None, group="device")

    @property
    def given_figures(self) -> tuple[float | None, float | None]:
        """(bandwidth, TFLOPS)."""
        return self.bandwidth, self.tflops


def answer(inputs: SpeedInputs, run: Run) -> Report:
    """How fast a device could decode and prefill at most, by batch, and what a token costs."""
    require_bandwidth(inputs.gpu, inputs.bandwidth)
    model, inputs = open_one(inputs)
    serving = read_serving(model, inputs, most_by_default=MOST_BY_DEFAULT, needs_bandwidth=True)
    return speed_report(Assumptions(serving, inputs.efficiency, inputs.price))


def require_shares(efficiency: float, price: float | None) -> None:
    """Raise DomainError for a share of the ceiling outside 0 to 1, and for a price that is negative or infinite."""
    if not 0 < efficiency <= 1:
        raise DomainError(f"`efficiency` is {efficiency:g}: give a share above 0 and at most 1.")
    if price is not None and not 0 <= price < float("inf"):
        raise DomainError(f"`price` is {price:g}: give what a device costs an hour, 0 or more.")


def require_bandwidth(gpu: str, bandwidth_gb_s: float | None) -> None:
    """Raise DomainError for a device that is given by its memory alone: nothing tells how fast that is read."""
    if bandwidth_gb_s is None and not is_list(gpu) and not is_this(gpu) and find_device(gpu).bandwidth is None:
        raise InputError("bandwidth", f"The bandwidth of {gpu} is not known: give `bandwidth` in GB/s.")


def speed_report(inputs: Assumptions) -> Report:
    """Tokens a second at most, what bounds them, and what they cost.

    Raises DomainError for a model whose parameters are not known, and a device whose bandwidth is not.
    """
    serving = inputs.serving
    if not serving.model.causal:
        raise DomainError(
            f"{serving.model.name} is an encoder, which generates no tokens: there is no speed of decoding to tell; `fit` "
            "counts its memory."
        )
    found = fit(serving)
    if found.problem:
        raise DomainError(f"{serving.model.name} {found.outcome_in_words} {on_devices(serving)}: {found.problem}")
    step, turn = decode(serving), compute_bound_batch(serving)
    # Reading a prompt is a matter of arithmetic: without a peak nothing can be said of it.
    reading = None if step.compute_seconds is None else prefill(serving)
    batches = sorted({*BATCHES, serving.batch, *([found.largest_batch] if found.largest_batch else [])})
    rows = tuple(_row(inputs, decode(serving, batch), found) for batch in batches)
    return Report(
        title=f"{serving.model.name} · {on_devices(serving)} · {serving.context_tokens:,} tokens in each cache · weights "
        f"{serving.weights_as}, cache {serving.cache_type.label}",
        verdict=_verdict(inputs, step, reading, found.answer is not False),
        facts=_facts(inputs, step, reading, turn, found.largest_batch),
        tables=(_table(inputs, rows),),
        figures=(speed_figure(serving, found.largest_batch, inputs.efficiency),),
        caveats=speed_caveats(serving, found.answer),
        next_steps=(
            Step(
                "fit",
                {"source": serving.model.source.spelled, "gpu": "…"},
                "What must be held, and how far context and batch can go",
            ),
        ),
        data=_data(inputs, step, reading, turn, found.largest_batch, batches)
        | {"warnings": list(speed_caveats(serving, found.answer))},
    )


def cost_per_million(inputs: Assumptions, one: Pass) -> float | None:
    """What a million tokens cost at the price of a device for an hour, all devices running; None without a price."""
    if inputs.price is None:
        return None
    return inputs.price * inputs.serving.count / 3600 / (inputs.efficiency * one.tokens_per_second) * 1e6


def _verdict(inputs: Assumptions, step: Pass, reading: Pass | None, ok: bool) -> str:
    serving, share = inputs.serving, inputs.efficiency
    rate = share * step.tokens_per_second
    each = "" if serving.batch == 1 else f" ({rate / serving.batch:,.3g} for each of {serving.batch:,})"
    level, more = ("at most ", " or more") if share == 1 else ("", "")
    text = (
        f"{serving.model.name} on {on_devices(serving)} decodes {level}{_rate(rate)} tokens a second{each} with "
        f"{serving.context_tokens:,} tokens in each cache, bound by {step.bound}"
    )
    text += "" if share == 1 else f", at {share:.0%} of the ceiling"
    prompts = "such a prompt" if serving.split.data == 1 else f"{serving.split.data} such prompts at once"
    text += "." if reading is None else f"; reading {prompts} takes {_time(reading.seconds / share)}{more}."
    cost = cost_per_million(inputs, step)
    text += "" if cost is None else f" A million tokens cost {cost:,.3g}{more}."
    return text if ok else f"{text} But it does not fit: see `fit`."


def _facts(
    inputs: Assumptions, step: Pass, reading: Pass | None, turn: int | None, largest: int | None
) -> tuple[Fact, ...]:
    serving, device = inputs.serving, inputs.serving.device
    kind = compute_kind(serving.model, serving.held_precision, serving.device)
    peak = device.peak(kind)
    size = weight_size(serving.model, serving.held_precision)
    source = ", ".join(filter(None, (device.source, device.date))) or "given"
    basis: Basis = "published" if device.source else "assumed"
    in_turn = bool(serving.unequal) and serving.deals_layers
    bandwidth = _bandwidth(serving, step) / 1e9
    where = "on all devices, one after another" if in_turn else "on one device"
    used = kind if kind in device.peaks else "bf16"
    told = f"dense {used}, the type these weights are multiplied in; {source}"
    facts = [
        Fact("weights read a step", step.weight_bytes / GIB, "GiB", size.basis, f"{where}; {size.source}"),
        Fact("cache read a step", step.cache_bytes / GIB, "GiB", "formula", f"{where}, batch {serving.batch:,}"),
        Fact(
            "operations a step", step.operations / 1e12, "10¹²", "formula", "two a weight and sequence, and attention"
        ),
        Fact("bandwidth", bandwidth, "GB/s", "formula", "of all in turn")
        if in_turn
        else Fact("bandwidth", bandwidth, "GB/s", *_rests_on(device, basis, source)),
    ]
    if peak is None:
        facts.append(Fact("peak", "not stated", "", basis, "give `tflops` to learn of prefill and the knee"))
    else:
        facts.append(Fact("peak", peak / 1e12, "TFLOPS", basis, f"of the slowest; {told}" if serving.unequal else told))
    if reading is not None:
        rate = inputs.efficiency * reading.tokens_per_second
        copies = serving.split.data
        prompts = "one prompt" if copies == 1 else f"one prompt in each of {copies} copies of the attention"
        facts.append(Fact("prefill", rate, "tokens/s", "formula", f"{prompts}, {reading.bound}-bound"))
        many = inputs.efficiency * prefill(serving, MANY_PROMPTS).tokens_per_second
        facts.append(
            Fact("prefill, many prompts", many, "tokens/s", "formula", "at once, so that weights cost no time")
        )
    if turn is not None:
        facts.append(Fact("compute-bound from batch", turn, "sequences", "formula", "the knee of the roofline"))
    elif peak is not None:
        facts.append(
            Fact("compute-bound from batch", "never", "", "formula", "each sequence's cache is read for it alone")
        )
    limit = "nothing here bounds it" if largest is None else largest
    bound = "at most: the weights are a lower bound" if weight_size(serving.model, serving.held_precision).lacks else ""
    facts.append(Fact("largest batch that fits", limit, "", "formula", "as `fit` counts it", note=bound))
    if any(layer.experts is not None for layer in serving.model.layers):
        touched = experts_touched(serving, serving.batch)
        facts.append(Fact("experts read a step", touched, "of all", "assumed", "uniform routing: 1 − (1 − k/n)^batch"))
    return tuple(facts)


def _rests_on(device: Device, basis: Basis, source: str) -> tuple[Basis, str]:
    """(basis, source) of the bandwidth: its own where it is not the vendor's."""
    return (device.bandwidth_basis, device.bandwidth_source) if device.bandwidth_source else (basis, source)


def _table(inputs: Assumptions, rows: tuple[tuple[Any, ...], ...]) -> Table:
    columns = [
        Column("batch", "", ",d"),
        Column("tokens/s", "", ",.4g"),
        Column("each", "tokens/s", ",.4g"),
        Column("a token", "ms", ",.3g"),
        Column("bound"),
        Column("fits"),
    ]
    if inputs.price is not None:
        columns.insert(4, Column("a million tokens", "", ",.3g"))
    share = "" if inputs.efficiency == 1 else f" × {inputs.efficiency:g}"
    return Table(f"Decoding by batch: ceiling{share}", tuple(columns), rows)


def _row(inputs: Assumptions, step: Pass, found: Fit) -> tuple[Any, ...]:
    rate = inputs.efficiency * step.tokens_per_second
    row = [step.tokens, rate, rate / step.tokens, 1e3 * step.seconds / inputs.efficiency, step.bound]
    if inputs.price is not None:
        row.insert(4, cost_per_million(inputs, step) or 0.0)
    within = found.largest_batch is None or step.tokens <= found.largest_batch
    return (*row, None if within and found.demand.lacks else within)  # of a lower bound it is not known


def _data(
    inputs: Assumptions, step: Pass, reading: Pass | None, turn: int | None, largest: int | None, batches: list[int]
) -> dict[str, Any]:
    serving = inputs.serving
    return {
        "model": serving.model.name,
        "device": serving.device.name,
        "detected": serving.device.detected,
        "devices": device_data(serving),
        "count": serving.count,
        "engine": serving.engine.name,
        "context_tokens": serving.context_tokens,
        "batch": serving.batch,
        "precision": serving.precision,
        "cache_type": serving.cache_type.label,
        "efficiency": inputs.efficiency,
        "price_per_device_hour": inputs.price,
        "bandwidth_bytes_per_second": _bandwidth(serving, step),
        "bandwidth_source": serving.device.bandwidth_source or serving.device.source,
        "peak_operations_per_second": serving.device.peak(
            compute_kind(serving.model, serving.held_precision, serving.device)
        ),
        "decode": _plain(inputs, step),
        "prefill": None if reading is None else _plain(inputs, reading),
        "prefill_tokens_per_second_of_many": None
        if reading is None
        else inputs.efficiency * prefill(serving, MANY_PROMPTS).tokens_per_second,
        "compute_bound_from_batch": turn,
        "largest_batch": largest,
        "by_batch": [_plain(inputs, decode(serving, batch)) for batch in batches],
        "note": CEILING,
    }


def _bandwidth(serving: Serving, step: Pass) -> float:
    """Bytes a second: of a device, or of unequal ones that work in turn all bytes over the time that reading them takes."""
    if serving.unequal and serving.deals_layers:
        return (step.weight_bytes + step.cache_bytes) / step.memory_seconds
    return serving.device.bandwidth or 0.0


def _plain(inputs: Assumptions, one: Pass) -> dict[str, Any]:
    return {
        "tokens": one.tokens,
        "weight_bytes": round(one.weight_bytes),
        "cache_bytes": round(one.cache_bytes),
        "operations": round(one.operations),
        "bound": one.bound,
        "seconds": one.seconds / inputs.efficiency,
        "tokens_per_second": inputs.efficiency * one.tokens_per_second,
        "cost_per_million_tokens": cost_per_million(inputs, one),
    }


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _time(value: float) -> str:
    return f"{value:,.3g} s" if value >= 1 else f"{1e3 * value:.3g} ms"
