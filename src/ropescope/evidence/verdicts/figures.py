"""Pictures of claims: a number beside its rivals, and two quantities against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ropescope.evidence.verdicts.claim import Claim, Finding
from ropescope.report.report import Figure
from ropescope.report.theme import BLUE, GREEN, GREY, PINK, VERMILLION

Values = Sequence[float] | NDArray[np.float64]

_COLOURS = (BLUE, VERMILLION, GREEN, PINK)
_LINES = (GREY, BLUE, VERMILLION)
_DASHES = ([1, 0], [6, 3], [2, 3])

# Vega writes a thousand million as G, which readers of parameter counts know as B.
_COUNTS = "replace(format(datum.value, '~s'), 'G', 'B')"


def finding_figure(claim: Claim, finding: Finding) -> Figure | None:
    """The number with its interval, as published and recomputed, beside its baselines; None with nothing to compare."""
    rows: list[dict[str, Any]] = []
    if finding.published is not None:
        rows.append({"what": "published", "value": finding.published, "kind": "published"})
    if finding.value is not None:
        rows.append({"what": "recomputed", "value": finding.value, "kind": "recomputed", **_ends(finding.interval)})
    rows += [{"what": b.name, "value": b.value, "kind": "baseline", **_ends(b.interval)} for b in finding.baselines]
    if len(rows) < 2 or finding.value is None:
        return None
    unit = f" ({finding.unit})" if finding.unit else ""
    y = {
        "field": "what",
        "type": "nominal",
        "sort": [row["what"] for row in rows],
        "title": None,
        "axis": {"labelLimit": 260, "grid": True},
    }
    x = {
        "field": "value",
        "type": "quantitative",
        "title": f"{finding.quantity}{unit}",
        "scale": {"zero": False, "padding": 12},
    }
    colour = {
        "field": "kind",
        "type": "nominal",
        "scale": {"domain": ["published", "recomputed", "baseline"], "range": [VERMILLION, BLUE, GREY]},
        "legend": None,
    }
    spec = {
        "data": {"values": rows},
        "width": 460,
        "height": {"step": 34},
        "layer": [
            {
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": {"type": "rule", "strokeWidth": 2.5, "strokeDash": [1, 0]},
                "encoding": {
                    "y": y,
                    "x": {
                        "field": "low",
                        "type": "quantitative",
                        "title": x["title"],
                        "scale": {"zero": False, "padding": 12},
                    },
                    "x2": {"field": "high"},
                    "color": colour,
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
                "encoding": {"y": y, "x": x, "color": colour},
            },
        ],
    }
    bars = " Bars: 95 % intervals." if any("low" in row for row in rows) else ""
    return Figure(f"claim-{claim.id.lower()}", f"{claim.id}: {finding.verdict}", spec, f"{claim.statement}{bars}")


def _ends(interval: tuple[float, float] | None) -> dict[str, float]:
    return {} if interval is None else {"low": interval[0], "high": interval[1]}


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
