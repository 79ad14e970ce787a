"""The ranks that votes leave open, a bar for each model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ropescope.report.report import Figure
from ropescope.report.theme import BLUE, INK

MOST_BARS = 40


def rank_figure(names: Sequence[str], ranks: Sequence[tuple[int, int]], caption: str) -> Figure:
    """Models from the best to the worst, each with a bar from its best to its worst rank."""
    rows: list[dict[str, Any]] = [
        {"model": name, "best": best, "worst": worst, "place": place}
        for place, (name, (best, worst)) in enumerate(zip(names, ranks, strict=True), 1)
    ][:MOST_BARS]
    last = max(worst for _, worst in ranks[:MOST_BARS])
    y = {"field": "model", "type": "nominal", "sort": [row["model"] for row in rows], "title": None}
    x: dict[str, Any] = {
        "type": "quantitative",
        "title": "rank",
        "scale": {"domain": [0.5, last + 0.5], "nice": False},
        "axis": {"format": "d", "values": list(range(1, last + 1, max(1, last // 10)))},
    }
    tooltip = [{"field": "model"}, {"field": "best"}, {"field": "worst"}]
    spec = {
        "width": 480,
        "height": {"step": 26},
        "data": {"values": rows},
        "encoding": {"y": {**y, "axis": {"labelLimit": 260}}, "tooltip": tooltip},
        "layer": [
            {
                "mark": {
                    "type": "rule",
                    "strokeWidth": 7,
                    "strokeCap": "round",
                    "color": BLUE,
                    "opacity": 0.45,
                    "strokeDash": [1, 0],
                },
                "encoding": {"x": {**x, "field": "best"}, "x2": {"field": "worst"}},
            },
            {
                "mark": {"type": "point", "color": INK, "size": 45, "opacity": 1},
                "encoding": {"x": {**x, "field": "place"}},
            },
        ],
    }
    more = f" The first {MOST_BARS} of {len(names)} models." if len(names) > MOST_BARS else ""
    return Figure("ranks", "Ranks that the votes leave open", spec, caption + more)
