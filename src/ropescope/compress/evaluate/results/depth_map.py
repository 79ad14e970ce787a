"""The picture of where in a text a cut cache still finds facts."""

from __future__ import annotations

from typing import Any

from ropescope.compress.evaluate.results.result import TradeoffResult
from ropescope.compress.evaluate.results.retrieved import WHOLE, grouped, shares
from ropescope.report.report import Figure
from ropescope.report.theme import PAPER


def depth_map(result: TradeoffResult) -> Figure:
    """Depth across, methods down, a panel for every budget and time of asking; the share found of all tasks in colour."""
    # The whole cache has no budget: it stands in every panel, as what the others are measured by.
    rows: list[dict[str, Any]] = [
        {
            "asked": f"asked {asked}",
            "method": method or WHOLE,
            "cache": f"{100 * shown:.3g} %",
            "depth": f"{depth:.0%}",
            "found": share.value,
            "questions": share.n,
        }
        for (asked, method, budget, depth), cells in grouped(result, "asked", "method", "budget", "depth").items()
        for share in [shares(cells)]
        for shown in (result.budgets if method is None else (budget,))
    ]
    axis = {"labelAngle": 0, "grid": False, "ticks": False, "domain": False}
    spec = {
        "data": {"values": rows},
        "facet": {
            "column": {
                "field": "cache",
                "type": "nominal",
                "sort": [f"{100 * b:.3g} %" for b in result.budgets],
                "title": None,
            },
            "row": {"field": "asked", "type": "nominal", "sort": ["asked before"], "title": None},
        },
        "spec": {
            "width": {"step": 28},
            "height": {"step": 20},
            "mark": {"type": "rect", "stroke": PAPER, "strokeWidth": 1},
            "encoding": {
                "x": {"field": "depth", "type": "ordinal", "title": "depth", "axis": {**axis, "labelFontSize": 9}},
                "y": {
                    "field": "method",
                    "type": "nominal",
                    "title": None,
                    "sort": [WHOLE, *result.methods],
                    "axis": axis,
                },
                "color": {
                    "field": "found",
                    "type": "quantitative",
                    "scale": {"scheme": "blues", "domain": [0, 1]},
                    "legend": {"title": "found", "orient": "bottom", "format": "%", "gradientLength": 200},
                },
                "tooltip": [{"field": name} for name in ("method", "depth", "found", "questions")],
            },
        },
    }
    n = max(row["questions"] for row in rows)
    return Figure(
        name="depths",
        title="Where in the text facts are still found",
        spec=spec,
        caption=(
            "By share of the cache held, asked before the cut and after it. Depth 0 % is the beginning of the text, 100 % its "
            f"end; {n} questions a cell."
        ),
    )
