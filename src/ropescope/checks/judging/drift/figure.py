"""The gap of every comparison with its interval, and how many documents each run wins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ropescope.checks.judging.drift.pairing import Comparison
from ropescope.report.report import Figure
from ropescope.report.theme import BLUE, MUTED, QUIET, VERMILLION

MOST_SHOWN: Final = 24
_NAMES: Final = {True: "beyond chance (Holm)", False: "within chance"}


def gap_figure(found: Sequence[Comparison], names: tuple[str, str]) -> Figure | None:
    """second − first with 95 % intervals, in points; None where no comparison is of scores in 0 … 1."""
    able = [one for one in found if one.paired.shares and one.paired.low is not None]
    shown = able if len(able) <= MOST_SHOWN else sorted(able, key=lambda one: one.paired.p)[:MOST_SHOWN]
    if not shown:
        return None
    rows: list[dict[str, Any]] = []
    for one in shown:
        low, high = one.paired.low, one.paired.high
        assert low is not None and high is not None
        rows.append(
            {
                "comparison": one.label,
                "gap": 100 * one.paired.difference,
                "low": 100 * low,
                "high": 100 * high,
                "found": _NAMES[one.adjusted < 0.05],
                "wins": f"+{one.paired.wins:,}  −{one.paired.losses:,}",
            }
        )
    order = [row["comparison"] for row in rows]
    colour = {
        "field": "found",
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(_NAMES.values()), "range": [VERMILLION, BLUE]},
    }
    y = {"field": "comparison", "type": "nominal", "sort": order, "title": None, "axis": {"labelLimit": 260}}
    x = {"type": "quantitative", "title": "second − first (points)"}
    layers = [
        {
            "data": {"values": [{"zero": 0}]},
            "mark": {"type": "rule", "color": MUTED, "strokeDash": [4, 3]},
            "encoding": {"x": {**x, "field": "zero"}},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 2.5},
            "encoding": {
                "y": y,
                "x": {**x, "field": "low"},
                "x2": {"field": "high"},
                "color": colour,
            },
        },
        {
            "mark": {"type": "point", "size": 90, "opacity": 1},
            "encoding": {"y": y, "x": {**x, "field": "gap"}, "color": colour},
        },
        {
            "mark": {"type": "text", "dy": -13, "color": QUIET},
            "encoding": {"y": y, "x": {**x, "field": "gap"}, "text": {"field": "wins"}},
        },
    ]
    solid = {"rule": {"strokeDash": [1, 0]}}  # also the symbols of the legend
    spec = {"width": 460, "height": {"step": 46}, "data": {"values": rows}, "layer": layers, "config": solid}
    return Figure(
        "gaps",
        f"{names[0]} → {names[1]}: gap by task",
        spec,
        "Dots: the second run minus the first, with 95 % intervals. Above each dot: documents that score higher and lower in the "
        "second run." + (f" The {len(shown)} of {len(able)} with the smallest p." if len(shown) < len(able) else ""),
    )
