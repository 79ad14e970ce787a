"""A report as one page that holds everything it shows: no network, no foreign font or script, readable in ten years.

The page carries a content security policy that forbids all fetching and allows its own script by hash only, so that a
name that slipped through the escaping could still not run.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ropescope import __version__
from ropescope.errors import MissingExtraError
from ropescope.report.figure import svg, vega_lite
from ropescope.report.files import write_whole
from ropescope.report.json import dumps
from ropescope.report.numbers import cell, fact_interval, fact_value, heading, numeric_columns
from ropescope.report.report import Basis, Figure, Report, Scalar, Table
from ropescope.report.svg import embedded
from ropescope.report.text import plain, slug

if TYPE_CHECKING:
    from jinja2 import Environment

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
    script = _resource("page.js")
    return (
        _environment()
        .from_string(_resource("page.html.j2"))
        .render(
            report=report,
            facts=[{"fact": fact, "value": fact_value(fact), "interval": fact_interval(fact)} for fact in report.facts],
            basis_meaning=BASIS_MEANING,
            tables=[_table(table) for table in report.tables],
            figures=[_figure(figure, i) for i, figure in enumerate(report.figures)],
            data=_in_script(dumps(report.data, name="data", indent=1)),
            whole=_in_script(dumps(report.to_dict(), name="report")),
            file_name=slug(report.title.lower()),
            style=_markup(_resource("page.css")),
            script=_markup(script),
            script_hash=_hash(script),
            version=__version__,
        )
    )


def write_page(report: Report, path: str | Path) -> Path:
    """Write `page(report)` to `path`, whole or not at all, and return the path.

    Raises as `page` does, and ReportError if the file cannot be written.
    """
    return write_whole(path, page(report))


def interactive_page(title: str, spec: Mapping[str, Any], bundle: str) -> str:
    """A page that draws `spec` with the Vega scripts in `bundle`, with tooltips and export; it fetches nothing."""
    start = _resource("figure.js")
    return (
        _environment()
        .from_string(_resource("figure.html.j2"))
        .render(
            title=title,
            spec=_in_script(dumps(spec, name="spec")),
            bundle=_markup(bundle),
            start=_markup(start),
            hashes=[_hash(bundle), _hash(start)],
        )
    )


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
        "svg": None if drawn is None else _markup(drawn),
        "spec": _in_script(dumps(vega_lite(figure), name=f"the figure {figure.name!r}")),
    }


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    def harmless(value: Any) -> Any:
        """Everything a template prints passes here, so that no field can be forgotten."""
        return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    return Environment(
        autoescape=True, undefined=StrictUndefined, finalize=harmless, trim_blocks=True, lstrip_blocks=True
    )


def _resource(name: str) -> str:
    return files("ropescope.report").joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


def _markup(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)  # only for our own files and for what `embedded` and `_in_script` made safe


def _in_script(json_text: str) -> Any:
    """JSON (ASCII already) that cannot end the script element it stands in, nor begin a comment there."""
    return _markup(json_text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))
