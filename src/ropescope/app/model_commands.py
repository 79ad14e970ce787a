"""`ropescope show` and `ropescope compare`."""

from __future__ import annotations

from typing import Annotated

import typer

from ropescope.app.options import Figures, Html, Json, Revision, Source


def show(
    source: Source,
    revision: Revision = None,
    html: Html = None,
    figure: Figures = None,
    as_json: Json = False,
) -> None:
    """What a model is, from its files alone: layers, context, memory, parameters, precision, tokenizer."""
    from ropescope.app.show import show_report
    from ropescope.checks.show import show_model
    from ropescope.models.opening import open as open_model

    report = show_model(open_model(source, revision=revision))
    show_report(report, json=as_json, html=html, figures=tuple(figure or ()))


def compare(
    sources: Annotated[list[str], typer.Argument(help="Two models or more, each as for show.")],
    html: Html = None,
    figure: Figures = None,
    as_json: Json = False,
) -> None:
    """The same facts of two or more models side by side, differences first."""
    from ropescope.app.show import show_report
    from ropescope.checks.compare import compare_models, require_several
    from ropescope.models.opening import open as open_model

    require_several(sources)
    report = compare_models([open_model(source) for source in sources])
    show_report(report, json=as_json, html=html, figures=tuple(figure or ()))
