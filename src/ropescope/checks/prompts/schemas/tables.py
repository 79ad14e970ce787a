"""The tables of a schema's report: the objects in question, the engines, what they refuse, and what was measured elsewhere."""

from __future__ import annotations

import csv
import functools
from collections.abc import Sequence
from pathlib import Path

from ropescope.checks.prompts.schemas.documents import pointer
from ropescope.checks.prompts.schemas.limits import Limit
from ropescope.checks.prompts.schemas.orders import Engine, Pair
from ropescope.report.dated import dated
from ropescope.report.report import Column, Table


def spot(pair: Pair) -> str:
    """Where in the output: `$.steps[]`, of a tool `judge: $`."""
    return f"{pair.within.name}: {pair.found.place}" if pair.within.name else pair.found.place


def pair_table(found: Sequence[Pair]) -> Table:
    """Both orders of each object that has an answer and its reasoning."""
    columns = (
        Column("where"),
        Column("defined at"),
        Column("answer"),
        Column("reasoning"),
        Column("as listed"),
        Column("required first"),
        Column("reasoning may be left out"),
    )
    rows = tuple(
        (
            spot(pair),
            pointer(pair.found.path),
            pair.answer.name,
            pair.reasoning.name,
            pair.under("as listed"),
            pair.under("required first"),
            not pair.reasoning.required,
        )
        for pair in found
    )
    return Table("Objects with an answer and its reasoning", columns, rows, limit=20)


def engine_table(asked: Sequence[Engine]) -> Table:
    """The order that each engine keeps, and where that is from."""
    columns = (Column("engine"), Column("order of fields"), Column("basis"), Column("source"), Column("date"))
    rows = tuple(
        (
            one.name,
            one.order,
            one.basis,
            f"{one.detail}: {one.source.removeprefix('https://')}",
            f"{one.date} {dated(one.date)}".strip(),
        )
        for one in asked
    )
    note = (
        "As listed: in the order of properties, where optional ones may be left out. Required first: the required ones as listed, "
        "then the optional ones."
    )
    return Table("In which order engines write the fields", columns, rows, note)


def limit_tables(limits: Sequence[Limit]) -> tuple[Table, ...]:
    """What engines refuse; no table where they refuse nothing."""
    if not limits:
        return ()
    columns = (Column("engine"), Column("where"), Column("what"))
    rows = tuple((one.engine, one.where[:120], one.what) for one in limits)
    sources = "; ".join(dict.fromkeys(one.source for one in limits))
    note = f"OpenAI and Anthropic: where the schema is enforced, as a response format or a strict tool. Sources: {sources}."
    return (Table("What engines refuse", columns, rows, note, limit=16),)


@functools.cache
def _measured() -> tuple[tuple[str, ...], ...]:
    with Path(__file__).with_name("effects.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            (f"{row['model']} ({row['size']})", row["task"], row["effect"], f"{row['source']}, {row['date']}")
            for row in csv.DictReader(file)
        )


def effects(found: Sequence[Pair]) -> tuple[Table, ...]:
    """What was published about other models, where there is a question of order."""
    if not found:
        return ()
    columns = (Column("model (size)"), Column("task"), Column("accuracy"), Column("source"))
    note = "JSON against free text, and not two orders of keys: they say nothing about another model or task."
    return (Table("What writing JSON cost other models", columns, _measured(), note),)
