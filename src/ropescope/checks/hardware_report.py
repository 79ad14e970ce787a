"""The report on hardware: the sets that no other beats, the smallest of every device, and what to do with the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ropescope.checks.fit_caveats import caveats, gib
from ropescope.checks.hardware_figure import hardware_figure
from ropescope.checks.serving.devices.device import GIB
from ropescope.checks.serving.fitting.fit import largest_batch, longest_context
from ropescope.checks.serving.fitting.on_devices import on_devices
from ropescope.checks.serving.hardware.search import TOO_SMALL, Found, Searched, Wish, counts_up_to, front
from ropescope.report.report import Column, Fact, Report, Step, Table

SHOWN_SETS: Final = 12


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
