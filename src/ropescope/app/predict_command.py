"""`ropescope predict`."""

from __future__ import annotations

from typing import Annotated

import typer

from ropescope.app.options import Figures, Html, Json, Revision, Source


def predict(
    source: Source,
    length: Annotated[
        str | None,
        typer.Option(metavar="T", help="Context length in tokens, as 8192 or 32k (32,768); default: the stated one."),
    ] = None,
    revision: Revision = None,
    html: Html = None,
    figure: Figures = None,
    as_json: Json = False,
) -> None:
    """Predict the exponent from a model's config: γ_Padé and its family, each with what it is worth."""
    from ropescope.app.show import show_report
    from ropescope.questions.numbers import read_tokens
    from ropescope.checks.predict import inputs_of, predict_report
    from ropescope.models.opening import open as open_model

    tokens = None if length is None else read_tokens("--length", length)
    inputs = inputs_of(open_model(source, revision=revision, config_only=True), tokens)
    show_report(predict_report(inputs), json=as_json, html=html, figures=tuple(figure or ()))
