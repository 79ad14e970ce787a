"""The fit as a Report: the verdict with its culprit, every part with its basis, the ways out, and the splits."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ropescope.checks.fit_caveats import at_least, caveats, gib
from ropescope.checks.fit_choices import choices_report
from ropescope.checks.fit_figure import fit_figure
from ropescope.checks.serving.devices.device import GIB
from ropescope.checks.serving.fitting.fit import Fit, fit, splits
from ropescope.checks.serving.fitting.on_devices import device_data, device_table, on_devices, on_each
from ropescope.checks.serving.fitting.ways_to_fit import WayToFit, ways_to_fit
from ropescope.checks.serving.inputs import HeldInputs, read_serving
from ropescope.checks.serving.memory.demand import demand, fullest
from ropescope.checks.serving.memory.storage import growth_bytes
from ropescope.checks.serving.opening import open_served
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.splits.ways import other_ways
from ropescope.errors import InputError
from ropescope.models.offered import Offered
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Tokens
from ropescope.questions.question import Run
from ropescope.report.report import Basis, Column, Fact, Report, Scalar, Step, Table

MOST_WAYS = 6
CULPRITS = {"weights-bound": "the weights", "cache-bound": "the cache"}


@dataclass(frozen=True, kw_only=True)
class FitInputs(HeldInputs):
    """A way of serving, and the shortest context that would do."""

    min_context: int | None = asked(
        Tokens(metavar="T"), "The shortest context you would accept.", default=None, group="load"
    )


def answer(inputs: FitInputs, run: Run) -> Report:
    """Whether a model fits a device: part by part, with the culprit, the longest context, and the ways out."""
    found, inputs = open_served(inputs)
    if isinstance(found, Offered):
        return choices_report(found, inputs)
    return fit_report(read_serving(found, inputs), inputs.min_context)


def fit_report(serving: Serving, min_context: int | None = None) -> Report:
    """Whether `serving` fits, what the culprit is, how far it goes, and what would help.

    `min_context` is the shortest context the user would accept. Raises DomainError for a model whose parameters are not
    known, and a cache type that does not fit its heads; InputError where `min_context` is more than is asked for.
    """
    if min_context is not None and min_context > serving.context_tokens:
        raise InputError(
            "min_context",
            f"`min_context` is {min_context:,}, and `context` {serving.context_tokens:,} is shorter: ask for a longer `context`.",
        )
    found = fit(serving)
    ways = ways_to_fit(serving, min_context)
    others = splits(serving)
    return Report(
        title=_title(serving),
        verdict=_verdict(found, ways, others),
        facts=_facts(found),
        tables=tuple(
            filter(None, (_ways_to_fit_table(ways), device_table(serving), _split_table(others), _way_table(found)))
        ),
        figures=(fit_figure(found, others, ways),),
        caveats=caveats(serving),
        next_steps=_next_steps(found),
        holds=found.answer,
        data=_data(found, ways, others),
    )


def _title(serving: Serving) -> str:
    return (
        f"{serving.model.name} · {on_devices(serving)}{_as_split(serving)} · {serving.engine.name} {serving.engine.version} · "
        f"{serving.context_tokens:,} tokens × {serving.batch:,} · weights {serving.weights_as}, "
        f"cache {serving.cache_type.label}"
    )


def _as_split(serving: Serving) -> str:
    return "" if serving.parallel is None else f" ({serving.parallel})"


def _verdict(found: Fit, ways: tuple[WayToFit, ...], others: tuple[Fit, ...]) -> str:
    serving = found.serving
    what = f"{serving.model.name} at {serving.context_tokens:,} tokens × {serving.batch:,}"
    where, each = on_devices(serving), on_each(serving)
    need, allowed = at_least(found.demand), gib(found.budget.n_bytes)
    if found.problem:
        text = f"{what} {found.outcome_in_words} {where}: {found.problem}"
    elif found.outcome == "fits":
        text = f"{what} fits {where}: {need} of {allowed}{each}, {gib(found.spare_bytes)} to spare."
    elif found.outcome == "tight":
        text = f"{what} fits {where} with less than 10 % to spare: {need} of {allowed}{each}."
    elif found.outcome == "may fit":
        return (
            f"{what} needs {need}{each} on {where}, where {allowed} may be used: that is a lower bound, since its "
            f"files say more than was understood."
        )
    else:
        text = (
            f"{what} does not fit {where}: it needs {need}{each} where {allowed} may be used; the culprit is "
            f"{CULPRITS[found.outcome]}."
        )
    if ways:
        return f"{text} Cheapest way out: {ways[0].change}."
    if not found.ok:
        return text if found.outcome == "does not run" else f"{text} No way out was found here."
    fewer = next((other.serving for other in others if other.ok and other.serving.count < serving.count), None)
    return text if fewer is None else f"{text} It fits {on_devices(fewer)} as well."


def _facts(found: Fit) -> tuple[Fact, ...]:
    serving = found.serving
    device = fullest(serving).device if serving.deals_layers else serving.device
    parts = tuple(Fact(part.name, part.n_bytes / GIB, "GiB", part.basis, part.source) for part in found.demand.parts)
    source = ", ".join(filter(None, (device.memory_source, device.source, device.date)))
    memory = Fact("device memory", device.memory_bytes / GIB, "GiB", device.memory_basis, source, note=device.note)
    stated = serving.model.context.longest
    bound = "a lower bound" if found.demand.lacks else ""
    return (
        *parts,
        Fact("total", found.demand.total / GIB, "GiB", "formula", "on the fullest device", note=bound),
        Fact("may be used", found.budget.n_bytes / GIB, "GiB", found.budget.basis, found.budget.source),
        memory,
        _limit("longest context", found.longest_context, "tokens", f"at batch {serving.batch:,}", bound),
        _limit("largest batch", found.largest_batch, "", f"sequences of {serving.context_tokens:,} tokens each", bound),
        Fact(
            "cache a further token",
            growth_bytes(serving),
            "bytes",
            "formula",
            f"of one sequence, once every window is full; {serving.cache_type.label}",
        ),
        *((Fact("stated context", stated, "tokens", "config", serving.model.context_field),) if stated else ()),
    )


def _limit(name: str, value: int | None, unit: str, where: str, bound: str) -> Fact:
    where = f"{where}; at most, since the weights are {bound}" if bound else where
    if value is None:
        return Fact(name, "nothing here bounds it", "", "formula", where)
    return Fact(name, value, unit, "formula", f"{where}, by bisection on the same count")


def _ways_to_fit_table(ways: tuple[WayToFit, ...]) -> Table | None:
    if not ways:
        return None
    columns = (Column("change"), Column("total", "GiB", ",.1f"), Column("to spare", "GiB", ",.1f"), Column("costs"))
    rows = tuple((way.change, demand(way.serving).total / GIB, way.spare_bytes / GIB, way.cost) for way in ways)
    return Table("Ways out, least harm first; each recounted", columns, rows)


def _split_table(others: tuple[Fit, ...]) -> Table:
    engine, unequal = others[0].serving.engine, others[-1].serving.unequal
    cut = "every layer cut across them" if engine.split == "tensor" else "whole layers dealt out"
    which = [(on_devices(other.serving) if unequal else other.serving.count, other) for other in others]
    return _held_table(f"On several devices ({cut}), each holds", Column("devices"), which)


def _way_table(found: Fit) -> Table | None:
    """Other splits of the same devices that the engine takes, the plainest `MOST_WAYS` of them."""
    able = (other for other in map(fit, other_ways(found.serving)) if not other.problem)
    ways = [(other.serving.split.options, other) for other in itertools.islice(able, MOST_WAYS)]
    return (
        _held_table(f"Other splits of {on_devices(found.serving)}, each holds", Column("split"), ways) if ways else None
    )


def _held_table(title: str, first: Column, fits: Sequence[tuple[Scalar, Fit]]) -> Table:
    """What a device holds in each of several fits, under what the column `first` says of each."""
    columns = (
        first,
        Column("weights", "GiB", ",.1f"),
        Column("cache", "GiB", ",.1f"),
        Column("total", "GiB", ",.1f"),
        Column("longest context", "tokens", ",d"),
        Column("outcome"),
    )
    rows: list[tuple[Scalar, ...]] = []
    for name, found in fits:
        held = found.demand
        sizes = (held.weights.n_bytes / GIB, held.cache.n_bytes / GIB, held.total / GIB)
        counted = (None,) * 4 if found.problem else (*sizes, found.longest_context)
        rows.append((name, *counted, _outcome(found)))
    return Table(title, columns, tuple(rows))


def _outcome(found: Fit) -> str:
    """The outcome, with the beginning of what the engine objects to."""
    objection = re.split(r" \(|: |\. ", found.problem)[0]
    return f"{found.outcome}: {objection}" if objection else found.outcome


def _next_steps(found: Fit) -> tuple[Step, ...]:
    serving = found.serving
    source, engine = serving.model.source.spelled, serving.engine.name
    return (
        Step("speed", {"source": source, "gpu": "…"}, "Tokens a second at most, and what they cost"),
        Step("launch", {"source": source, "gpu": "…", "engine": engine}, "The command for this"),
    )


def _data(found: Fit, ways: tuple[WayToFit, ...], others: tuple[Fit, ...]) -> dict[str, Any]:
    serving = found.serving
    bases: dict[str, Basis] = {part.name: part.basis for part in found.demand.parts}
    return {
        "model": serving.model.name,
        "engine": serving.engine.name,
        "engine_version": serving.engine.version,
        "device": serving.device.name,
        "detected": serving.device.detected,
        "devices": device_data(serving),
        "count": serving.count,
        "split": serving.split.plain_options if serving.engine.split == "tensor" else "",
        "context_tokens": serving.context_tokens,
        "batch": serving.batch,
        "precision": serving.precision,
        "cache_type": serving.cache_type.label,
        "outcome": found.outcome,
        "fits": found.answer,
        "lower_bound": list(found.demand.lacks),
        "warnings": list(caveats(serving)),
        "problem": found.problem,
        "bytes": {part.name: part.n_bytes for part in found.demand.parts},
        "basis": bases,
        "total_bytes": found.demand.total,
        "budget_bytes": found.budget.n_bytes,
        "device_bytes": (fullest(serving).device if serving.deals_layers else serving.device).memory_bytes,
        "device_basis": serving.device.memory_basis,
        "spare_bytes": found.spare_bytes,
        "longest_context": found.longest_context,
        "largest_batch": found.largest_batch,
        "stated_context": serving.model.context.longest,
        "rescues": [
            {
                "change": way.change,
                "cost": way.cost,
                "spare_bytes": way.spare_bytes,
                "context_tokens": way.serving.context_tokens,
                "batch": way.serving.batch,
                "device": way.serving.device.name,
                "count": way.serving.count,
                "split": way.serving.split.plain_options if way.serving.engine.split == "tensor" else "",
                "precision": way.serving.precision,
                "cache_type": way.serving.cache_type.label,
                "cpu_moe_layers": way.serving.cpu_moe_layers,
            }
            for way in ways
        ],
        "splits": [
            {
                "device": other.serving.device.name,
                "count": other.serving.count,
                "outcome": other.outcome,
                "problem": other.problem,
                "total_bytes": other.demand.total,
                "longest_context": other.longest_context,
            }
            for other in others
        ],
    }
