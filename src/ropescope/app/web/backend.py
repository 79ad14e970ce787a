"""The one way from a request of the page to an answer: the server and Python in the browser call the same functions.

A request is plain JSON: a question's name and its inputs as a person writes them (text, a list of texts, a truth). So is the
answer. Standard library and jinja2 only, as the questions themselves that files alone answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ropescope.app.web.languages.translated import translated, translated_problems
from ropescope.app.words import command_line
from ropescope.errors import DomainError, InputError, MissingExtraError, RopescopeError
from ropescope.questions.carrying import carried
from ropescope.questions.inputs import fields_of, from_text, read
from ropescope.questions.question import Question, Run
from ropescope.questions.registry import find
from ropescope.report.figure import vega_lite
from ropescope.report.json import strict
from ropescope.report.markdown import to_markdown
from ropescope.report.report import Report, Step
from ropescope.report.shown import shown_facts, shown_tables
from ropescope.report.text import lines, plain

MOST_TEXT: Final = 1 << 20
"""Characters of one input; what is longer is given as a file."""

Given = Mapping[str, str | list[str] | bool]


def answer(
    name: str, given: Given, run: Run | None = None, names: Mapping[str, str] | None = None, language: str = "en"
) -> dict[str, Any]:
    """The answer to the question `name`, or its error, as the page shows it.

    names: how files that the page keeps are called, by the path they have here. language: what the page speaks; then `english`
    lists what could not be said in it. Never raises for what a user gave.
    """
    names = names or {}
    try:
        question = find(name)
        inputs: Any = from_text(question.inputs_type, _checked(given))
        report = carried(question.ask(inputs, run), inputs)
        # Named before it is shown: Markdown and a shell write a path in their own ways.
        if names:
            report = Report.from_dict(renamed(report.to_dict(), names))
        made: dict[str, Any] = {"report": shown(report), **again(question, renamed(dict(given), names))}
    except RopescopeError as error:
        made = {"error": renamed(told(error), names)}
    return translated(made, language)


def problems(name: str, given: Given, language: str = "en") -> dict[str, str]:
    """What is wrong with the inputs given so far, by field; a missing one is not told until the answer is asked for."""
    found: dict[str, str] = {}
    try:
        question = find(name)
        fields = {one.name: one for one in fields_of(question.inputs_type)}
        clean = _checked(given)
    except InputError as error:
        return {error.field: str(error)}
    for field, text in clean.items():
        try:
            if field not in fields:
                raise InputError(field, f"There is no input {field!r:.100}.")
            read(fields[field].kind, field, text)
        except DomainError as error:
            found[field] = str(error)
    return translated_problems(found, language)


def shown(report: Report) -> dict[str, Any]:
    """`report` as the page shows it: numbers as text, figures themed, steps with inputs; and whole, to keep."""
    return {
        "title": plain(report.title),
        "verdict": plain(report.verdict),
        "lead": lines(report.lead),
        "holds": report.holds,
        "facts": shown_facts(report),
        "tables": shown_tables(report),
        "figures": [
            {
                "name": figure.name,
                "title": plain(figure.title),
                "caption": plain(figure.caption),
                "spec": strict(vega_lite(figure), f"figure {figure.name}"),
            }
            for figure in report.figures
        ],
        "caveats": [plain(text) for text in report.caveats],
        "steps": [_step(step) for step in report.next_steps],
        "data": strict(report.data),
        "whole": strict(report.to_dict(), "report"),
        "markdown": to_markdown(report),
    }


def again(question: Question, given: Given) -> dict[str, str]:
    """The same question as a command and as Python."""
    spelled = {name: value for name, value in given.items() if value not in ("", [], False)}
    return {
        "command": command_line(question.name, spelled),
        "python": (
            "from ropescope.questions.inputs import from_text\n"
            "from ropescope.questions.registry import find\n\n"
            f"question = find({question.name!r})\n"
            f"report = question.ask(from_text(question.inputs_type, {spelled!r}))\n"
        ),
    }


def told(error: RopescopeError) -> dict[str, Any]:
    """An error as the page shows it: the sentence, the field that it names, whether an extra is missing, the repository that
    the Hub was not asked about, since the user has not allowed it yet (hub), and one that an account may read (account)."""
    told: dict[str, Any] = {
        "message": plain(str(error)),
        "field": error.field,
        "missing": isinstance(error, MissingExtraError),
        "hub": None,
        "account": None,
    }
    cause: BaseException | None = error  # what a sentence about a base or a file was made of
    while cause is not None:
        if (repository := getattr(cause, "repository", None)) is not None:
            told["account" if getattr(cause, "needs_account", False) else "hub"] = repository
            break
        cause = cause.__cause__
    return told


def _step(step: Step | str) -> dict[str, Any]:
    if isinstance(step, str):
        return {"why": plain(step), "question": None, "inputs": {}}
    inputs = {
        name: value if isinstance(value, bool | list | tuple) else str(value) for name, value in step.inputs.items()
    }
    return {"why": plain(step.why), "question": step.question, "inputs": strict(inputs)}


def _checked(given: Given) -> dict[str, str | list[str] | bool]:
    """The inputs that were filled in. Raises InputError for what is no text, and for text that is too long."""
    clean: dict[str, str | list[str] | bool] = {}
    for name, value in given.items():
        texts = value if isinstance(value, list) else [value]
        if not all(isinstance(text, str | bool) for text in texts):
            raise InputError(name, f"`{name}` must be text.")
        if any(isinstance(text, str) and len(text) > MOST_TEXT for text in texts):
            raise InputError(name, f"`{name}` is longer than {MOST_TEXT:,} characters: give it as a file.")
        if value not in ("", [], False):
            clean[name] = value
    return clean


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """`value`, plain data, with files as they are called and not as where they lie."""
    if not names:
        return value
    if isinstance(value, str):
        for path, name in names.items():
            value = value.replace(path, name)
        return value
    if isinstance(value, dict):
        return {renamed(key, names): renamed(item, names) for key, item in value.items()}
    return [renamed(item, names) for item in value] if isinstance(value, list | tuple) else value
