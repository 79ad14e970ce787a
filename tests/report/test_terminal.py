import io
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from ropescope.errors import ReportError
from ropescope.report import Column, Fact, Report, Table
from ropescope.report.terminal import print_report, to_text

HOSTILE = "<script>alert(1)</script>[bold]|`\x1b[31mred\x9b0m\r\u202eevil"


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal_and_nothing_is_cut(sample, width):
    text = to_text(sample, width=width)
    lines = text.splitlines()
    assert max(map(cell_len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)
    for whole in ("0.8912 [0.8871, 0.8953]", "8,192 tokens", "0.3516 GiB", "1,357", "100,000"):
        assert whole in text
    assert "… 18 more rows; the JSON has them all" in text


def test_the_first_line_is_the_answer(sample):
    assert to_text(sample, width=400).splitlines()[0].startswith(sample.verdict[:60])
    assert sample.verdict.startswith(to_text(sample, width=80).splitlines()[0])


def test_basis_source_and_note_stand_with_the_fact(sample):
    line = next(line for line in to_text(sample, width=200).splitlines() if line.startswith("predicted γ"))
    assert "0.7031" in line and "formula · paper I, eq. 4 · contradicted: worse than a constant" in line


@pytest.mark.parametrize("width", [24, 80, 200])
def test_hostile_names_are_shown_as_they_are_written(width):
    report = Report(
        HOSTILE,
        HOSTILE,
        (Fact(HOSTILE, HOSTILE, HOSTILE, "config", HOSTILE, None, HOSTILE),),
        (Table(HOSTILE, (Column(HOSTILE, HOSTILE),), ((HOSTILE,), (None,)), HOSTILE, 1),),
        caveats=(HOSTILE,),
        next_steps=(HOSTILE,),
    )
    out = io.StringIO()
    print_report(report, Console(file=out, width=width, force_terminal=True, color_system="truecolor"))
    shown = out.getvalue()
    for forbidden in ("\x1b[31m", "\x9b", "\r", "\u202e"):
        assert forbidden not in shown
    if width == 200:
        assert "<script>alert(1)</script>[bold]|`[31mred0m evil" in to_text(report, width=width)


def test_without_colour_there_is_no_escape_sequence(sample):
    out = io.StringIO()
    print_report(sample, Console(file=out, width=80))
    assert "\x1b" not in out.getvalue()
    assert out.getvalue() == to_text(sample, width=80)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize(
    "report",
    [
        lambda bad: Report("t", "v", (Fact("gamma", bad),)),
        lambda bad: Report("t", "v", (Fact("gamma", 1.0, interval=(0.0, bad)),)),
        lambda bad: Report("t", "v", tables=(Table("t", (Column("gamma", format=".3f"),), ((bad,),)),)),
    ],
)
def test_nan_shows_nothing_at_all(report, bad):
    out = io.StringIO()
    with pytest.raises(ReportError, match="gamma"):
        print_report(report(bad), Console(file=out, width=80))
    assert out.getvalue() == ""


def test_a_wide_table_is_cut_into_blocks_that_begin_with_the_first_column():
    columns = tuple(Column(f"number {i}") for i in range(20))
    text = to_text(
        Report("t", "v", tables=(Table("wide", columns, (tuple(1234567 + i for i in range(20)),)),)), width=80
    )
    assert max(map(len, text.splitlines())) <= 80
    assert all(f"{1234567 + i:,}" in text for i in range(20))
    assert text.count("number 0") > 1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.text(max_size=20), st.none() | st.integers(-999, 10**9) | st.text(max_size=90)), max_size=4),
    st.integers(40, 160),
)
@example([("0" * 11, "0" * 21)], 40)  # a text as wide as a value may be, beside a name
def test_any_words_fit_any_width(pairs, width):
    report = Report("t", "v", tuple(Fact(name, value, "tokens", source=name) for name, value in pairs))
    assert all(cell_len(line) <= width for line in to_text(report, width=width).splitlines())
