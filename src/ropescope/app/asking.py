"""Ask a question from the command line: read what was written, answer, and show the answer in every way that was asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ropescope.app.words import as_shown, spelled
from ropescope.errors import ReportError, RopescopeError
from ropescope.questions.inputs import fields_of, from_text
from ropescope.questions.kinds import File, Source
from ropescope.questions.question import Question

PASTED: Final = "-"


def ask(question: Question, given: Mapping[str, Any]) -> None:
    """Answer `question` for what was written on the command line, and show the answer. Raises what the answer raises, with
    inputs named as options; SystemExit(1) with --check where the answer is no."""
    from ropescope.app.show import Ways, show_report
    from ropescope.app.terminal import Terminal

    fields = fields_of(question.inputs_type)
    mine = {one.name: given[one.name] for one in fields if given.get(one.name) not in (None, ())}
    ways = Ways.of(given)
    try:
        with _pasted(question, mine) as written:
            inputs: Any = from_text(question.inputs_type, written)
            run = Terminal(given.get("out"))
            report = question.ask(inputs, run)
            show_report(as_shown(report, fields), ways)
            run.end(report)
    except RopescopeError as error:
        error.args = (spelled(str(error), fields), *error.args[1:])
        raise
    if (ways.check and not report.holds) or (ways.bare and report.holds is False):
        raise SystemExit(1)


@contextmanager
def _pasted(question: Question, given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """`given`, with a file in the place of `-`, which holds what was pasted into standard input."""
    pasted = [
        one
        for one in fields_of(question.inputs_type)
        if isinstance(one.kind, File | Source) and given.get(one.name) == PASTED
    ]
    if not pasted:
        yield given
        return
    if len(pasted) > 1:
        raise ReportError(f"Standard input can stand for one input: `{pasted[0].name}` or `{pasted[1].name}`.")
    import tempfile

    with tempfile.TemporaryDirectory(prefix="pasted-") as folder:
        text = sys.stdin.read()
        suffix = ".json" if text.lstrip()[:1] in ("{", "[") else ".txt"
        path = Path(folder) / ("config.json" if isinstance(pasted[0].kind, Source) else f"pasted{suffix}")
        path.write_text(text, encoding="utf-8")
        yield {**given, pasted[0].name: str(path)}
