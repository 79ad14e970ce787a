"""Compare: the same facts of two models or more, side by side, differences first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ropescope.checks.reading.model_facts import model_facts
from ropescope.checks.reading.show import LENGTHS, assumptions, short_count
from ropescope.errors import DomainError
from ropescope.models.model import Model
from ropescope.models.opening import open as open_model
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import ListOf, Source
from ropescope.questions.question import Run
from ropescope.report.numbers import binary_size, fact_value
from ropescope.report.report import Column, Fact, Figure, Report, Scalar, Table
from ropescope.report.theme import CATEGORY, LOG_AXIS

MOST_MODELS = 8
COMPARED_LENGTHS = (8_192, 32_768, 131_072)


@dataclass(frozen=True, kw_only=True)
class CompareInputs:
    """Models to compare."""

    sources: tuple[str, ...] = asked(
        ListOf(Source(), least=1), "Two models or more, each as for show.", placed=True, group="model"
    )


def answer(inputs: CompareInputs, run: Run) -> Report:
    """The same facts of several models, differences first."""
    require_several(inputs.sources)
    return compare_models([open_model(source) for source in inputs.sources])


def require_several(sources: Sequence[object]) -> None:
    """Raise DomainError for fewer than 2 or more than 8."""
    if not 2 <= len(sources) <= MOST_MODELS:
        raise DomainError(f"A comparison takes 2 to {MOST_MODELS} models, and {len(sources)} were given.")


def compare_models(models: Sequence[Model]) -> Report:
    """The facts of `models` in one table, those that differ first. Raises DomainError for fewer than 2 or more than 8."""
    require_several(models)
    names = _names(models)
    columns = (Column("fact"), *(Column(name) for name in names))
    rows = _rows(models)
    differing = tuple(row for row in rows if len(set(row[1:])) > 1)
    alike = tuple(row for row in rows if len(set(row[1:])) == 1)
    tables = [Table("Different", columns, differing)] if differing else []
    tables.append(_memory(models, names))
    if alike:
        tables.append(Table("The same", (Column("fact"), Column("all")), tuple(row[:2] for row in alike)))
    return Report(
        title=" · ".join(names),
        verdict=_verdict(models, names, [str(row[0]) for row in differing], len(alike)),
        tables=tuple(tables),
        figures=(_figure(models, names),),
        caveats=tuple(
            f"{name}: {remark}"
            for name, model in zip(names, models, strict=True)
            for remark in (*model.notes, *assumptions(model))
        ),
        data={
            "models": dict(zip(names, (model.to_dict() for model in models), strict=True)),
            "different": {str(row[0]): list(row[1:]) for row in differing},
            "same": {str(row[0]): row[1] for row in alike},
        },
    )


def _names(models: Sequence[Model]) -> list[str]:
    """A name for each model, numbered where two are called alike."""
    names: list[str] = []
    for model in models:
        name, number = model.name, 2
        while name in names:
            name, number = f"{model.name} ({number})", number + 1
        names.append(name)
    return names


def _rows(models: Sequence[Model]) -> list[tuple[Scalar, ...]]:
    each = [{fact.name: fact for fact in model_facts(model)} for model in models]
    order = list(dict.fromkeys(name for facts in each for name in facts))
    return [(name, *(_text(facts.get(name)) for facts in each)) for name in order]


def _text(fact: Fact | None) -> str | None:
    return None if fact is None or fact.value is None else fact_value(fact)


def _memory(models: Sequence[Model], names: Sequence[str]) -> Table:
    rows: list[tuple[Scalar, ...]] = []
    for length in COMPARED_LENGTHS:
        sizes = (binary_size(model.cache_bytes(length)) + (" *" if _beyond(model, length) else "") for model in models)
        rows.append((f"{length:,} tokens", *sizes))
    return Table(
        "Cache of one sequence, 16 bits",
        (Column("length"), *(Column(name) for name in names)),
        tuple(rows),
        note="*: beyond the context that the model's files state."
        if any(_beyond(model, length) for model in models for length in COMPARED_LENGTHS)
        else "",
    )


def _beyond(model: Model, length: int) -> bool:
    return model.context.longest is not None and length > model.context.longest


def _verdict(models: Sequence[Model], names: Sequence[str], differing: list[str], alike: int) -> str:
    if not differing:
        return f"{' and '.join(names)} are the same in all {alike} facts that their files state."
    leads: list[str] = []
    if all(model.parameters is not None for model in models):
        sizes = " against ".join(
            short_count(model.parameters.total) for model in models if model.parameters is not None
        )
        leads.append(f"{sizes} parameters")
    longest = [model.context.longest for model in models]
    if all(length is not None for length in longest) and len(set(longest)) > 1:
        leads.append(f"{' against '.join(f'{length:,}' for length in longest)} tokens of context")
    caches = [binary_size(model.cache_bytes(32_768)) for model in models]
    leads.append(f"{' against '.join(caches)} of cache at 32,768 tokens")
    return f"{' against '.join(names)}: {'; '.join(leads)}. {len(differing)} facts differ, {alike} are the same."


def _figure(models: Sequence[Model], names: Sequence[str]) -> Figure:
    first, last = LENGTHS[0], LENGTHS[-1]
    lengths = [round(first * (last / first) ** (k / 48)) for k in range(49)]
    rows: list[dict[str, Any]] = [
        {"tokens": length, "GiB": model.cache_bytes(length) / 1024**3, "model": name}
        for model, name in zip(models, names, strict=True)
        for length in lengths
        if model.cache_bytes(length) > 0
    ]
    spec = {
        "width": 560,
        "height": 300,
        "data": {"values": rows},
        "mark": {"type": "line"},
        "encoding": {
            "x": {
                "field": "tokens",
                "type": "quantitative",
                "title": "tokens in the sequence",
                "scale": {"type": "log", "base": 2, "domain": [first, last], "nice": False},
                "axis": {
                    "values": list(LENGTHS),
                    "labelExpr": "datum.value >= 1048576 ? '1M' : format(datum.value / 1024, 'd') + 'k'",
                },
            },
            "y": {
                "field": "GiB",
                "type": "quantitative",
                "title": "cache (GiB)",
                "scale": {"type": "log"},
                "axis": {"format": "~g", "tickCount": 5, **LOG_AXIS},
            },
            "color": {
                "field": "model",
                "type": "nominal",
                "title": None,
                "sort": list(names),
                "scale": {"domain": list(names), "range": [CATEGORY[k % len(CATEGORY)] for k in range(len(names))]},
            },
        },
    }
    return Figure("cache", "Cache of one sequence", spec, "What the layers keep, in 16 bits (recurrent states in 32).")
