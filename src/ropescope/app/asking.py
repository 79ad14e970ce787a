"""Ask a question from the command line: read what was written, answer, and show the answer in every way that was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ropescope.app.pasting import pasted
from ropescope.app.words import as_shown, spelled, written
from ropescope.errors import RopescopeError
from ropescope.questions.carrying import carried
from ropescope.questions.inputs import fields_of, from_text
from ropescope.questions.question import Question


def ask(question: Question, given: Mapping[str, Any]) -> None:
    """Answer `question` for what was written on the command line, and show the answer. Raises what the answer raises, with
    inputs named as options; SystemExit(1) with --check where the answer is no."""
    from ropescope.app.face import kept_at
    from ropescope.app.show import Ways, show_report
    from ropescope.app.terminal import Terminal

    fields = fields_of(question.inputs_type)
    mine = {one.name: given[one.name] for one in fields if given.get(one.name) not in (None, ())}
    ways = Ways.of({**given, "out": kept_at(question, given.get("out"))})
    try:
        with pasted(fields, mine) as (texts, without_path):
            inputs: Any = from_text(question.inputs_type, texts)
            run = Terminal(kept_at(question, given.get("out"), inputs))
            report = without_path(carried(question.ask(inputs, run), inputs))
            show_report(as_shown(report, fields, written(mine)), ways)
            run.end(report)
    except RopescopeError as error:
        error.args = (spelled(str(error), fields, written(mine)), *error.args[1:])
        raise
    if (ways.check and not report.holds) or (ways.bare and report.holds is False):
        raise SystemExit(1)
