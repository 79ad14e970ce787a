"""Scatter: two quantities against each other in groups, with lines through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ropescope.report.report import Figure

Values = Sequence[float] | NDArray[np.float64]

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
_LINES = ("#5B5B5B", "#0072B2", "#D55E00")
_DASHES = ([1, 0], [6, 3], [2, 3])

# Vega writes a thousand million as G, which readers of parameter counts know as B.
_COUNTS = "replace(format(datum.value, '~s'), 'G', 'B')"


@dataclass(frozen=True, slots=True)
class Points:
    """Points of one group, or the corners of one line; `labels` show when a point is pointed at."""

    name: str
    x: Values
    y: Values
    labels: Sequence[str] = ()


def scatter_figure(
    name: str,
    title: str,
    x_title: str,
    y_title: str,
    groups: Sequence[Points],
    lines: Sequence[Points] = (),
    caption: str = "",
    *,
    x_log: bool = False,
) -> Figure:
    """Points by group and lines by name, each with its own legend."""
    x = {
        "field": "x",
        "type": "quantitative",
        "title": x_title,
        "scale": {"type": "log" if x_log else "linear", "zero": False, "nice": not x_log, "padding": 12},
        "axis": {"values": _decades(groups), "labelExpr": _COUNTS} if x_log else {},
    }
    y = {"field": "y", "type": "quantitative", "title": y_title, "scale": {"zero": False, "padding": 12}}
    spec = {
        "width": 460,
        "height": 300,
        "layer": [
            {
                "data": {"values": _rows(lines)},
                "mark": {"type": "line", "strokeWidth": 2},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": _colour(lines, _LINES),
                    "strokeDash": {
                        "field": "name",
                        "type": "nominal",
                        "legend": None,
                        "scale": {"domain": [line.name for line in lines], "range": list(_DASHES[: len(lines)])},
                    },
                },
            },
            {
                "data": {"values": _rows(groups)},
                "mark": {"type": "point", "filled": True, "size": 60, "opacity": 0.85},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": _colour(groups, _COLOURS),
                    "tooltip": [{"field": field} for field in ("label", "name", "x", "y")],
                },
            },
        ],
        "resolve": {"scale": {"color": "independent"}},
    }
    return Figure(name, title, spec, caption)


def _rows(series: Sequence[Points]) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "x": float(x), "y": float(y), "label": one.labels[i] if one.labels else one.name}
        for one in series
        for i, (x, y) in enumerate(zip(one.x, one.y, strict=True))
    ]


def _colour(series: Sequence[Points], colours: Sequence[str]) -> dict[str, Any]:
    names = [one.name for one in series]
    return {
        "field": "name",
        "type": "nominal",
        "title": None,
        "sort": names,
        "legend": {"orient": "right", "columns": 1},
        "scale": {"domain": names, "range": list(colours[: len(names)])},
    }


def _decades(groups: Sequence[Points]) -> list[float]:
    """The powers of ten within the points."""
    low, high = min(min(one.x) for one in groups), max(max(one.x) for one in groups)
    return [10.0**power for power in range(-3, 16) if low <= 10.0**power <= high]
