"""A report in a terminal: the first line is the answer, and the rest stands behind it.

Nothing is cut short: text wraps, numbers stay whole, and a folded table says how many rows it keeps back. Names from
outside are shown as they are written, never read as markup or as control sequences.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from ropescope.report.columns import GAP, row_lines, table_lines, wrapped
from ropescope.report.numbers import cell, fact_interval, fact_value, heading, numeric_columns
from ropescope.report.report import Fact, Report, Table
from ropescope.report.text import lines as text_lines
from ropescope.report.text import plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

PROSE_WIDTH = 100
"""Sentences wrap here even in a wider terminal: longer lines are hard to read."""

_NAME_WIDTH = 30
_VALUE_WIDTH = 36
_SOURCE_WIDTH = 24
"""With less room than this beside the value, the source of a fact goes on a line of its own."""


def print_report(report: Report, console: Console) -> None:
    """Print `report` on a rich console, to its width. Raises ReportError for a number that is NaN or infinite."""
    # Everything is laid out before the first line goes out, so that a report that cannot be shown shows no half.
    for line in report_lines(report, console):
        console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)


def to_text(report: Report, *, width: int = 80) -> str:
    """`report` as plain text without colour, `width` characters wide. Raises ReportError as `print_report` does."""
    from rich.console import Console

    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False)
    return "\n".join(line.plain for line in report_lines(report, console)) + "\n"


def report_lines(report: Report, console: Console) -> list[Text]:
    """The lines of `report` for the width of `console`, none wider unless a single number is."""
    from rich.text import Text

    width = console.width
    prose = min(width, PROSE_WIDTH)
    lead = [Text(line) for line in text_lines(report.lead).splitlines()] if report.lead else []
    lines = wrapped(Text(plain(report.verdict), "bold"), prose, console)
    lines += wrapped(Text(plain(report.title), "dim"), prose, console)
    if lead:  # what to copy stands first, but not before an answer of no
        lines = [*lines, Text(), *lead] if report.holds is False else [*lead, Text(), *lines]
    if report.facts:
        lines += [Text(), *_facts(report.facts, width, console)]
    for table in report.tables:
        lines += [Text(), *_table(table, width, console)]
    if report.figures:
        names = ", ".join(plain(figure.name) for figure in report.figures)
        lines += [Text(), *wrapped(Text(f"Figures: {names}", "dim"), prose, console)]
    for mark, style, texts in (("!", "bold yellow", report.caveats), ("→", "bold cyan", report.next_steps)):
        if texts:
            lines.append(Text())
        for text in texts:
            lines += wrapped(Text(plain(str(text))), prose, console, indent="  ", first=Text(f"{mark} ", style))
    return lines


def _facts(facts: tuple[Fact, ...], width: int, console: Console) -> list[Text]:
    from rich.cells import cell_len
    from rich.text import Text

    names = [plain(fact.name) for fact in facts]
    values = [fact_value(fact) for fact in facts]
    intervals = [fact_interval(fact) for fact in facts]
    shown = [f"{value} {ends}".rstrip() for value, ends in zip(values, intervals, strict=True)]
    name_width = min(max(map(cell_len, names)), _NAME_WIDTH, max(width // 3, 1))
    # A number and its interval are never folded; a long word or sentence is.
    whole = max(
        (cell_len(text) for text, fact in zip(shown, facts, strict=True) if not isinstance(fact.value, str)), default=0
    )
    value_width = max(whole, min(max(map(cell_len, shown)), _VALUE_WIDTH))
    left = min(width, 2 * PROSE_WIDTH) - name_width - value_width - 2 * GAP
    lines = []
    for fact, name, value, ends in zip(facts, names, values, intervals, strict=True):
        cells = [Text(name), Text.assemble((value, "bold"), (f" {ends}" if ends else "", ""))]
        source = Text(" · ".join(filter(None, (fact.basis, plain(fact.source), plain(fact.note)))), "dim")
        if left >= _SOURCE_WIDTH:
            lines += row_lines([*cells, source], [name_width, value_width, left], [False] * 3, console)
        else:
            room = max(width - name_width - GAP, whole)
            lines += row_lines(cells, [name_width, room], [False] * 2, console)
            lines += wrapped(source, width, console, indent="    ")
    return lines


def _table(table: Table, width: int, console: Console) -> list[Text]:
    from rich.text import Text

    kept = table.rows if table.limit is None else table.rows[: table.limit]
    head = [heading(column) for column in table.columns]
    rows = [[cell(value, column) for value, column in zip(row, table.columns, strict=True)] for row in kept]
    lines = wrapped(Text(plain(table.title), "bold"), width, console)
    lines += table_lines(head, rows, numeric_columns(table.columns, table.rows), width, console)
    hidden = len(table.rows) - len(kept)
    if hidden:
        lines.append(Text(f"… {hidden:,} more row{'s' if hidden > 1 else ''}; the JSON has them all", "dim"))
    if table.note:
        lines += wrapped(Text(plain(table.note), "dim"), min(width, PROSE_WIDTH), console)
    return lines
