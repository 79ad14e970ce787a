"""A report as GitHub Markdown, for an issue, a model card or a pull request. What is text stays text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ropescope.report.numbers import cell, fact_interval, fact_value, heading, numeric_columns
from ropescope.report.report import Figure, Report, Table
from ropescope.report.text import lines, plain

_SPECIAL = re.compile(r"[\\`*_{}\[\]|~$]")
_LINE_START = re.compile(r"^([-+](?=\s|$)|[#=]|\d+(?=[.)]\s))")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}


def to_markdown(report: Report, *, figures: Mapping[str, str] | None = None, level: int = 1) -> str:
    """`report` as Markdown whose top heading (of `level`) is the verdict.

    `figures` maps the name of a figure to the link of its picture; figures not named there are left out. Raises
    ReportError for a number that is NaN or infinite.
    """
    parts = [f"{'#' * level} {escape(report.verdict)}", f"_{escape(report.title)}_"]
    if report.lead:
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", report.lead)), default=0))
        parts.append(f"{fence}\n{lines(report.lead)}\n{fence}")
    if report.facts:
        head = ["", "value", "interval", "basis", "source"]
        rows = [
            [
                escape(fact.name),
                f"**{escape(fact_value(fact))}**",
                escape(fact_interval(fact)),
                fact.basis,
                escape(" · ".join(filter(None, (fact.source, fact.note)))),
            ]
            for fact in report.facts
        ]
        parts.append(_grid(head, rows, [False, True, True, False, False]))
    parts += [_table(table, level + 1) for table in report.tables]
    links = figures or {}
    parts += [_figure(figure, links[figure.name], level + 1) for figure in report.figures if figure.name in links]
    for name, texts in (("Caveats", report.caveats), ("Next steps", report.next_steps)):
        if texts:
            items = "\n".join(f"- {escape(str(text))}" for text in texts)
            parts.append(f"{'#' * (level + 1)} {name}\n\n{items}")
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """`text` on one line, with everything that Markdown, its tables, HTML or a mention would read made literal."""
    # Entities after backslashes: they hold no character that a backslash would spoil.
    escaped = _SPECIAL.sub(lambda match: "\\" + match[0], plain(text).strip())
    escaped = re.sub("[&<>@]", lambda match: _ENTITIES[match[0]], escaped)
    # What begins a list or a heading elsewhere becomes an entity: a digit takes no backslash.
    return _LINE_START.sub(lambda match: "".join(f"&#{ord(character)};" for character in match[0]), escaped)


def _table(table: Table, level: int) -> str:
    head = [escape(heading(column)) for column in table.columns]
    rows = [
        [escape(cell(value, column)) for value, column in zip(row, table.columns, strict=True)] for row in table.rows
    ]
    text = f"{'#' * level} {escape(table.title)}\n\n{_grid(head, rows, numeric_columns(table.columns, table.rows))}"
    return f"{text}\n\n{escape(table.note)}" if table.note else text


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    marks = ["---:" if to_the_right else "---" for to_the_right in right]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, marks, *rows))


def _figure(figure: Figure, link: str, level: int) -> str:
    # A link in angle brackets may hold spaces and parentheses, but no angle bracket or line break.
    target = plain(link).replace("<", "%3C").replace(">", "%3E").replace("\\", "%5C")
    text = f"{'#' * level} {escape(figure.title)}\n\n![{escape(figure.title)}](<{target}>)"
    return f"{text}\n\n{escape(figure.caption)}" if figure.caption else text
