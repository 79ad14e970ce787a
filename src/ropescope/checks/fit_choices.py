"""Which GGUF model of a folder or repository fits a device: each with its size, its total and its verdict."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from ropescope.checks.fit_caveats import caveats, gib
from ropescope.checks.serving.devices.device import GIB
from ropescope.checks.serving.fitting.fit import Fit, fit
from ropescope.checks.serving.fitting.on_devices import device_data, on_devices, on_each
from ropescope.checks.serving.inputs import ServingInputs, read_serving
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.weights.files import RUN_GGUF
from ropescope.errors import DomainError, FormatError, SourceError
from ropescope.models.gguf_names import Choice
from ropescope.models.model import Model
from ropescope.models.offered import Offered
from ropescope.models.parameters import Weights
from ropescope.report.report import Column, Fact, Report, Step, Table

WIDE: Final = frozenset({"F32"})
"""Mixes that hold a model in more bits than it was trained in: no reason to choose one."""


@dataclass(frozen=True, slots=True)
class _Row:
    choice: Choice
    found: Fit
    exact: bool


def choices_report(offered: Offered, text: ServingInputs) -> Report:
    """Every model that is offered, and the largest that fits in the first line.

    In a folder each file is read. Of a repository the smallest is, and the one that is advised; the others are the same
    network in other bytes. Raises DomainError for an engine that runs no GGUF, SourceError and FormatError as
    `models.open`.
    """
    rows, notes = _rows(offered, text)
    rows, best = _settled(offered, rows, text)
    serving = rows[0].found.serving
    what = f"{serving.context_tokens:,} tokens × {serving.batch:,}"
    return Report(
        title=f"{offered.where} · {on_devices(serving)} · {serving.engine.name} {serving.engine.version} · {what}",
        verdict=_verdict(offered, rows, best, what),
        facts=(
            Fact(
                "may be used",
                rows[0].found.budget.n_bytes / GIB,
                "GiB",
                rows[0].found.budget.basis,
                rows[0].found.budget.source,
            ),
        ),
        tables=(_table(rows, best),),
        caveats=(*notes, *caveats(serving)),
        next_steps=() if best is None else _next_steps(offered, best),
        data=_data(offered, rows, best),
    )


def _rows(offered: Offered, text: ServingInputs) -> tuple[list[_Row], list[str]]:
    """(a row for each model, largest first; what was left out)."""
    ordered = sorted(offered.choices, key=lambda choice: offered.n_bytes[choice.first], reverse=True)
    rows, notes = list[_Row](), list[str]()
    if offered.folder is None:
        smallest = offered.open(ordered[-1])
        beside = offered.n_bytes[ordered[-1].first] - (0 if smallest.weights is None else smallest.weights.n_bytes)
        for choice in ordered:
            exact = choice == ordered[-1]
            model = smallest if exact else _in_other_bytes(smallest, choice, offered.n_bytes[choice.first] - beside)
            rows.append(_Row(choice, _fit(model, text), exact))
        return rows, notes
    for choice in ordered:
        try:
            rows.append(_Row(choice, _fit(offered.open(choice), text), True))
        except (FormatError, SourceError) as error:
            notes.append(f"{choice.first} is left out: {error}")
    if not rows:
        raise SourceError(f"{offered.where} holds no GGUF model that can be read: {notes[0]}")
    return rows, notes


def _fit(model: Model, text: ServingInputs) -> Fit:
    serving = read_serving(model, replace(text, engine=text.engine or "llama.cpp"))
    if serving.engine.name not in RUN_GGUF:
        raise DomainError(f"{serving.engine.name} is not launched from GGUF here: choose `engine` llama.cpp or ollama.")
    return fit(serving)


def _in_other_bytes(model: Model, choice: Choice, n_bytes: int) -> Model:
    """`model` as if its weights took `n_bytes`, each parameter as many as any other."""
    detail = {"file_type": choice.mix}
    held = Weights(n_bytes, {choice.mix or "unknown": n_bytes}, len(choice.files), choice.first)
    quantised = None if model.quantization is None else replace(model.quantization, bits=None, detail=detail)
    return replace(model, weights=held, quantization=quantised)


def _settled(offered: Offered, rows: list[_Row], text: ServingInputs) -> tuple[list[_Row], _Row | None]:
    """(the rows, the best that fits): the advised one is read itself first."""
    for place, row in enumerate(rows):
        if not row.found.ok or row.choice.mix in WIDE:
            continue
        if not row.exact:
            row = _Row(row.choice, _fit(offered.open(row.choice), text), True)
            rows[place] = row
        if row.found.ok:
            return rows, row
    return rows, next((row for row in rows if row.found.ok), None)


def _verdict(offered: Offered, rows: list[_Row], best: _Row | None, what: str) -> str:
    serving = rows[0].found.serving
    where, each = on_devices(serving), on_each(serving)
    if best is None:
        least = rows[-1]
        if least.found.problem:
            return f"None of the {len(rows)} models of {offered.where} runs on {where}: {least.found.problem}"
        return (
            f"None of the {len(rows)} models of {offered.where} fits {where} at {what}: the smallest, {_called(least)}, needs "
            f"{gib(least.found.demand.total)}{each} of {gib(least.found.budget.n_bytes)}."
        )
    return (
        f"{_called(best)} is the largest of {len(rows)} that fits {where} at {what}: {gib(best.found.demand.total)} of "
        f"{gib(best.found.budget.n_bytes)}{each} ({best.choice.first})."
    )


def _called(row: _Row) -> str:
    return row.choice.mix or row.choice.first


def _table(rows: list[_Row], best: _Row | None) -> Table:
    columns = (
        Column("file"),
        Column("mix"),
        Column("files", "", ",d"),
        Column("weights", "GiB", ",.2f"),
        Column("total", "GiB", ",.2f"),
        Column("longest context", "tokens", ",d"),
        Column("verdict"),
    )
    lines = tuple(
        (
            row.choice.first,
            row.choice.mix or None,
            len(row.choice.files),
            _weights(row.found.serving) / GIB,
            row.found.demand.total / GIB,
            row.found.longest_context,
            "fits (best)" if best is not None and row.choice == best.choice else in_words(row.found),
        )
        for row in rows
    )
    unread = (
        "" if all(row.exact for row in rows) else "Read: the best and the smallest; others by the size of their files."
    )
    return Table("GGUF models, largest first", columns, lines, note=unread)


def in_words(found: Fit) -> str:
    """The outcome of a fit in a cell of a table."""
    causes = {"weights-bound": "does not fit (the weights)", "cache-bound": "does not fit (the cache)"}
    return causes.get(found.outcome, found.outcome)


def _weights(serving: Serving) -> int:
    return 0 if serving.model.weights is None else serving.model.weights.n_bytes


def _next_steps(offered: Offered, best: _Row) -> tuple[Step, ...]:
    name, engine = offered.named(best.choice), best.found.serving.engine.name
    return (
        Step("fit", {"source": name, "gpu": "…"}, "This one part by part, and the ways out"),
        Step("launch", {"source": name, "gpu": "…", "engine": engine}, "The command for it"),
    )


def _data(offered: Offered, rows: list[_Row], best: _Row | None) -> dict[str, Any]:
    serving = rows[0].found.serving
    return {
        "source": offered.where,
        "engine": serving.engine.name,
        "engine_version": serving.engine.version,
        "device": serving.device.name,
        "detected": serving.device.detected,
        "devices": device_data(serving),
        "count": serving.count,
        "context_tokens": serving.context_tokens,
        "batch": serving.batch,
        "cache_type": serving.cache_type.label,
        "budget_bytes": rows[0].found.budget.n_bytes,
        "fits": best is not None,
        "best": None if best is None else best.choice.first,
        "choices": [
            {
                "file": row.choice.first,
                "files": list(row.choice.files),
                "mix": row.choice.mix,
                "file_bytes": offered.n_bytes[row.choice.first],
                "weight_bytes": _weights(row.found.serving),
                "total_bytes": row.found.demand.total,
                "outcome": row.found.outcome,
                "fits": row.found.answer,
                "longest_context": row.found.longest_context,
                "exact": row.exact,
            }
            for row in rows
        ],
    }
