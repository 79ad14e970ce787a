"""The order of a schema's fields as a Report: what is forced, where, by which engine; what engines refuse; and a schema to copy."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ropescope.checks.prompts.schemas.documents import Found, pointer, put
from ropescope.checks.prompts.schemas.limits import Limit
from ropescope.checks.prompts.schemas.names import ANSWER, FILLERS, REASONING
from ropescope.checks.prompts.schemas.orders import Engine, Order, Pair
from ropescope.checks.prompts.schemas.reorder import reordered
from ropescope.checks.prompts.schemas.tables import effects, engine_table, limit_tables, pair_table, spot
from ropescope.checks.prompts.schemas.walk import SchemaObject
from ropescope.report.report import Fact, Report

FORCED: Final = "answer first"


@dataclass(frozen=True, slots=True)
class Judged:
    """One schema: its objects, those with both fields, its limits, whether jsonschema checked it, and what llguidance says."""

    found: Found
    objects: tuple[SchemaObject, ...]
    pairs: tuple[Pair, ...]
    limits: tuple[Limit, ...]
    checked: bool
    llguidance: tuple[str, str] | None


def judged_report(
    name: str, document: Any, judged: Sequence[Judged], together: Sequence[Limit], asked: Sequence[Engine]
) -> Report:
    """What is forced, and a schema that forces it no more."""
    found = [pair for one in judged for pair in one.pairs]
    flagged = [pair for pair in found if _forcing(pair, asked)]
    limits = [one for one in _limits(judged, together) if one.engine in {*(engine.name for engine in asked), "mcp"}]
    lead, notes = _mended(document, judged, asked)
    free = [one for one in asked if all(pair.by(one) == "any order" for pair in found)]
    return Report(
        title=f"{name} · {len(judged)} {'schema' if len(judged) == 1 else 'schemas'}",
        verdict=_verdict(found, flagged, asked),
        facts=_facts(judged, found, [one for one in asked if one not in free]),
        tables=(
            *((pair_table(found),) if found else ()),
            engine_table(asked),
            *limit_tables(limits),
            *effects(found),
        ),
        caveats=(*notes, *_caveats(judged, found, free)),
        next_steps=_next_steps(found),
        data=_data(judged, found, limits, asked),
        holds=None if not found or len(free) == len(asked) else not flagged,
        lead=lead,
    )


def _forcing(pair: Pair, asked: Sequence[Engine]) -> list[Engine]:
    return [engine for engine in asked if pair.by(engine) == FORCED]


def _verdict(found: Sequence[Pair], flagged: Sequence[Pair], asked: Sequence[Engine]) -> str:
    if not found:
        return "Not known: by their names, no object has both a field for the answer and one for the reasoning."
    if all(pair.by(engine) == "any order" for pair in found for engine in asked):
        return f"Nothing is forced: {_names([one.name for one in asked])} lets these fields come in any order."
    if not flagged:
        where = f"in {_place(found[0])}" if len(found) == 1 else f"in all {len(found)} objects that have both"
        skipped = [pair for pair in found if pair.skippable]
        but = f", but “{skipped[0].reasoning.name}” may be left out: it is not required" if skipped else ""
        return f"The reasoning comes first {where}{but}."
    pair = flagged[0]
    forcing = _forcing(pair, asked)
    ordering = [engine for engine in asked if pair.by(engine) != "any order"]
    who = "every engine that keeps an order" if len(forcing) == len(ordering) else _names([one.name for one in forcing])
    if len(asked) == 1:
        who = asked[0].name
    more = f" So it is in {len(flagged)} objects in all." if len(flagged) > 1 else ""
    both = f"“{pair.answer.name}” is written before “{pair.reasoning.name}”"
    return f"The answer comes first: {both} in {_place(pair)} with {who}.{more}"


def _place(pair: Pair) -> str:
    return re.sub(r"\$$", "the top object", spot(pair))


def _names(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _facts(judged: Sequence[Judged], found: Sequence[Pair], asked: Sequence[Engine]) -> tuple[Fact, ...]:
    checked = all(one.checked for one in judged)
    orders = dict.fromkeys(engine.order for engine in asked)
    counts = tuple(
        Fact(
            f"answer first, {order}",
            sum(pair.under(order) == FORCED for pair in found),
            f"of {len(found)}",
            "config",
            _names([engine.name for engine in asked if engine.order == order]),
        )
        for order in orders
    )
    return (
        Fact("objects", sum(len(one.objects) for one in judged), "", "config", "with fields; each definition once"),
        Fact(
            "objects with both", len(found), "", "config", "a field for the answer and one for the reasoning, by name"
        ),
        *counts,
        Fact(
            "valid JSON schema",
            "yes" if checked else "not checked",
            "",
            "measured",
            "jsonschema, by the draft it names" if checked else "pip install 'ropescope[schemas]'",
        ),
        *(() if found else _WORDS),
    )


_WORDS: Final = (
    Fact(
        "words for an answer",
        ", ".join(sorted(ANSWER)),
        "",
        "assumed",
        "as the last word of a name; `answers` names others",
    ),
    Fact(
        "words for reasoning",
        ", ".join(sorted(REASONING)),
        "",
        "assumed",
        "the same; also chain of thought, step by step; `reasonings` names others",
    ),
    Fact("words passed over", ", ".join(sorted(FILLERS)), "", "assumed", "after such a word"),
)


def _limits(judged: Sequence[Judged], together: Sequence[Limit]) -> list[Limit]:
    found = list(together)
    for one in judged:
        found += one.limits if one.found.enforced else ()
        if one.llguidance is not None and one.llguidance[1]:
            version, said = one.llguidance
            found.append(Limit("llguidance", one.found.name or "#", said, f"llguidance {version}, compiled here"))
    return found


def _mended(document: Any, judged: Sequence[Judged], asked: Sequence[Engine]) -> tuple[str, tuple[str, ...]]:
    """(the document with its reasoning first, "" where nothing has to move; what changed)."""
    orders: frozenset[Order] = frozenset(engine.order for engine in asked)
    grown: list[str] = []
    whole, changed = True, False
    for one in judged:
        flagged = [pair for pair in one.pairs if _forcing(pair, asked)]
        if flagged:
            schema, required, mended = reordered(one.found.schema, flagged, orders)
            document = put(document, one.found.path, schema)
            grown, whole, changed = [*grown, *required], whole and mended, True
    notes = []
    if grown:
        names = _names(list(dict.fromkeys(grown)))
        notes.append(f"The schema above requires {names}: engines that write required fields first would put it last.")
    if not whole:
        notes.append(
            "Where allOf brings in the fields, the schema above keeps their order: list the reasoning's part first."
        )
    return (json.dumps(document, indent=2, ensure_ascii=False) if changed else ""), tuple(notes)


def _caveats(judged: Sequence[Judged], found: Sequence[Pair], free: Sequence[Engine]) -> tuple[str, ...]:
    said = []
    if found:
        said.append(
            "Fields are told by the words of their names alone; a model that thinks before it writes has reasoned already."
        )
    loose = [one.found.name for one in judged if one.pairs and not one.found.enforced]
    if loose:
        said.append(f"OpenAI and Anthropic keep no order for tools that are not strict: {_names(loose[:4])}.")
    if free and found:
        said.append(f"In any order: the fields with {_names([one.name for one in free])}.")
    silent = [one.found.name for one in judged if one.found.tool and not (one.found.description or "").strip()]
    if silent:
        said.append(f"Without a description, by which a model chooses between tools: {_names(silent[:4])}.")
    if any(one.llguidance is None for one in judged):
        said.append(
            "Not compiled: llguidance is not installed (pip install 'ropescope[schemas]'), or the references are too deep for it."
        )
    return tuple(said)


def _next_steps(found: Sequence[Pair]) -> tuple[str, ...]:
    return (
        ("Score both orders on your own task and model: no published figure covers them.",)
        if found
        else ("Name the fields that are an answer or reasoning: `answers` and `reasonings`.",)
    )


def _data(
    judged: Sequence[Judged], found: Sequence[Pair], limits: Sequence[Limit], asked: Sequence[Engine]
) -> dict[str, Any]:
    return {
        "schemas": [
            {
                "name": one.found.name or None,
                "at": pointer(one.found.path),
                "tool": one.found.tool,
                "strict": one.found.strict,
                "objects": len(one.objects),
                "valid": True if one.checked else None,
                "llguidance": None
                if one.llguidance is None
                else {"version": one.llguidance[0], "says": one.llguidance[1]},
            }
            for one in judged
        ],
        "pairs": [
            {
                "schema": pair.within.name or None,
                "place": pair.found.place,
                "at": pointer(pair.found.path),
                "answer": pair.answer.name,
                "reasoning": pair.reasoning.name,
                "order": {engine.name: pair.by(engine) for engine in asked},
                "forced_by": [engine.name for engine in _forcing(pair, asked)],
                "reasoning_required": pair.reasoning.required,
            }
            for pair in found
        ],
        "refused": [one._asdict() for one in limits],
        "engines": {
            engine.name: {"order": engine.order, "source": engine.source, "date": engine.date} for engine in asked
        },
    }
