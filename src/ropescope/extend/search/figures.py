"""Pictures of a search: what was found, and every plan that was tried."""

from __future__ import annotations

from typing import Any

from ropescope.extend.plan.methods import default_far_divisor
from ropescope.extend.plan.rope_plan import METHOD_NAMES
from ropescope.extend.search.factors import factors_of
from ropescope.extend.search.objective import ALLOWED
from ropescope.extend.search.ranges import ranges_of
from ropescope.extend.search.result import SearchResult
from ropescope.report.report import Figure
from ropescope.report.theme import BLUE, INK

_SEARCHED = "searched"


def figures(result: SearchResult) -> tuple[Figure, ...]:
    if not result.start.in_config:
        return (ranges_figure(result),)
    found = factors_figure(result)
    return (found, course_figure(result)) if len(result.tried) > 1 else (found,)


def factors_figure(result: SearchResult) -> Figure:
    """By how much each pair is slowed: YaRN's factors and those that were found."""
    curves = [(METHOD_NAMES[result.start.method], factors_of(result.start))]
    if result.better:
        curves.append((_SEARCHED, factors_of(result.plan)))
    rows = [
        {"pair": pair, "factor": factor, "plan": name}
        for name, factors in curves
        for pair, factor in enumerate(factors)
    ]
    spec: dict[str, Any] = {
        "width": 520,
        "height": 300,
        "data": {"values": rows},
        "mark": {"type": "line", "strokeWidth": 2.2, "point": {"size": 24, "filled": True}},
        "encoding": {
            "x": {
                "field": "pair",
                "type": "quantitative",
                "title": "rotary pair, fastest first",
                "scale": {"domain": [0, len(curves[0][1]) - 1], "nice": False},
                "axis": {"format": "d", "grid": False},
            },
            "y": {
                "field": "factor",
                "type": "quantitative",
                "title": "times slower than trained",
                "scale": {"type": "log", "nice": False, "padding": 10},
                "axis": {"format": "~g", "tickCount": 6},
            },
            "color": {
                "field": "plan",
                "type": "nominal",
                "title": None,
                "scale": {"domain": [name for name, _ in curves], "range": [BLUE, INK][: len(curves)]},
                "legend": {"orient": "top"},
            },
        },
    }
    found = f"attention factor {_factor(result):.4g}"
    caption = f"The {found} goes with the searched factors." if result.better else "The search found no better factors."
    return Figure("factors", f"Factors found for {result.model}", spec, caption)


def ranges_figure(result: SearchResult) -> Figure:
    """Of every plan that was tried, how much reads near and how slowly distance grows beyond; its loss by colour."""
    start = result.tried[0].losses.target
    trained, target = result.start.trained_length, result.start.target_length
    places = [ranges_of(result.start, plan.numbers) for plan in result.tried]
    rows = [
        {"near": near, "slower": slower, "loss": plan.losses.target - start, "order": index}
        for index, ((near, slower), plan) in enumerate(zip(places, result.tried, strict=True))
    ]
    low, high = min(near for near, _ in places), max(near for near, _ in places)
    steps = sorted({low + (high - low) * step // 40 for step in range(41)})
    rule = [{"near": at, "slower": default_far_divisor(at, trained, target)} for at in steps]
    x = {
        "field": "near",
        "type": "quantitative",
        "title": "near (tokens back)",
        "scale": {"zero": False, "padding": 16},
        "axis": {"format": "~s", "tickCount": 6},
    }
    y = {
        "field": "slower",
        "type": "quantitative",
        "title": "times slower beyond",
        "scale": {"type": "log", "zero": False, "nice": False, "padding": 16},
        "axis": {"format": "~g", "tickCount": 6},
    }
    widest = max(abs(plan.losses.target - start) for plan in result.tried) or 1e-4
    spec: dict[str, Any] = {
        "width": 520,
        "height": 300,
        "layer": [
            {
                "data": {"values": rule},
                "mark": {"type": "line", "strokeDash": [5, 4], "color": INK},
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"values": rows},
                "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1, "stroke": INK, "strokeWidth": 0.6},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": {
                        "field": "loss",
                        "type": "quantitative",
                        "title": "minus the default's",
                        "scale": {"scheme": "blueorange", "domain": [-widest, widest]},
                        "legend": {"format": "+.3~f", "tickCount": 3, "gradientLength": 240},
                    },
                    "tooltip": [{"field": name} for name in ("near", "slower", "loss", "order")],
                },
            },
        ],
    }
    return Figure(
        "ranges",
        f"The {len(result.tried)} plans that were tried",
        spec,
        f"Loss at the end of {target:,} tokens in nats; blue is better than the default. On the line, the farthest key "
        f"has the effective distance {trained:,}, the trained length.",
    )


def course_figure(result: SearchResult) -> Figure:
    """The losses of every plan that was tried, in order."""
    start = result.tried[0].losses
    rows = [
        {
            "plan": index,
            "target": entry.losses.target - start.target,
            "inside": 100 * (entry.losses.inside / result.unchanged - 1),
        }
        for index, entry in enumerate(result.tried)
    ]
    spec: dict[str, Any] = {
        "width": 520,
        "height": 300,
        "data": {"values": rows},
        "layer": [
            {"mark": {"type": "rule", "strokeDash": [5, 4], "color": INK}, "encoding": {"y": {"datum": 0}}},
            {
                "data": {"values": [{"limit": 100 * ALLOWED}]},
                "mark": {"type": "rule", "strokeDash": [5, 4], "color": INK},
                "encoding": {"x": {"field": "limit", "type": "quantitative"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 40, "opacity": 0.85},
                "encoding": {
                    "x": {
                        "field": "inside",
                        "type": "quantitative",
                        "title": "loss inside, percent from no scaling",
                        "scale": {"zero": False, "padding": 10},
                    },
                    "y": {
                        "field": "target",
                        "type": "quantitative",
                        "title": "loss at the target minus YaRN's (nats)",
                        "scale": {"zero": False, "padding": 10},
                    },
                    "color": {
                        "field": "plan",
                        "type": "quantitative",
                        "title": "order",
                        "scale": {"scheme": "viridis"},
                    },
                },
            },
        ],
    }
    return Figure(
        "course",
        f"The {len(result.tried)} plans that were tried",
        spec,
        "Below the horizontal line: better than YaRN at the target. Left of the vertical line: within "
        f"{100 * ALLOWED:g} % inside. Scored with keys rotated anew.",
    )


def _factor(result: SearchResult) -> float:
    return next(entry.attention_factor for entry in result.plan.layer_types if entry.changed)
