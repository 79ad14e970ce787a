"""Answers that no question gives: every text of them hostile, or a table long enough to fold."""

from __future__ import annotations

import json
from typing import Any

from ropescope.app.web.backend import shown
from ropescope.report.report import Column, Fact, Figure, Report, Step, Table

HOSTILE = (
    "<img src=x onerror=window.hacked=1>",
    "</script><script>window.hacked=1</script>",
    '"><svg onload=window.hacked=1>',
    "javascript:window.hacked=1",
    "{{constructor.constructor('window.hacked=1')()}}",
    "`fit`<b>`x`</b>",
    "'; alert(1); '\u202e\u0000&lt;i&gt;",
)


def hostile_report(text: str) -> Report:
    """A report in which `text` stands wherever text can stand."""
    spec = {
        "data": {"values": [{"a": text, "b": 1}]},
        "mark": "bar",
        "encoding": {"y": {"field": "a"}, "x": {"field": "b", "type": "quantitative"}},
    }
    return Report(
        title=text,
        verdict=text,
        lead=text,
        facts=(Fact(text, text, text, "config", text, note=text),),
        tables=(Table(text, (Column(text, text),), ((text,),), note=text),),
        figures=(Figure(text, text, spec, text),),
        caveats=(text,),
        next_steps=(Step("fit", {"source": text, "context": text}, text), Step(text, {text: text}, text), text),
        data={text: text},
        holds=True,
    )


def table_report(n: int) -> Report:
    """A table of `n` rows that shows its first five; each third value is absent."""
    rows = tuple((f"row {i}", None if i % 3 == 2 else (7 * i) % n + 0.25) for i in range(n))
    return Report(
        "Rows", f"There are {n} rows.", tables=(Table("Rows", (Column("name"), Column("value", "ms")), rows, limit=5),)
    )


def as_fake(*reports: Report) -> str:
    """A backend in JavaScript: its answer to every question is the report whose number is given as `source`, else the first."""
    answers: list[dict[str, Any]] = [
        {"report": shown(one), "command": "ropescope show x", "python": "x"} for one in reports
    ]
    return f"{{ answer: (_, given) => Promise.resolve({json.dumps(answers)}[given.source ?? 0]) }}"
