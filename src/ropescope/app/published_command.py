"""`ropescope evidence`."""

from __future__ import annotations

from typing import Annotated

import typer

from ropescope.app.options import Figures, Html, Json


def evidence(
    model: Annotated[
        str | None,
        typer.Argument(help="A Hub id (org/name), a model's name, a folder or a .gguf file; left out: every model."),
    ] = None,
    html: Html = None,
    figure: Figures = None,
    as_json: Json = False,
) -> None:
    """Show what is published about a model at length: RULER scores, who ran them, and how far they fall."""
    from ropescope.app.show import show_report
    from ropescope.evidence.published import all_report, evidence_report

    report = all_report() if model is None else evidence_report(model)
    show_report(report, json=as_json, html=html, figures=tuple(figure or ()))
