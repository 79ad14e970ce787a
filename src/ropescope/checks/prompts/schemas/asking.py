"""Tools-schema: whether a JSON schema lets a model write its reasoning before its answer, by engine, and what engines refuse."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ropescope.checks.prompts.json_input import read_input
from ropescope.checks.prompts.schemas.compiling import llguidance_says, require_valid
from ropescope.checks.prompts.schemas.documents import schemas_in
from ropescope.checks.prompts.schemas.limits import limits, together
from ropescope.checks.prompts.schemas.orders import ENGINES, engines, pairs
from ropescope.checks.prompts.schemas.report import Judged, judged_report
from ropescope.checks.prompts.schemas.walk import Walk
from ropescope.errors import FormatError
from ropescope.questions.domains import Choice
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import File, ListOf, Text
from ropescope.questions.question import Run
from ropescope.report.report import Report


@dataclass(frozen=True, kw_only=True)
class ToolsSchemaInputs:
    """A schema or tools, the engine, and names that count as answer or reasoning."""

    schema: Path = asked(
        File(), "A JSON schema, a response_format, a request, or tools of OpenAI, Anthropic or MCP (JSON).", placed=True
    )
    engine: str | None = asked(Choice(ENGINES), "One engine; default: all of them.", default=None)
    answers: tuple[str, ...] = asked(
        ListOf(Text()), "Further field names that are an answer.", default=(), group="names"
    )
    reasonings: tuple[str, ...] = asked(
        ListOf(Text()), "Further field names that are reasoning.", default=(), group="names"
    )


def answer(inputs: ToolsSchemaInputs, run: Run) -> Report:
    """Whether a JSON schema lets a model write its reasoning before its answer, by engine, and what each engine refuses."""
    document = read_input(inputs.schema)
    where = str(inputs.schema)
    judged = []
    found = schemas_in(document, where)
    for one in found:
        named = where if len(found) == 1 else f"{where}, {one.name[:80]}"
        walk = Walk(one.schema, named, frozenset(inputs.answers), frozenset(inputs.reasonings))
        try:
            objects = walk.objects()
            checked = require_valid(one.schema, named)
        except RecursionError:
            raise FormatError(f"{named}: its references nest too deeply to be followed.") from None
        judged.append(
            Judged(
                one,
                objects,
                tuple(pairs(one, objects)),
                tuple(limits(one, walk)),
                checked,
                llguidance_says(one.schema),
            )
        )
    asked_of = tuple(engine for engine in engines() if inputs.engine in (None, engine.name))
    return judged_report(inputs.schema.name, document, tuple(judged), tuple(together(found)), asked_of)
