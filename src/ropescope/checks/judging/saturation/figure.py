"""Scores with their intervals, best first, and the items that no model can be expected to get right."""

from __future__ import annotations

from collections.abc import Sequence

from ropescope.checks.judging.scores import Score
from ropescope.quality.intervals import Interval
from ropescope.report.report import Figure
from ropescope.report.theme import AMBER, BLUE, QUIET


def score_figure(title: str, scores: Sequence[Score], intervals: Sequence[Interval], faulty: float | None) -> Figure:
    """The scores in percent; shaded, the share of items that a study found faulty."""
    rows = [
        {"model": one.name, "score": one.percent, "low": 100 * (each.low or 0), "high": 100 * (each.high or 0)}
        for one, each in zip(scores, intervals, strict=True)
    ]
    y = {"field": "model", "type": "nominal", "sort": [row["model"] for row in rows], "title": None}
    x = {"type": "quantitative", "title": "score (%)", "scale": {"zero": False, "nice": False, "padding": 14}}
    shade = {
        "data": {"values": [{"from": 100 * (1 - faulty), "to": 100}] if faulty else []},
        "mark": {"type": "rect", "color": AMBER, "opacity": 0.22},
        "encoding": {"x": {**x, "field": "from"}, "x2": {"field": "to"}},
    }
    layers = [
        {
            "mark": {"type": "rule", "strokeWidth": 2.5, "strokeDash": [1, 0], "color": BLUE},
            "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}},
        },
        {
            "mark": {"type": "point", "size": 90, "color": BLUE, "opacity": 1},
            "encoding": {"y": y, "x": {**x, "field": "score"}},
        },
        {
            "mark": {"type": "text", "dy": -12, "color": QUIET},
            "encoding": {"y": y, "x": {**x, "field": "score"}, "text": {"field": "score", "format": ".1f"}},
        },
    ]
    shaded = " Shaded: the share of items that a study of the labels found faulty." if faulty else ""
    return Figure(
        "scores",
        title,
        {
            "width": 460,
            "height": {"step": 40},
            "data": {"values": rows},
            "layer": [*([shade] if faulty else []), *layers],
        },
        f"Bars: 95 % sampling interval of each score (Wilson). Bars that overlap may still separate: see the pairs.{shaded}",
    )
