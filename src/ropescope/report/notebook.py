"""A report and a figure as a notebook shows them: plain data by MIME type, and no scripts.

Styles and colours hold in a light notebook and in a dark one. A notebook that does not trust its outputs drops the styles and
keeps the tables.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from shutil import get_terminal_size
from typing import Any, Final

from ropescope.errors import MissingExtraError
from ropescope.questions.calling import call
from ropescope.questions.registry import known
from ropescope.report.figure import svg, vega_lite
from ropescope.report.html import drawn, shared
from ropescope.report.json import dumps
from ropescope.report.report import Figure, Report, Step
from ropescope.report.templates import filled
from ropescope.report.terminal import to_text
from ropescope.report.text import plain

VEGA_LITE: Final = "application/vnd.vegalite.v5+json"
"""What JupyterLab 3 and 4, Notebook 7 and VS Code render; version 6 is not known to all of them."""

_SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v5.json"
_WIDTH: Final = 100
_MOST_ROWS: Final = 200


def report_bundle(report: Report) -> dict[str, Any]:
    """`report` as text, as a terminal shows it, and as HTML. Next steps are calls of functions.

    Raises ReportError for a number that is NaN or infinite, or a figure that cannot be drawn.
    """
    width = get_terminal_size((_WIDTH, 24)).columns if sys.stdout.isatty() else _WIDTH
    told = replace(report, next_steps=tuple(": ".join(filter(None, _step(step))) for step in report.next_steps))
    return {"text/plain": to_text(told, width=width).rstrip("\n"), "text/html": fragment(report)}


def fragment(report: Report) -> str:
    """`report` as HTML to stand in a page of somebody else: the answer first, then facts, caveats, figures and tables.

    Figures are SVG where vl-convert is installed; else it says how each is shown. Raises as `report_bundle` does.
    """
    figures = [picture for figure in report.figures if (picture := _figure(figure)) is not None]
    return filled(
        "fragment.html.j2",
        **shared(report, "fragment.css"),
        figures=figures,
        not_drawn=[figure.title for figure in report.figures] if len(figures) < len(report.figures) else [],
        most_rows=_MOST_ROWS,
        steps=[dict(zip(("why", "call"), _step(step), strict=True)) for step in report.next_steps],
    )


def figure_bundle(figure: Figure) -> dict[str, Any]:
    """`figure` as a Vega-Lite specification, as SVG where vl-convert is installed, and in words. Raises ReportError."""
    said = plain(f"{figure.title}. {figure.caption}".strip())
    bundle: dict[str, Any] = {"text/plain": said, VEGA_LITE: {**vega_lite(figure), "$schema": _SCHEMA}}
    try:
        bundle["image/svg+xml"] = svg(figure)
    except MissingExtraError:  # a notebook draws it by itself
        return bundle
    return bundle


def _figure(figure: Figure) -> dict[str, Any] | None:
    # Names inside a drawing are the page's: two outputs of a notebook must not share them.
    mark = hashlib.sha256(dumps(figure.spec, name="spec").encode()).hexdigest()[:10]
    drawing = drawn(figure, f"f{mark}-")
    return None if drawing is None else {"title": figure.title, "caption": figure.caption, "svg": drawing}


def _step(step: Step | str) -> tuple[str, str]:
    """(why, the call). A kept report may name a question that no longer exists."""
    if isinstance(step, str) or step.question not in known():
        return str(step), ""
    return step.why, call(known()[step.question], step.inputs)
