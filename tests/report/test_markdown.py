import math

import pytest
from markdown_it import MarkdownIt

from ropescope.errors import ReportError
from ropescope.report import Column, Fact, Report, Table
from ropescope.report.markdown import escape, to_markdown

HOSTILE = "<script>alert(1)</script>[a](b)|`c`\x1b[31m *d* _e_ $f$ @g & ![h](i)"
LITERAL = HOSTILE.replace("\x1b", "")


def text_of(markdown: str) -> str:
    def walk(tokens):
        for token in tokens:
            assert token.type not in ("html_block", "html_inline", "link_open", "image", "code_inline", "em_open")
            yield from walk(token.children) if token.children else [token.content]

    return "".join(walk(MarkdownIt("commonmark", {"html": True}).parse(markdown)))


@pytest.mark.parametrize("text", [HOSTILE, "# no", "- no", "1. no", "> no", "+ no", "=== no", "a\\|b", "~~no~~"])
def test_text_stays_text(text):
    assert text_of(escape(text)) == text.replace("\x1b", "")
    assert text_of(f"- {escape(text)}") == text.replace("\x1b", "")


def test_a_pipe_does_not_open_a_cell():
    report = Report(
        HOSTILE, HOSTILE, (Fact(HOSTILE, HOSTILE),), (Table(HOSTILE, (Column(HOSTILE), Column("n")), ((HOSTILE, 1),)),)
    )
    tables = MarkdownIt("commonmark", {"html": True}).enable("table").parse(to_markdown(report))
    assert sum(token.type == "td_open" for token in tables) == 5 + 2
    assert not any(token.type == "html_block" for token in tables)
    assert "<script" not in to_markdown(report)


def test_all_rows_are_there_and_figures_only_as_links(sample):
    markdown = to_markdown(sample, figures={"decay": "a (1)/decay.svg"})
    assert markdown.count("\n| 29 |") == 1 and "more row" not in markdown
    assert "![Attention by distance](<a (1)/decay.svg>)" in markdown
    assert "γ by layer and head" not in markdown
    assert markdown.startswith(f"# {sample.verdict[:40]}")


def test_nan_is_refused():
    with pytest.raises(ReportError, match="gamma"):
        to_markdown(Report("t", "v", (Fact("gamma", math.nan),)))
