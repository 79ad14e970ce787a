"""The picture of speculative decoding: speed-up against acceptance, for several lengths of draft."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ropescope.checks.speculating.speedup import speedup
from ropescope.report.report import Figure
from ropescope.report.theme import CATEGORY, INK, VERMILLION

LENGTHS = (1, 2, 3, 5, 8)
STEPS = 50


class Mark(NamedTuple):
    """An acceptance, given or measured, with the ends of its interval where it has one."""

    label: str
    acceptance: float
    low: float | None = None
    high: float | None = None


def speedup_figure(cost: float, drafted: int, marks: Sequence[Mark]) -> Figure:
    """Speed-up by acceptance for the asked length of draft and others, with the line where it neither helps nor hurts."""
    lengths = sorted({*LENGTHS, drafted})
    values = [
        {"acceptance": step / STEPS, "speedup": speedup(step / STEPS, k, cost), "k": f"k = {k}", "asked": k == drafted}
        for k in lengths
        for step in range(STEPS + 1)
    ]
    names = [f"k = {k}" for k in lengths]
    colours = dict(zip(names, CATEGORY[:1] + CATEGORY[2:], strict=False))
    x = {
        "field": "acceptance", "type": "quantitative", "title": "acceptance α of a drafted token",
        "scale": {"domain": [0, 1]}, "axis": {"format": ".1f"},
    }  # fmt: skip
    y = {
        "field": "speedup",
        "type": "quantitative",
        "title": "times as fast as the target alone",
        "scale": {"zero": True},
    }
    colour = {
        "field": "k", "type": "nominal", "title": None, "sort": names,
        "scale": {"domain": names, "range": [colours[name] for name in names]}, "legend": {"columns": 6},
    }  # fmt: skip
    layers: list[dict[str, Any]] = [
        {"data": {"values": [{"speedup": 1}]}, "mark": {"type": "rule"}, "encoding": {"y": y}},
        *(
            {
                "data": {"values": [value for value in values if value["asked"] is asked]},
                "mark": {"type": "line", "strokeWidth": 4 if asked else 1.5},
                "encoding": {"x": x, "y": y, "color": colour},
            }
            for asked in (False, True)
        ),
    ]
    shown = [
        {"acceptance": one.acceptance, "speedup": speedup(one.acceptance, drafted, cost), "label": one.label,
         "low": one.low, "high": one.high}
        for one in marks
    ]  # fmt: skip
    if shown:
        layers += _marks(shown, x, y)
    caption = (
        f"A drafted token costs {cost:.3g} of a step of the target. Below the dashed line the target alone is faster."
    )
    return Figure(
        "speculative-speedup",
        "Speculative decoding: speed-up by acceptance",
        {"width": 520, "height": 320, "layer": layers},
        caption,
    )


def _marks(shown: list[dict[str, Any]], x: dict[str, Any], y: dict[str, Any]) -> list[dict[str, Any]]:
    ranged = [value for value in shown if value["low"] is not None]
    layers: list[dict[str, Any]] = []
    if ranged:
        layers.append(
            {
                "data": {"values": ranged},
                "mark": {"type": "rule", "strokeDash": [], "strokeWidth": 2, "color": INK},
                "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y},
            }
        )
    return [
        *layers,
        {
            "data": {"values": shown},
            "mark": {"type": "point", "shape": "diamond", "size": 130, "color": VERMILLION, "opacity": 1},
            "encoding": {"x": x, "y": y},
        },
        {
            "data": {"values": shown},
            "mark": {"type": "text", "align": "right", "dx": -10, "dy": -8, "color": VERMILLION, "fontWeight": "bold"},
            "encoding": {"x": x, "y": y, "text": {"field": "label"}},
        },
    ]
