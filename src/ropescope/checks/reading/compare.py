"""Compare: the same facts of two models or more, side by side, differences first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ropescope.checks.reading.card import Card, UseInputs, card_data, card_facts, card_of, refuse_use
from ropescope.checks.reading.model_facts import model_facts
from ropescope.checks.reading.show import LENGTHS, assumptions, short_count
from ropescope.checks.serving.fitting.on_devices import on_devices
from ropescope.errors import DomainError
from ropescope.models.model import Model
from ropescope.models.opening import open as open_model
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import ListOf, Source
from ropescope.questions.question import Run
from ropescope.report.numbers import binary_size, fact_value
from ropescope.report.report import Column, Fact, Figure, Report, Scalar, Table
from ropescope.report.theme import CATEGORY, LOG_AXIS, tokens_axis

MOST_MODELS = 8
COMPARED_LENGTHS = (8_192, 32_768, 131_072)
NO_USE = UseInputs()


@dataclass(frozen=True, kw_only=True)
class CompareInputs(UseInputs):
    """Models to compare, and what one of them shall be used for."""

    sources: tuple[str, ...] = asked(
        ListOf(Source(), least=1), "Two models or more, each as for show.", placed=True, group="model"
    )


def answer(inputs: CompareInputs, run: Run) -> Report:
    """The same facts of several models, differences first."""
    require_several(inputs.sources)
    refuse_use(inputs, inputs.sources[0])
    return compare_models([open_model(source) for source in inputs.sources], inputs)


def require_several(sources: Sequence[object]) -> None:
    """Raise DomainError for fewer than 2 or more than 8."""
    if not 2 <= len(sources) <= MOST_MODELS:
        raise DomainError(f"A comparison takes 2 to {MOST_MODELS} models, and {len(sources)} were given.")


def compare_models(models: Sequence[Model], use: UseInputs = NO_USE) -> Report:
    """The facts of `models` in one table, those that differ first, for the same context: the shortest that is stated, where
    none is asked for. Raises DomainError for fewer than 2 or more than 8."""
    require_several(models)
    names = _names(models)
    columns = (Column("fact"), *(Column(name) for name in names))
    stated = [model.context.longest for model in models if model.context.longest is not None]
    use = replace(use, context=use.context or min(stated, default=None))
    cards = [card_of(model, use, model.source.spelled) for model in models]
    rows = _rows(cards)
    differing = tuple(row for row in rows if len(set(row[1:])) > 1)
    alike = tuple(row for row in rows if len(set(row[1:])) == 1)
    tables = [Table("Different", columns, differing)] if differing else []
    tables.append(_memory(models, names))
    if alike:
        tables.append(Table("The same", (Column("fact"), Column("all")), tuple(row[:2] for row in alike)))
    return Report(
        title=" · ".join(names),
        verdict=_verdict(cards, names, [str(row[0]) for row in differing], len(alike)),
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
            "cards": [card_data(card) for card in cards],
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


def _rows(cards: Sequence[Card]) -> list[tuple[Scalar, ...]]:
    each = [{fact.name: fact for fact in (*model_facts(card.model), *card_facts(card))} for card in cards]
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


def _verdict(cards: Sequence[Card], names: Sequence[str], differing: list[str], alike: int) -> str:
    models = [card.model for card in cards]
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
    if cards[0].found is not None:
        fitting = [_longest(card) for card in cards]
        leads.append(f"{' against '.join(fitting)} on {on_devices(cards[0].found.serving)}")
    caches = [binary_size(model.cache_bytes(32_768)) for model in models]
    leads.append(f"{' against '.join(caches)} of cache at 32,768 tokens")
    return f"{' against '.join(names)}: {'; '.join(leads)}. {len(differing)} facts differ, {alike} are the same."


def _longest(card: Card) -> str:
    """Up to which context a model fits its device, in a word or two."""
    if card.found is None or card.found.answer is None:
        return "not known"
    return "any length" if card.longest is None else f"up to {card.longest:,} tokens" if card.longest else "no fit"


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
            "x": tokens_axis(LENGTHS),
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
