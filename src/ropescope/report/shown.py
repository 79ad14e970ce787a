"""A report as a page shows it: every number as text, with what a table sorts by beside it. Plain dicts, ready for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ropescope.report.numbers import cell, fact_interval, fact_value, heading, numeric_columns
from ropescope.report.report import Basis, Fact, Report, Scalar, Table
from ropescope.report.text import plain

BASIS_MEANING: Mapping[Basis, str] = {
    "config": "read from the model's files",
    "measured": "measured on its weights; the protocol stands beside it",
    "formula": "computed from a closed form; its standing is named",
    "published": "taken from a publication",
    "assumed": "a default that you can change",
}
"""What a reader is told of each basis."""


def shown_facts(report: Report) -> list[dict[str, Any]]:
    """The facts, values and intervals as text. Raises ReportError for a number that is NaN or infinite."""
    return [_fact(fact) for fact in report.facts]


def shown_tables(report: Report) -> list[dict[str, Any]]:
    """The tables, cells as text with what they sort by. Raises ReportError as `shown_facts` does."""
    return [_table(table) for table in report.tables]


def _fact(fact: Fact) -> dict[str, Any]:
    return {
        "name": plain(fact.name),
        "value": fact_value(fact),
        "interval": fact_interval(fact),
        "basis": fact.basis,
        "source": plain(fact.source),
        "note": plain(fact.note),
    }


def _table(table: Table) -> dict[str, Any]:
    numeric = numeric_columns(table.columns, table.rows)
    rows = [
        [
            {"text": cell(value, column), "key": _sort_key(value), "numeric": right}
            for value, column, right in zip(row, table.columns, numeric, strict=True)
        ]
        for row in table.rows
    ]
    heads = [{"text": heading(column), "numeric": right} for column, right in zip(table.columns, numeric, strict=True)]
    return {"title": plain(table.title), "heads": heads, "rows": rows, "note": plain(table.note), "limit": table.limit}


def _sort_key(value: Scalar) -> str:
    """What the page sorts by: the number in full where the cell shows a rounded one; empty for an absent value."""
    if value is None:
        return ""
    return repr(float(value)) if isinstance(value, (int, float)) else plain(value)
