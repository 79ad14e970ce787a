"""Regimes: what an exponent means as mathematics, beside the operational bands that have been drawn around it."""

from __future__ import annotations

from typing import NamedTuple

from ropescope.theory.arguments import GAMMA
from ropescope.theory.formula import formula


class Regime(NamedTuple):
    """The mathematical phase of γ, and three sets of hand-drawn bands."""

    phase: str
    meaning: str
    tool_band: str
    command_line_band: str
    mode: str


_MEANINGS = {
    "growing": "weights grow with distance; any window of nearest tokens holds a vanishing share",
    "divergent": "the sum diverges as N^{1−γ}: the mass sits at the far end, and a window must be a fraction of N",
    "logarithmic": "equal mass in every octave of distance; the sum grows as ln N",
    "convergent": "the sum converges: a fixed window holds any share below 1 for every N",
}


@formula(
    symbol="γ < 0, γ < 1, γ = 1, γ > 1",
    source="Part I, §26 (phases); bands of the published tool",
    definition="Phase of the series Σ d^−γ, with the operational bands of the published tool beside it.",
    arguments=(GAMMA,),
    standing="exact",
    worth=(
        "The phase is mathematics of N → ∞; at finite N it is a crossover of width 1/ln N, and the bands are hand-set."
    ),
    example={"gamma": 0.75},
)
def regime(gamma: float) -> Regime:
    """The phase (growing, divergent, logarithmic, convergent) and the operational bands.

    The bands: `tool_band` cuts at 0, 0.65, 0.95, 1; `command_line_band` at 0.95, 1.05; `mode` at 0, 0.85, 0.95, 1.
    Raises `DomainError` for |γ| > 20. Source: Part I, §26.
    """
    if gamma < 0.0:
        phase = "growing"
    elif gamma < 1.0:
        phase = "divergent"
    else:
        phase = "logarithmic" if gamma == 1.0 else "convergent"
    return Regime(phase, _MEANINGS[phase], _tool_band(gamma), _command_line_band(gamma), _mode(gamma))


def _tool_band(gamma: float) -> str:
    if gamma >= 1.0:
        return "critical"
    if gamma >= 0.95:
        return "boundary"
    if gamma >= 0.65:
        return "normal"
    return "wide-field" if gamma >= 0.0 else "negative"


def _command_line_band(gamma: float) -> str:
    if gamma < 0.95:
        return "A"
    return "boundary" if gamma <= 1.05 else "B"


def _mode(gamma: float) -> str:
    if gamma < 0.0:
        return "negative"
    if gamma < 0.85:
        return "A"
    if gamma < 0.95:
        return "gap"
    return "boundary" if gamma < 1.0 else "critical"
