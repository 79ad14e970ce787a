"""A colour for each method, the same in every picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ropescope.report.theme import AMBER, BLUE, GREEN, INK, MORE, MUTED, PINK, SKY, VERMILLION

_COLOURS = {
    "none": MUTED,
    "yarn": BLUE,
    "ntk": VERMILLION,
    "searched": INK,
    "rerope": GREEN,
    "truncated": MORE[0],
}
_OTHERS = (PINK, AMBER, SKY, *MORE[1:])


def colour_of(methods: Sequence[str], shown: Sequence[str] | None = None) -> dict[str, Any]:
    """A colour for each method, the same whichever of them are `shown`."""
    others = iter(_OTHERS * (1 + len(methods) // len(_OTHERS)))
    colours = {method: _COLOURS.get(method) or next(others) for method in methods}
    there = list(methods if shown is None else shown)
    return {
        "field": "method",
        "type": "nominal",
        "title": None,
        "scale": {"domain": there, "range": [colours[method] for method in there]},
        "legend": {
            "orient": "bottom",
            "columns": 5,
            "symbolType": "circle",
            "symbolOpacity": 1,
            "symbolStrokeWidth": 0,
            "labelLimit": 160,
        },
    }
