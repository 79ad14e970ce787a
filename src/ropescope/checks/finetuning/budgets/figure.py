"""The picture of buying against hosting: cost a month by requests a month."""

from __future__ import annotations

from math import log
from typing import Any

from ropescope.checks.finetuning.budgets.counted import Counted
from ropescope.report.report import Figure
from ropescope.report.theme import BLUE, LOG_AXIS, VERMILLION

POINTS = 97
MOST_STEPS = 40


def cost_figures(counted: Counted) -> tuple[Figure, ...]:
    """Cost of both from a hundredth of the requests at which one copy costs what the API does to a hundred times as many, those
    asked for among them; nothing where there are not both prices."""
    hosting, api, use, even = counted.hosting, counted.api, counted.use, counted.even
    if hosting is None or api is None or use is None or even is None:
        return ()
    monthly, full = hosting.monthly or 0.0, hosting.most_requests(use)
    low, high = even / 100, 100 * even
    if use.requests:
        low, high = min(low, use.requests / 2), max(high, 2 * use.requests)
    names = [f"buy from {api.name}", "host, at least"]
    sampled = [low * (high / low) ** (i / (POINTS - 1)) for i in range(POINTS)]
    buy = [{"requests": one, "cost": one * api.a_request(use), "line": names[0]} for one in sampled]
    # Each copy to the load at which it is full, as far as that can be seen; a line steps up before such a point.
    steps = {copies * full: copies for copies in range(1, MOST_STEPS + 1) if low < copies * full < high}
    steps |= {one: hosting.copies(use, one) for one in sampled if one > MOST_STEPS * full or one in (low, high)}
    host = [{"requests": one, "cost": steps[one] * monthly, "line": names[1]} for one in sorted(steps)]
    marks = [] if counted.never else [(even, f"break-even {even:,.0f}")]
    marks += [(use.requests, f"asked for {use.requests:,}")] if use.requests else []
    spec: dict[str, Any] = {
        "width": 520,
        "height": 300,
        "layer": [
            _line(buy, names),
            _line(host, names, "step-before"),
            *(_mark(*one, *_beside(one[0], i, low, high)) for i, one in enumerate(sorted(marks))),
        ],
    }
    caption = (
        f"Requests of {use.input_tokens:,} prompt and {use.output_tokens:,} answer tokens. Hosting runs all the time, and takes "
        "another copy where one is full."
    )
    return (Figure("buy-or-host", "Buy or host: cost a month", spec, caption),)


def _line(values: list[dict[str, Any]], names: list[str], interpolate: str = "linear") -> dict[str, Any]:
    return {
        "data": {"values": values},
        "mark": {"type": "line", "strokeWidth": 2.5, "interpolate": interpolate},
        "encoding": {
            "x": {
                "field": "requests",
                "type": "quantitative",
                "title": "requests a month",
                "scale": {"type": "log", "nice": False},
                "axis": {"format": "~s", **LOG_AXIS, "grid": False},
            },
            "y": {
                "field": "cost",
                "type": "quantitative",
                "title": "cost a month",
                "scale": {"type": "log", "nice": False},
                "axis": {"format": "~s", **LOG_AXIS},
            },
            "color": {
                "field": "line",
                "type": "nominal",
                "title": None,
                "sort": names,
                "scale": {"domain": names, "range": [BLUE, VERMILLION]},
            },
        },
    }


def _beside(requests: float, order: int, low: float, high: float) -> tuple[bool, int]:
    """(whether the label of a rule stands on its left, at which height): inside the frame, and apart from the other label."""
    place = log(requests / low) / log(high / low)
    return (place > 0.25 if order == 0 else place > 0.7), 294 - 18 * order


def _mark(requests: float, label: str, left: bool, y: int) -> dict[str, Any]:
    place = {"field": "requests", "type": "quantitative"}
    text = {"type": "text", "align": "right" if left else "left", "dx": -5 if left else 5, "baseline": "bottom", "y": y}
    return {
        "data": {"values": [{"requests": requests, "label": label}]},
        "layer": [
            {"mark": {"type": "rule"}, "encoding": {"x": place}},
            {"mark": text, "encoding": {"x": place, "text": {"field": "label"}}},
        ],
    }
