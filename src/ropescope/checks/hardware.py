"""Hardware: which devices, how many of them, serve a model as it is asked for, and which of these sets no other beats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ropescope.checks.fit_caveats import caveats, gib
from ropescope.checks.hardware_figure import hardware_figure
from ropescope.checks.serving.devices.device import GIB, Device, devices, devices_named
from ropescope.checks.serving.engines.engine import find_engine
from ropescope.checks.serving.fitting.fit import largest_batch, longest_context
from ropescope.checks.serving.fitting.on_devices import on_devices
from ropescope.checks.serving.hardware.search import TOO_SMALL, Found, Searched, Wish, counts_up_to, front, search
from ropescope.checks.serving.inputs import with_parameters
from ropescope.checks.serving.serving import MOST_SEQUENCES, MOST_TOKENS
from ropescope.checks.serving.weights.precisions import read_precision
from ropescope.errors import DomainError, InputError, SourceError
from ropescope.models.model import Model
from ropescope.models.offered import offered
from ropescope.models.opening import open as open_model
from ropescope.questions.domains import Choice, Whole
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Count, ListOf, Text, Tokens
from ropescope.questions.numbers import read_number
from ropescope.questions.question import Run
from ropescope.questions.shared import OneModel
from ropescope.report.report import Column, Fact, Report, Step, Table

MOST_COUNT: Final = 64
VENDORS: Final = ("any", "nvidia", "amd", "intel", "apple")
SHOWN_SETS: Final = 12
_UNNAMED: Final = "any device"


@dataclass(frozen=True, kw_only=True)
class HardwareInputs(OneModel):
    """A model, the load that it must take, and which devices are considered."""

    context: int | None = asked(
        Tokens(metavar="T"),
        "Tokens a sequence that must fit, as 8192 or 32k; default: stated.",
        default=None,
        group="load",
    )
    batch: int = asked(Whole(1, MOST_SEQUENCES), "Sequences at once that must fit.", default=1, group="load")
    precision: tuple[str, ...] = asked(
        ListOf(Text()), "Of weights, one or several: stored, fp8, awq, Q4_K_M, …", default=("stored",), group="types"
    )
    kv_precision: str = asked(
        Text(), "Of the cache, as the engine calls it: auto, bf16, fp8, q8_0, …", default="auto", group="types"
    )
    engine: str | None = asked(
        Text(),
        "vllm, sglang, llama.cpp, ollama or transformers; default: each device's usual.",
        default=None,
        group="engine",
    )
    vendor: str = asked(Choice(VENDORS), "Devices of this vendor alone.", default="any", group="device")
    among: tuple[str, ...] = asked(
        ListOf(Text()), "These devices alone: 4090, a100, h100-sxm, …", default=(), group="device"
    )
    most: int = asked(Whole(1, MOST_COUNT), "The largest number of alike devices.", default=8, group="device")
    price: tuple[str, ...] = asked(
        ListOf(Text()),
        "What a device costs an hour, in any currency: h100-sxm=2.50,4090=0.40. Only these devices are compared then.",
        default=(),
        group="cost",
    )
    parameters: int | None = asked(Count(), "Where the files do not tell: 8B, 70B, …", default=None, group="model")
    active: int | None = asked(Count(), "Of those, what a token passes through.", default=None, group="model")


def answer(inputs: HardwareInputs, run: Run) -> Report:
    """Which devices, how many of them, serve a model."""
    prices = read_prices(inputs.price)
    chosen = _considered(inputs, prices)
    precisions = tuple(dict.fromkeys(map(read_precision, inputs.precision)))
    _refuse_types(inputs.engine, precisions, inputs.kv_precision)
    model = with_parameters(_opened(inputs), inputs.parameters, inputs.active)
    context = inputs.context if inputs.context is not None else model.context_length
    if context is None:
        raise InputError("context", f"{model.name} states no context length: give one with `context`.")
    if context > MOST_TOKENS:
        raise InputError("context", f"`context` is {context:,}: give at most {MOST_TOKENS:,}.")
    wish = Wish(model, context, inputs.batch, precisions, inputs.kv_precision, inputs.engine, prices or None)
    return hardware_report(wish, search(wish, chosen, counts_up_to(inputs.most)), inputs.most)


def _refuse_types(engine: str | None, precisions: Sequence[str], kv_precision: str) -> None:
    """Raise InputError now for types that no engine considered runs."""
    engines = [find_engine(name) for name in ((engine,) if engine is not None else ("vllm", "llama.cpp"))]
    named = " and ".join(one.name for one in engines)
    for precision in precisions:
        if not any(precision in one.precisions for one in engines):
            offered_here = ", ".join(dict.fromkeys(name for one in engines for name in one.precisions))
            raise InputError(
                "precision", f"`precision` {precision} is run by none of {named}: give one of {offered_here}."
            )
    refused = []
    for one in engines:
        try:
            one.cache_type(kv_precision)
        except DomainError as error:
            refused.append(error)
    if len(refused) == len(engines):
        raise InputError("kv_precision", f"`kv_precision`: {refused[0]}")


def read_prices(entries: Sequence[str]) -> dict[str, float]:
    """The price of a device for an hour by its name, from `h100-sxm=2.50`. Raises InputError for what is no such entry."""
    found: dict[str, float] = {}
    for entry in entries:
        name, equals, text = (part.strip() for part in entry.rpartition("="))
        if not equals or not name or not text:
            raise InputError("price", f"`price` {entry!r} names no device with its price: write h100-sxm=2.50.")
        device = _named(name, "price")
        if len(device) > 1:
            listed = " and ".join(one.name for one in device)
            raise InputError("price", f"`price` {entry!r}: {name} is one of {listed}. Name one of them.")
        value = read_number("price", text)
        if not 0 < value < 1e9:
            raise InputError("price", f"`price` {entry!r}: give a price above 0 and below 10⁹.")
        if device[0].name in found:
            raise InputError("price", f"`price` names {device[0].name} twice: give it once.")
        found[device[0].name] = value
    return found


def _named(text: str, field: str) -> tuple[Device, ...]:
    """The devices of the table that a name stands for: several where it is sold in several kinds."""
    found = devices_named(text)
    if not found:
        raise InputError(field, f"`{field}` {text!r} is no device that is known by name: `devices` lists them.")
    return found


def _considered(inputs: HardwareInputs, prices: Mapping[str, float]) -> tuple[Device, ...]:
    asked_for = tuple(dict.fromkeys(one for text in inputs.among for one in _named(text, "among")))
    chosen = [one for one in asked_for or devices() if inputs.vendor in ("any", one.vendor)]
    if not chosen:
        raise InputError("vendor", f"None of `among` is of `vendor` {inputs.vendor}: leave one of them out.")
    priced = [one for one in chosen if one.name in prices]
    unread = [name for name in prices if name not in {one.name for one in priced}]
    if unread:
        raise InputError("price", f"`price` names {unread[0]}, which `among` or `vendor` leaves out: drop one of them.")
    return tuple(priced if prices else chosen)


def _opened(inputs: HardwareInputs) -> Model:
    resolved, several = offered(inputs.source, inputs.revision)
    if several is not None:
        held = ", ".join(choice.first for choice in several.choices[:4])
        raise SourceError(
            f"{several.where} holds several GGUF models ({held}, …): name one, as {several.named(several.choices[0])}."
        )
    return open_model(resolved, revision=inputs.revision if isinstance(resolved, str) else None)


def hardware_report(wish: Wish, searched: Searched, most: int) -> Report:
    """The sets that no other beats, and of every device the smallest number that serves."""
    fronts = {precision: front(_of(searched, precision)) for precision in wish.precisions}
    sets = [one for found in fronts.values() for one in found]
    what = f"{wish.model.name} at {wish.context_tokens:,} tokens × {wish.batch:,}"
    tables = [_front_table(wish, precision, found) for precision, found in fronts.items() if found]
    if searched.found:
        tables.append(_device_table(wish, searched))
    return Report(
        title=f"Hardware for {what} · weights {', '.join(_spelled(wish, sets))}",
        verdict=_verdict(what, wish, fronts, searched, most),
        facts=_facts(wish, searched, most),
        tables=tuple(tables),
        figures=(hardware_figure(wish, searched, fronts),)
        if any(one.tokens_per_second for one in searched.found)
        else (),
        caveats=_caveats(wish, sets),
        next_steps=_next_steps(wish, sets),
        data=_data(wish, searched, fronts),
    )


def _of(searched: Searched, precision: str) -> list[Found]:
    return [one for one in searched.found if one.serving.precision == precision]


def _spelled(wish: Wish, sets: Sequence[Found]) -> list[str]:
    """The precisions as they are held, such as "as stored (bf16)"."""
    held = {one.serving.precision: one.serving.weights_as for one in sets}
    return [held.get(precision, precision) for precision in wish.precisions]


def _verdict(what: str, wish: Wish, fronts: Mapping[str, Sequence[Found]], searched: Searched, most: int) -> str:
    first = next((precision for precision in wish.precisions if fronts[precision]), None)
    if first is None:
        if searched.lower_bounds:
            return f"Undecided: some sets may hold {what}; its files say more than was understood, so each count is a lower bound."
        reasons = dict.fromkeys(text for text in searched.refused.values() if text != TOO_SMALL)
        if len(reasons) == 1 and TOO_SMALL not in searched.refused.values():
            return f"None of the {searched.devices} devices considered runs {what}: {next(iter(reasons))}"
        return f"No set of up to {most} of the {searched.devices} devices considered holds {what}.{_closest(searched)}"
    found = fronts[first]
    least_harm = "" if first == wish.precisions[0] else f" in {first}"
    if wish.prices:
        cheap = _cheapest(found)
        fast = max(found, key=lambda one: one.tokens_per_second)
        text = f"Cheapest for {what}{least_harm}: {_priced(cheap)}."
        return text if fast is cheap else f"{text} Fastest: {_priced(fast)}."
    listed = "; ".join(f"{on_devices(one.serving).replace('one ', '1 × ', 1)}{_rate(one)}" for one in found)
    return f"Smallest sets for {what}{least_harm}: {listed}."


def _cheapest(found: Sequence[Found]) -> Found:
    """Of equal prices the fastest; without prices the first."""
    return min(found, key=lambda one: (one.price, -one.tokens_per_second)) if found[0].price is not None else found[0]


def _closest(searched: Searched) -> str:
    one = searched.closest
    if one is None:
        return ""
    needed, allowed = gib(one.total_bytes), gib(one.budget_bytes)
    return f" Closest: {on_devices(one.serving)}, which needs {needed} each and may use {allowed}."


def _rate(one: Found) -> str:
    return f" (at most {_rounded(one.tokens_per_second):,g} tokens/s)" if one.tokens_per_second else ""


def _rounded(number: float) -> float:
    return float(f"{number:.3g}")


def _priced(one: Found) -> str:
    cost = "" if one.cost is None else f", a million tokens from {one.cost:,.3g}"
    return f"{on_devices(one.serving)} at {one.price:,.4g} an hour{_rate(one)}{cost}"


def _facts(wish: Wish, searched: Searched, most: int) -> tuple[Fact, ...]:
    serving = {one.serving.device.name for one in searched.found}
    small = sum(text == TOO_SMALL for text in searched.refused.values())
    return (
        Fact(
            "devices considered",
            searched.devices,
            "",
            "config",
            f"each in {', '.join(map(str, counts_up_to(most)))} alike",
        ),
        Fact("serve it", len(serving), "devices", "formula", "in at least one number, as `fit` counts it"),
        Fact("have too little memory", small, "devices", "formula", f"in every number up to {most}"),
        Fact(
            "cannot run it", len(searched.refused) - small, "devices", "published", "the engine has no kernels or split"
        ),
        *(
            (Fact("open", searched.lower_bounds, "sets", "formula", "the count is a lower bound"),)
            if searched.lower_bounds
            else ()
        ),
    )


_COLUMNS: Final = (
    Column("devices"),
    Column("shared by"),
    Column("needs each", "GiB", ",.1f"),
    Column("headroom in all", "GiB", ",.1f"),
    Column("tokens/s at most", "", ",g"),
)


def _row(one: Found) -> tuple[Any, ...]:
    serving = one.serving
    split = str(serving.split) if serving.engine.split == "tensor" else "whole layers"
    return (
        f"{serving.count} × {serving.device.name}",
        f"{serving.engine.name}{'' if serving.count == 1 else f', {split}'}",
        one.total_bytes / GIB,
        one.spare_bytes / GIB,
        _rounded(one.tokens_per_second) or None,
    )


def _front_table(wish: Wish, precision: str, found: Sequence[Found]) -> Table:
    columns = [*_COLUMNS, Column("longest context", "tokens", ",d"), Column("most sequences", "", ",d")]
    rows = [(*_row(one), longest_context(one.serving), largest_batch(one.serving)) for one in found[:SHOWN_SETS]]
    if wish.prices:
        columns += [Column("price an hour", "", ",.4g"), Column("a million tokens", "", ",.3g")]
        rows = [(*row, one.price, one.cost) for row, one in zip(rows, found, strict=False)]
        title = "Sets that no other beats in price, speed and headroom"
        note = "Prices are yours. A million tokens: at least, with all devices busy at this batch."
    else:
        title = "Smallest sets: no other has as few devices of as little memory"
        note = "Memory is compared in steps of 4 GiB; the fastest of alike devices is shown. Without `price` no cost is known."
    left = f" {len(found) - SHOWN_SETS} more are left out." if len(found) > SHOWN_SETS else ""
    return Table(f"{title} · weights {found[0].serving.weights_as}", tuple(columns), tuple(rows), note + left)


def _device_table(wish: Wish, searched: Searched) -> Table:
    """Of each device, for each precision, the smallest number that serves; the fastest of one device first."""
    least: dict[tuple[str, str], Found] = {}
    for one in searched.found:
        key = (one.serving.device.name, one.serving.precision)
        if key not in least or one.serving.count < least[key].serving.count:
            least[key] = one
    ordered = sorted(least.values(), key=lambda one: (one.serving.count, -one.tokens_per_second))
    several = len(wish.precisions) > 1
    columns = (Column("weights"), *_COLUMNS) if several else _COLUMNS
    rows = tuple(((one.serving.precision, *_row(one)) if several else _row(one)) for one in ordered)
    return Table("Of every device the smallest number that serves", columns, rows, limit=20)


def _caveats(wish: Wish, sets: Sequence[Found]) -> tuple[str, ...]:
    said = [
        "Speed is a ceiling: a step reads weights and cache once. Exchange between devices, kernels and scheduling come on top."
    ]
    if len(wish.precisions) > 1:
        said.append("Fewer bits cost quality, which is not counted here; each precision is compared with itself alone.")
    if any(one.serving.count > 1 for one in sets):
        said.append(
            "Several devices are alike and stand in one machine; whether a machine takes so many is not checked."
        )
    return (*said, *dict.fromkeys(text for one in sets[:1] for text in caveats(one.serving)))


def _next_steps(wish: Wish, sets: Sequence[Found]) -> tuple[Step, ...]:
    source = wish.model.source.spelled
    if not sets:
        return (Step("fit", {"source": source, "gpu": "h100-sxm"}, "What holds the memory, and the ways out"),)
    first = _cheapest([one for one in sets if one.serving.precision == sets[0].serving.precision]).serving
    load = {"gpu": first.device.name, "context": str(wish.context_tokens)}
    load |= {name: str(n) for name, n in (("count", first.count), ("batch", wish.batch)) if n > 1}
    load |= {"precision": first.precision} if first.precision != "stored" else {}
    load |= {"kv_precision": wish.kv_precision} if wish.kv_precision != "auto" else {}
    load |= {"engine": wish.engine} if wish.engine is not None else {}
    steps = (
        Step("fit", {"source": source, **load}, f"The memory of {on_devices(first)} part by part"),
        Step("speed", {"source": source, **load}, "Its speed by batch, and prefill"),
        Step("launch", {"source": source, **load}, "The command for it"),
    )
    return steps if wish.model.causal else steps[:1]


def _data(wish: Wish, searched: Searched, fronts: Mapping[str, Sequence[Found]]) -> dict[str, Any]:
    best = {id(one) for found in fronts.values() for one in found}
    return {
        "model": wish.model.name,
        "context_tokens": wish.context_tokens,
        "batch": wish.batch,
        "precisions": list(wish.precisions),
        "prices": dict(wish.prices or {}),
        "devices_considered": searched.devices,
        "refused": dict(searched.refused),
        "sets": [
            {
                "device": one.serving.device.name,
                "vendor": one.serving.device.vendor,
                "count": one.serving.count,
                "precision": one.serving.precision,
                "engine": one.serving.engine.name,
                "split": one.serving.split.plain_options if one.serving.engine.split == "tensor" else "",
                "total_bytes": one.total_bytes,
                "budget_bytes": one.budget_bytes,
                "spare_bytes": one.spare_bytes,
                "memory_bytes": one.memory_bytes,
                "tokens_per_second": one.tokens_per_second or None,
                "bound": None if one.step is None else one.step.bound,
                "price_per_hour": one.price,
                "cost_per_million_tokens": one.cost,
                "on_front": id(one) in best,
            }
            for one in searched.found
        ],
    }
