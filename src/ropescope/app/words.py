"""How the command line spells what the library says: inputs as options, next steps as commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ropescope.questions.inputs import Asked, fields_of
from ropescope.questions.registry import find, spoken

if TYPE_CHECKING:
    from ropescope.report.report import Report, Step, Table

_NAMED = re.compile(r"`([a-z][a-z0-9_-]*(?: [a-z-]+)?)`")
_FACE = ("json", "html", "md", "figure", "out")


def option(name: str) -> str:
    """The option of a field: --kv-precision for kv_precision."""
    return "--" + name.replace("_", "-")


def spelled(text: str, fields: Iterable[Asked], foreign: str = "") -> str:
    """`text` with what it names in backquotes as this command line has it: inputs as --context or SOURCE, and questions as
    `ropescope fit`. What stands in backquotes in `foreign`, which a user or a file wrote, stays as it is."""
    if "`" not in text:
        return text
    names = {name: option(name) for name in _FACE}
    names |= {one.name: one.name.upper() if one.placed else option(one.name) for one in fields}
    names |= {name: f"`ropescope {name}`" for name in spoken() if name not in names}
    return _NAMED.sub(lambda match: match[0] if match[0] in foreign else names.get(match[1], match[0]), text)


def command_line(name: str, given: Mapping[str, Any]) -> str:
    """The command that asks the question `name` with `given`: values as text, lists where they repeat, truths for flags."""
    question = find(name)
    if all(isinstance(value, str) for value in given.values()):  # text stays as it is, and its kinds need not be known
        placed_words = [given[key] for key in question.placed if key in given]
        options = [word for key, value in given.items() if key not in question.placed for word in (option(key), value)]
        return " ".join(map(_quoted, ("ropescope", *name.split(), *placed_words, *options)))
    fields = fields_of(question.inputs_type)
    placed = [one for one in fields if one.placed and one.name in given]
    words = ["ropescope", *name.split(), *(word for one in placed for word in _words(one, given[one.name]))]
    for key, value in given.items():
        one = next((found for found in fields if found.name == key), None)
        if one is not None and one.placed:
            continue
        flag = option(key)
        if value is True:
            words.append(flag)
        elif isinstance(value, list | tuple) and (one is None or getattr(one.kind, "repeats", False)):
            words += [part for item in value for part in (flag, str(item))]
        elif value is not False:
            words += [flag, *([str(value)] if one is None else _words(one, value))]
    return " ".join(_quoted(word) for word in words)


def step_line(step: Step) -> str:
    """A next step as a sentence with its command."""
    return f"{step.why}: {command_line(step.question, step.inputs)}"


def written(given: Mapping[str, Any]) -> str:
    """The text that a user gave, one after the other."""
    texts = (item for value in given.values() for item in (value if isinstance(value, list | tuple) else (value,)))
    return "\n".join(text for text in texts if isinstance(text, str))


def as_shown(report: Report, fields: Iterable[Asked], foreign: str = "") -> Report:
    """`report` as this command line says it. Names of models and files are no names of inputs: what stands in backquotes in the
    title, in the value of a fact or in `foreign` stays as it is."""
    named = tuple(fields)
    values = (fact.value for fact in report.facts if isinstance(fact.value, str))
    kept = "\n".join((foreign, report.title, *values))

    def say(text: str) -> str:
        return spelled(text, named, kept)

    return replace(
        report,
        verdict=say(report.verdict),
        facts=tuple(replace(fact, source=say(fact.source), note=say(fact.note)) for fact in report.facts),
        tables=tuple(_table(table, say) for table in report.tables),
        caveats=tuple(say(text) for text in report.caveats),
        next_steps=tuple(say(step) if isinstance(step, str) else step_line(step) for step in report.next_steps),
    )


def _table(table: Table, say: Callable[[str], str]) -> Table:
    rows = tuple(tuple(say(value) if isinstance(value, str) else value for value in row) for row in table.rows)
    return replace(table, title=say(table.title), note=say(table.note), rows=rows)


def _words(one: Asked, value: Any) -> list[str]:
    if isinstance(value, list | tuple) and (one.placed or getattr(one.kind, "repeats", False)):
        return [str(item) for item in value]
    return [value if isinstance(value, str) else one.kind.write(value)]


def _quoted(word: str) -> str:
    """`word` for a shell; what stands for something, as SOURCE or <file>, stays as it is."""
    return word if re.fullmatch(r"[\w@%+=:,./\-…<>…]+", word) else shlex.quote(word)
