"""A report as one page that holds everything it shows: no network, no foreign font or script, readable in ten years.

The page carries a content security policy that forbids all fetching and allows its own script by hash only, so that a
name that slipped through the escaping could still not run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ropescope import __version__
from ropescope.errors import MissingExtraError
from ropescope.report.figure import svg, vega_lite
from ropescope.report.files import write_whole
from ropescope.report.json import dumps
from ropescope.report.numbers import cell, fact_interval, fact_value, heading, numeric_columns
from ropescope.report.report import Basis, Figure, Report, Scalar, Table
from ropescope.report.svg import embedded
from ropescope.report.templates import environment, in_script, markup, resource, script_hash
from ropescope.report.text import plain, slug

BASIS_MEANING: Mapping[Basis, str] = {
    "config": "read from the model's files",
    "measured": "measured on its weights; the protocol stands beside it",
    "formula": "computed from a closed form; its standing is named",
    "published": "taken from a publication",
    "assumed": "a default that you can change",
}
"""What a reader is told of each basis."""


def page(report: Report) -> str:
    """`report` as one self-contained HTML page.

    Figures are drawn as SVG where vl-convert is installed; without it the page says so in their place and still holds
    their data. Raises ReportError for a number that is NaN or infinite, or a figure that cannot be drawn.
    """
    script = resource("page.js")
    return (
        environment()
        .from_string(resource("page.html.j2"))
        .render(
            report=report,
            facts=[{"fact": fact, "value": fact_value(fact), "interval": fact_interval(fact)} for fact in report.facts],
            basis_meaning=BASIS_MEANING,
            tables=[_table(table) for table in report.tables],
            figures=[_figure(figure, i) for i, figure in enumerate(report.figures)],
            data=in_script(dumps(report.data, name="data", indent=1)),
            whole=in_script(dumps(report.to_dict(), name="report")),
            file_name=slug(report.title.lower()),
            style=markup(resource("page.css")),
            script=markup(script),
            script_hash=script_hash(script),
            version=__version__,
        )
    )


def write_page(report: Report, path: str | Path) -> Path:
    """Write `page(report)` to `path`, whole or not at all, and return the path.

    Raises as `page` does, and ReportError if the file cannot be written.
    """
    return write_whole(path, page(report))


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
    return {"title": table.title, "heads": heads, "rows": rows, "note": table.note}


def _sort_key(value: Scalar) -> str:
    """What the page sorts by: the number in full where the cell shows a rounded one; empty for an absent value."""
    if value is None:
        return ""
    return repr(float(value)) if isinstance(value, (int, float)) else plain(value)


def _figure(figure: Figure, index: int) -> dict[str, Any]:
    drawn: str | None
    try:
        label = plain(f"{figure.title}. {figure.caption}".strip())
        drawn = embedded(svg(figure, titled=False), f"figure-{index}-", label)
    except MissingExtraError:
        drawn = None
    return {
        "title": figure.title,
        "caption": figure.caption,
        "file_name": slug(figure.name),
        "svg": None if drawn is None else markup(drawn),
        "spec": in_script(dumps(vega_lite(figure), name=f"the figure {figure.name!r}")),
    }
