"""A report as one page that holds everything it shows: no network, no foreign font or script, readable in ten years.

The page carries a content security policy that forbids all fetching and allows its own script by hash only, so that a
name that slipped through the escaping could still not run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ropescope import __version__
from ropescope.errors import MissingExtraError
from ropescope.report.figure import svg, vega_lite
from ropescope.report.files import write_whole
from ropescope.report.json import dumps
from ropescope.report.report import Figure, Report
from ropescope.report.shown import BASIS_MEANING, shown_facts, shown_tables
from ropescope.report.svg import embedded
from ropescope.report.templates import filled, in_script, markup, preformatted, resource, script_hash
from ropescope.report.text import plain, slug


def page(report: Report) -> str:
    """`report` as one self-contained HTML page.

    Figures are drawn as SVG where vl-convert is installed; without it the page says so in their place and still holds
    their data. Raises ReportError for a number that is NaN or infinite, or a figure that cannot be drawn.
    """
    script = resource("page.js")
    return filled(
        "page.html.j2",
        **shared(report, "page.css"),
        figures=[_figure(figure, i) for i, figure in enumerate(report.figures)],
        data=in_script(dumps(report.data, name="data", indent=1)),
        whole=in_script(dumps(report.to_dict(), name="report")),
        file_name=slug(report.title.lower()),
        script=markup(script),
        script_hash=script_hash(script),
        version=__version__,
    )


def shared(report: Report, style: str) -> dict[str, Any]:
    """What every template of a report takes. Raises ReportError for a number that is NaN or infinite."""
    return {
        "report": report,
        "lead": preformatted(report.lead),
        "facts": shown_facts(report),
        "basis_meaning": BASIS_MEANING,
        "tables": shown_tables(report),
        "style": markup(resource(style)),
    }


def drawn(figure: Figure, prefix: str) -> Any:
    """The drawing of `figure` as SVG to stand in a page, its identifiers begun with `prefix`; None without vl-convert."""
    try:
        drawing = svg(figure, titled=False)
    except MissingExtraError:
        return None
    return markup(embedded(drawing, prefix, plain(f"{figure.title}. {figure.caption}".strip())))


def write_page(report: Report, path: str | Path) -> Path:
    """Write `page(report)` to `path`, whole or not at all, and return the path.

    Raises as `page` does, and ReportError if the file cannot be written.
    """
    return write_whole(path, page(report))


def _figure(figure: Figure, index: int) -> dict[str, Any]:
    return {
        "title": figure.title,
        "caption": figure.caption,
        "file_name": slug(figure.name),
        "svg": drawn(figure, f"figure-{index}-"),
        "spec": in_script(dumps(vega_lite(figure), name=f"the figure {figure.name!r}")),
    }
