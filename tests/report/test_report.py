import json
import math
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropescope.errors import FormatError, ReportError
from ropescope.report import BASES, Column, Fact, Figure, Report, Table
from ropescope.report.json import dumps, to_json

text = st.text(max_size=12)
number = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**18), 10**18)
scalar = st.none() | st.booleans() | number | text
plain_json = st.recursive(scalar, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3))
objects = st.dictionaries(text, plain_json, max_size=4)
facts = st.builds(
    Fact,
    text,
    scalar,
    text,
    st.sampled_from(BASES),
    text,
    st.none() | st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)),
    text,
)


@st.composite
def tables(draw):
    columns = draw(st.lists(st.builds(Column, text, text, text), min_size=1, max_size=3))
    row = st.tuples(*[scalar for _ in columns])
    rows = draw(st.lists(row, max_size=4))
    return Table(draw(text), tuple(columns), tuple(rows), draw(text), draw(st.none() | st.integers(0, 9)))


reports = st.builds(
    Report,
    text,
    text,
    st.lists(facts, max_size=3).map(tuple),
    st.lists(tables(), max_size=2).map(tuple),
    st.lists(st.builds(Figure, text, text, objects, text), max_size=2).map(tuple),
    st.lists(text, max_size=2).map(tuple),
    st.lists(text, max_size=2).map(tuple),
    objects,
)


@settings(max_examples=30, deadline=None)
@given(reports)
def test_a_report_travels_as_json_and_loads_back_equal(report):
    assert Report.from_dict(json.loads(to_json(report, whole=True))) == report


def test_the_sample_travels_too(sample):
    assert Report.from_dict(json.loads(to_json(sample, whole=True))) == sample


def test_the_machine_result_keeps_its_key_order():
    report = Report("t", "v", data={"zeta": 1, "alpha": (2, 3)})
    assert to_json(report, indent=None).endswith(',"zeta":1,"alpha":[2,3]}')


def test_the_machine_result_says_the_verdict_and_what_it_rests_on(sample):
    told = json.loads(to_json(sample))["answer"]
    assert (told["verdict"], told["holds"]) == (sample.verdict, sample.holds)
    assert told["facts"] == sample.to_dict()["facts"] and {fact["basis"] for fact in told["facts"]}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_json_refuses_what_is_no_number_and_names_the_key(bad):
    with pytest.raises(ReportError, match=r"data\.layers\[1\]\.gamma"):
        to_json(Report("t", "v", data={"layers": [{"gamma": 1.0}, {"gamma": bad}]}))


@pytest.mark.parametrize("bad", [{1: "a"}, {"a": {2}}, {"a": b"x"}, {"a": object()}])
def test_json_refuses_what_json_cannot_hold(bad):
    with pytest.raises(ReportError):
        dumps(bad)


def test_json_sends_no_escape_sequence_to_a_terminal():
    assert "\x9b" not in to_json(Report("t", "v", data={"model": "a\x9b31m\x1b[0m"}))


def test_a_row_has_one_value_a_column():
    with pytest.raises(ReportError, match="Row 1"):
        Table("t", (Column("a"), Column("b")), ((1, 2), (3,)))


def test_a_basis_is_one_of_five():
    with pytest.raises(ReportError, match="guessed"):
        Fact("x", 1, basis="guessed")


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "ropescope.report/9"},
        {"facts": [{"name": "x", "value": 1, "surprise": 2}]},
        {"facts": [{"name": "x", "value": 1, "basis": "guessed"}]},
        {"facts": [{"name": "x", "value": 1, "interval": [1.0, 2.0, 3.0]}]},
        {"tables": [{"title": "t", "columns": [], "rows": [[1]], "note": "", "limit": None}]},
        {"tables": 3},
        {"data": [1]},
    ],
)
def test_what_is_no_report_is_refused(change):
    with pytest.raises(FormatError):
        Report.from_dict({**Report("t", "v").to_dict(), **change})


def test_a_missing_field_is_named():
    data = Report("t", "v").to_dict()
    del data["verdict"]
    with pytest.raises(FormatError, match="verdict"):
        Report.from_dict(data)


def test_importing_the_room_imports_nothing_heavy():
    names = "report, terminal, markdown, json, figure, html, svg, theme, numbers, text, files, columns"
    heavy = "('rich', 'jinja2', 'markupsafe', 'numpy', 'torch', 'vl_convert', 'transformers', 'pandas')"
    code = f"import sys; from ropescope.report import {names}; import ropescope.app.show"
    code += f"; print([module for module in {heavy} if module in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
