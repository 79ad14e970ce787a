"""Formulas: what every formula is, where it comes from, where it may be used, and what it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ropescope.errors import DomainError
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Text
from ropescope.questions.names import did_you_mean, shown
from ropescope.questions.question import Run
from ropescope.report.report import Column, Fact, Report, Scalar, Step, Table
from ropescope.theory import FORMULAS, STANDINGS, Argument, Formula, grouped


@dataclass(frozen=True, kw_only=True)
class FormulasInputs:
    """One formula, or all."""

    name: str | None = asked(Text(), "A formula; without one, the table of all.", default=None, placed=True)


def answer(inputs: FormulasInputs, run: Run) -> Report:
    """What a formula is, or which there are."""
    return formulas_report() if inputs.name is None else formula_report(inputs.name)


def find_formula(name: str) -> Formula:
    """The formula of that name. Raises `DomainError` with the nearest names for one that does not exist."""
    key = name.strip().lower().replace("-", "_")
    if key in FORMULAS:
        return FORMULAS[key]
    hint = did_you_mean(key, FORMULAS, n=3)
    raise DomainError(f"No formula is called {shown(name)}.{hint} `formulas` lists all {len(FORMULAS)}.")


def formulas_report() -> Report:
    """A table of every formula: name, symbol, standing, group and worth."""
    groups = grouped()
    rows = tuple((f.name, f.symbol, f.standing, group, f.worth) for group, members in groups.items() for f in members)
    counts = {standing: sum(f.standing == standing for f in FORMULAS.values()) for standing in STANDINGS}
    said = ", ".join(f"{count} {standing}" for standing, count in counts.items() if count)
    return Report(
        title="Formulas",
        verdict=f"{len(rows)} formulas: {said}.",
        tables=(
            Table(
                "Every formula and its standing",
                (Column("name"), Column("symbol"), Column("standing"), Column("group"), Column("worth")),
                rows,
            ),
            Table(
                "What a standing means",
                (Column("standing"), Column("meaning"), Column("formulas")),
                tuple((standing, meaning, counts[standing]) for standing, meaning in STANDINGS.items()),
            ),
        ),
        caveats=("An identity or an exact sum is true of its numbers; only a measurement says something of a model.",),
        next_steps=(
            Step("formulas", {"name": "NAME"}, "One formula"),
            Step("compute", {"name": "NAME", "arguments": ["argument=value", "…"]}, "Its value"),
            Step("prove", {}, "Check the algebra by machine"),
        ),
        data={"formulas": [{**_plain(f), "group": group} for group, members in groups.items() for f in members]},
    )


def formula_report(name: str) -> Report:
    """The card of one formula: definition, arguments with domains, standing, worth and a worked example.

    Raises `DomainError` for a name that does not exist.
    """
    entry = find_formula(name)
    result = entry.function(**entry.example)
    return Report(
        title=f"{entry.name}: {entry.symbol}",
        verdict=entry.definition,
        facts=(
            Fact("standing", entry.standing, basis="formula", source=entry.source, note=STANDINGS[entry.standing]),
            Fact("worth", entry.worth, basis="formula", source=entry.source),
            *result_facts(entry, result, "example: "),
        ),
        tables=(
            Table(
                "Arguments",
                (Column("name"), Column("meaning"), Column("unit"), Column("domain"), Column("default")),
                tuple((a.name, a.meaning, a.unit, a.domain.words, _default(a)) for a in entry.arguments),
            ),
            *result_tables(result, "Example"),
        ),
        next_steps=(Step("compute", {"name": entry.name, "arguments": example_words(entry)}, "Its example"),),
        data={**_plain(entry), "example_result": plain_result(result)},
    )


def example_words(entry: Formula) -> list[str]:
    """The arguments of the example of a formula, as `compute` reads them."""
    return [f"{name}={_written(value)}" for name, value in entry.example.items()]


def result_facts(entry: Formula, result: Any, prefix: str = "") -> tuple[Fact, ...]:
    """The result as facts: one for a number, one a field for a named tuple, none for lists (see `result_tables`)."""
    note = "" if entry.standing == "exact" else STANDINGS[entry.standing]
    source = f"{entry.source} ({entry.standing})"
    if hasattr(result, "_fields"):
        return tuple(
            Fact(f"{prefix}{name}", value, basis="formula", source=source, note=note)
            for name, value in result._asdict().items()
        )
    if isinstance(result, tuple):
        return ()
    return (Fact(f"{prefix}{entry.name}", result, entry.unit, basis="formula", source=source, note=note),)


def result_tables(result: Any, title: str) -> tuple[Table, ...]:
    """The result as a table where it is a list of numbers or of rows."""
    if not isinstance(result, tuple) or hasattr(result, "_fields") or not result:
        return ()
    if hasattr(result[0], "_fields"):
        columns = tuple(Column(name) for name in result[0]._fields)
        return (Table(title, columns, tuple(tuple(row) for row in result)),)
    rows: Sequence[tuple[Scalar, ...]] = tuple(enumerate(result))
    return (Table(title, (Column("index"), Column("value", format=".10g")), tuple(rows)),)


def plain_result(result: Any) -> Any:
    """The result as numbers, words, lists and dicts, ready for JSON."""
    if hasattr(result, "_fields"):
        return result._asdict()
    if isinstance(result, tuple):
        return [plain_result(item) for item in result]
    return result


def _plain(entry: Formula) -> dict[str, Any]:
    return {
        "name": entry.name,
        "symbol": entry.symbol,
        "definition": entry.definition,
        "source": entry.source,
        "standing": entry.standing,
        "worth": entry.worth,
        "unit": entry.unit,
        "arguments": [
            {
                "name": a.name,
                "meaning": a.meaning,
                "unit": a.unit,
                "domain": a.domain.words,
                "required": a.required,
                **({} if a.required else {"default": list(a.default) if isinstance(a.default, tuple) else a.default}),
            }
            for a in entry.arguments
        ],
        "example": {k: list(v) if isinstance(v, tuple) else v for k, v in entry.example.items()},
    }


def _default(argument: Argument) -> str:
    if argument.required:
        return "required"
    return "empty" if argument.default == () else _written(argument.default)


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(_written(item) for item in value)
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
