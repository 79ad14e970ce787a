"""Commands of the theory: formulas, compute, prove, plot. They read options, ask for a Report and show it."""

from __future__ import annotations

from typing import Annotated

import typer

from ropescope.app.options import Figures, Html, Json


def formulas(
    name: Annotated[str, typer.Argument(help="A formula; without one, the table of all.")] = "",
    as_json: Json = False,
    html: Html = None,
) -> None:
    """Show what a formula is: definition, domain, standing, worth and an example.

    Examples: ropescope formulas · ropescope formulas compression_window
    """
    from ropescope.app.show import show_report
    from ropescope.checks.formulas import formula_report, formulas_report

    show_report(formula_report(name) if name else formulas_report(), json=as_json, html=html)


def compute(
    name: Annotated[str, typer.Argument(help="A formula, as `ropescope formulas` lists it.")],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            help="argument=value; numbers may be written 0.5, 1e6, 1M; 32k tokens are 32,768; lists 30,50,100."
        ),
    ] = None,
    as_json: Json = False,
    html: Html = None,
) -> None:
    """Compute a formula, with its standing beside the number.

    Example: ropescope compute compression_window gamma=0.75 n_tokens=128k
    """
    from ropescope.app.show import show_report
    from ropescope.checks.compute import compute_report

    show_report(compute_report(name, arguments or []), json=as_json, html=html)


def prove(as_json: Json = False, html: Html = None) -> None:
    """Prove every identity by machine, and refute every published error with numbers.

    An identity says nothing about a model: this checks the algebra. Needs the extra `proofs`.
    """
    from ropescope.app.show import show_report
    from ropescope.checks.prove import prove_report

    show_report(prove_report(), json=as_json, html=html)


def plot(
    kind: Annotated[str, typer.Argument(help="regimes, thermodynamics, window or scaling.")],
    html: Html = None,
    figure: Figures = None,
    as_json: Json = False,
) -> None:
    """Draw a picture of the theory.

    Example: ropescope plot regimes --figure regimes.svg
    """
    from ropescope.app.show import show_report
    from ropescope.checks.plots.plots import plot_report

    show_report(plot_report(kind), json=as_json, html=html, figures=tuple(figure or ()))
