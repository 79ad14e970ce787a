"""Plots: the four pictures of the theory by name, each a Report with one Figure, its verdict and its caveats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ropescope.checks.theory.plots.regimes import regimes_report
from ropescope.checks.theory.plots.scaling import scaling_report
from ropescope.checks.theory.plots.thermodynamics import thermodynamics_report
from ropescope.checks.theory.plots.window import window_report
from ropescope.errors import DomainError
from ropescope.questions.domains import Choice
from ropescope.questions.inputs import asked
from ropescope.questions.names import did_you_mean, shown
from ropescope.questions.question import Run
from ropescope.report.report import Report

PLOTS: Mapping[str, Callable[[], Report]] = {
    "regimes": regimes_report,
    "thermodynamics": thermodynamics_report,
    "window": window_report,
    "scaling": scaling_report,
}
"""The plots by name."""


@dataclass(frozen=True, kw_only=True)
class PlotInputs:
    """One picture."""

    kind: str = asked(Choice(tuple(PLOTS)), "Which picture.", placed=True)


def answer(inputs: PlotInputs, run: Run) -> Report:
    """A picture of the theory."""
    return plot_report(inputs.kind)


def plot_report(kind: str) -> Report:
    """The plot of that name. Raises `DomainError` with the nearest name for one that does not exist."""
    if kind not in PLOTS:
        raise DomainError(f"No plot is called {shown(kind)}.{did_you_mean(kind, PLOTS)} There are {', '.join(PLOTS)}.")
    return PLOTS[kind]()
