"""A kept report comes back as it was; a file that only looks like one is refused, and what it would fetch is left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ropescope.checks.reading.kept_report import ShowReportInputs, answer
from ropescope.errors import FormatError
from ropescope.questions.question import Run
from ropescope.report.json import to_json
from ropescope.report.report import Column, Fact, Figure, Report, Step, Table

REPORT = Report(
    "A title",
    "A verdict.",
    facts=(Fact("γ", 0.56, basis="measured", interval=(0.1, 0.9)),),
    tables=(Table("T", (Column("a"), Column("b", "ms")), (("x", 1.5), ("y", None))),),
    figures=(Figure("f", "F", {"mark": "bar", "data": {"values": [{"a": 1}]}}),),
    caveats=("One.",),
    next_steps=(Step("fit", {"source": "a/b"}, "Ask"), "Or not."),
    data={"n": 1},
    holds=False,
    lead="do it",
)


def shown(folder: Path, text: str) -> Report:
    path = folder / "kept.json"
    path.write_text(text)
    return answer(ShowReportInputs(report=path), Run())


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    made = shown(tmp_path, to_json(REPORT, whole=True))
    assert made.caveats == ("One.", "Shown again from kept.json; nothing was computed.")
    assert {**made.to_dict(), "caveats": ["One."]} == REPORT.to_dict()


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "ropescope.plan/1"},
        {"facts": [{"name": "γ", "value": {"a": 1}}]},
        {"facts": [{"name": 3, "value": 1}]},
        {"facts": [{"name": "γ", "value": 1, "basis": "guessed"}]},
        {"facts": "γ"},
        {"tables": [{"title": "T", "columns": [{"name": "a"}], "rows": [[1, 2]], "note": "", "limit": None}]},
        {
            "tables": [
                {"title": "T", "columns": [{"name": "a", "format": "zz"}], "rows": [[1]], "note": "", "limit": None}
            ]
        },
        {"figures": [{"name": "f", "title": "F", "spec": 3}]},
        {"figures": [{"name": "f", "title": "F", "spec": {"data": {"url": "https://example.org/x.csv"}}}]},
        {"verdict": 3},
        {"verdict": None},
        {"next_steps": [{"question": "fit", "inputs": 3}]},
        {"next_steps": [3]},
        {"caveats": [3]},
        {"lead": 3},
        {"holds": "yes"},
        {"data": [1]},
    ],
)
def test_what_is_no_whole_report_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        shown(tmp_path, json.dumps({**REPORT.to_dict(), **change}))


def test_a_figure_that_would_fetch_is_left_out(tmp_path: Path) -> None:
    spec = {"mark": {"type": "image", "url": "https://example.org/x.png"}, "data": {"values": []}}
    made = shown(tmp_path, json.dumps({**REPORT.to_dict(), "figures": [{"name": "f", "title": "F", "spec": spec}]}))
    assert made.figures == () and "Figures that fetch data are not shown: 1." in made.caveats
