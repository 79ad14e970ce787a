"""Compute: any formula from words on a command line, `name=value`, with every mistake named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ropescope.checks.theory.formulas import (
    example_words,
    find_formula,
    plain_result,
    result_facts,
    result_tables,
)
from ropescope.errors import DomainError
from ropescope.questions.domains import Choice, Flag, Reals
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import ListOf, Text
from ropescope.questions.names import did_you_mean, shown
from ropescope.questions.numbers import read_number
from ropescope.questions.question import Run
from ropescope.report.report import Fact, Report, Step
from ropescope.theory import STANDINGS, Argument, Formula


@dataclass(frozen=True, kw_only=True)
class ComputeInputs:
    """A formula and its arguments."""

    name: str = asked(Text(), "A formula by its name.", placed=True)
    arguments: tuple[str, ...] = asked(
        ListOf(Text(metavar="ARGUMENT=VALUE")),
        "argument=value; numbers may be written 0.5, 1e6, 1M; 32k tokens are 32,768; lists 30,50,100.",
        default=(),
        placed=True,
    )


def answer(inputs: ComputeInputs, run: Run) -> Report:
    """The value of a formula."""
    return compute_report(inputs.name, inputs.arguments)


def compute_report(name: str, arguments: Iterable[str]) -> Report:
    """The value of one formula for arguments written `name=value`.

    Numbers may be written 0.5, 1e6, 1M; of tokens, 128k is 131,072; lists as 30,50,100. Raises `DomainError` for a
    formula or argument that does not exist (with the nearest name), one that is missing or given twice, and a value
    outside its domain.
    """
    entry = find_formula(name)
    values = read_arguments(entry, arguments)
    result = entry.function(**values)
    given = tuple(
        Fact(
            argument.name,
            _shown(values.get(argument.name, argument.default)),
            argument.unit,
            basis="assumed",
            source="given" if argument.name in values else "default",
        )
        for argument in entry.arguments
    )
    facts = result_facts(entry, result)
    return Report(
        title=f"{entry.name}: {entry.symbol}",
        verdict=_verdict(entry, result),
        facts=(*facts, *given),
        tables=result_tables(result, entry.name),
        caveats=(f"Standing {entry.standing}: {STANDINGS[entry.standing]}. {entry.worth}",),
        next_steps=(Step("formulas", {"name": entry.name}, "What it is"),),
        data={
            "name": entry.name,
            "arguments": {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()},
            "result": plain_result(result),
            "unit": entry.unit,
            "standing": entry.standing,
            "source": entry.source,
        },
    )


def read_arguments(entry: Formula, arguments: Iterable[str]) -> dict[str, Any]:
    """The arguments as values. Raises `DomainError` naming what is missing, unknown, repeated or unreadable."""
    known = {argument.name: argument for argument in entry.arguments}
    values: dict[str, Any] = {}
    for text in arguments:
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise DomainError(f"{text!r} is not of the form argument=value. Example: {_example(entry)}.")
        if name not in known:
            raise DomainError(
                f"{entry.name} has no argument {shown(name)}.{did_you_mean(name, known)} It takes {', '.join(known)}."
            )
        if name in values:
            raise DomainError(f"{entry.name}: {name} is given twice.")
        values[name] = read_value(known[name], value.strip())
    missing = [name for name, argument in known.items() if argument.required and name not in values]
    if missing:
        raise DomainError(f"{entry.name} needs {', '.join(missing)}. Example: {_example(entry)}.")
    return values


def read_value(argument: Argument, text: str) -> Any:
    """One value as the argument's domain wants it: a number, a word, true or false, or a list of numbers."""
    if isinstance(argument.domain, Choice):
        return text
    if isinstance(argument.domain, Flag):
        flags = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if text.lower() not in flags:
            raise DomainError(
                f"{argument.name} = {text!r} is outside the domain: {argument.name} must be true or false."
            )
        return flags[text.lower()]
    of_tokens = argument.unit == "tokens"
    if isinstance(argument.domain, Reals):
        items = (item.strip() for item in text.strip("[]()").split(","))
        return tuple(read_number(argument.name, item, of_tokens=of_tokens) for item in items if item)
    return read_number(argument.name, text, of_tokens=of_tokens)


def _example(entry: Formula) -> str:
    return " ".join((entry.name, *example_words(entry)))


def _verdict(entry: Formula, result: Any) -> str:
    if hasattr(result, "_fields"):
        said = ", ".join(f"{name} = {_shown(value)}" for name, value in result._asdict().items())
        return f"{entry.name}: {said}."
    if isinstance(result, tuple):
        return f"{entry.name}: {len(result)} values."
    unit = f" {entry.unit}" if entry.unit else ""
    return f"{entry.name} = {_shown(result)}{unit} ({entry.standing})."


def _shown(value: Any) -> Any:
    if isinstance(value, tuple):
        return ", ".join(str(_shown(item)) for item in value) or "empty"
    return value
