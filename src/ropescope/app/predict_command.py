"""`ropescope predict`."""

from __future__ import annotations

from typing import Annotated

import typer

from ropescope.app.options import Figures, Html, Json, Revision, Source


def predict(
    source: Source,
    length: Annotated[
        int | None, typer.Option(metavar="T", help="Context length in tokens; default: the stated one.")
    ] = None,
    revision: Revision = None,
    html: Html = None,
    figure: Figures = None,
    as_json: Json = False,
) -> None:
    """Predict the exponent from a model's config: γ_Padé and its family, each with what it is worth."""
    from ropescope.app.show import show_report
    from ropescope.checks.predict import inputs_of, predict_report
    from ropescope.models.opening import open as open_model

    model = open_model(source, revision=revision)
    show_report(predict_report(inputs_of(model, length)), json=as_json, html=html, figures=tuple(figure or ()))
