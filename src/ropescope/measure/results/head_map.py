"""The map of heads: γ of each, layer by layer, and the decay of the one that is chosen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ropescope.measure.estimates import Summary
from ropescope.measure.results.decay_curve import MEASURED, token_axis
from ropescope.report.report import Figure
from ropescope.report.theme import FAINT, INK, MUTED, PAPER

_HEAD_POINTS = 24
_LEAST_POWER = -7


def head_map(summary: Summary) -> Figure:
    """γ of every head, layer by layer, and below it the decay of one head: on the page the one that is chosen."""
    heads = [(layer.index, head) for layer in summary.layers for head in layer.heads]
    rows: list[dict[str, Any]] = [
        {"layer": layer, "head": head.index, "γ": head.gamma.value, "R²": head.r2, "sink": head.sink_mass}
        for layer, head in heads
    ]
    step = 18 if len(summary.layers) <= 48 else 11
    fields = ("layer", "head")
    least, most = ({name: pick(row[name] for row in rows) for name in fields} for pick in (min, max))
    near = max(rows, key=lambda row: -math.inf if row["γ"] is None else row["γ"])
    choice = {
        "name": "one",
        "select": {"type": "point", "fields": list(fields), "on": "click", "toggle": False, "clear": False},
        "value": [{name: near[name] for name in fields}],
        "bind": {
            name: {"input": "range", "min": least[name], "max": most[name], "step": 1, "name": f"{name} "}
            for name in reversed(fields)  # Vega shows the last one first
        },
    }
    every = -(-28 // step)
    axis = {"grid": False, "ticks": False, "domain": False}
    layers = [layer.index for layer in summary.layers if layer.index % every == 0]
    grid = {
        "data": {"values": rows},
        "width": {"step": step},
        "height": {"step": 18},
        "encoding": {
            "x": {
                "field": "layer",
                "type": "ordinal",
                "title": "layer",
                "axis": {**axis, "values": layers, "labelAngle": 0, "labelOverlap": True},
            },
            "y": {"field": "head", "type": "ordinal", "title": "head", "axis": {**axis, "labelOverlap": True}},
        },
        "layer": [
            {
                "params": [choice],
                "mark": {"type": "rect", "stroke": PAPER, "strokeWidth": 0.6, "cursor": "pointer"},
                "encoding": {
                    "color": {
                        "condition": {
                            "test": "isValid(datum['γ'])",
                            "field": "γ",
                            "type": "quantitative",
                            "scale": {"scheme": "blueorange", "domainMid": 0, "domain": [-2, 2], "clamp": True},
                            "legend": {"title": "γ", "gradientLength": 140},
                        },
                        "value": FAINT,
                    },
                    "tooltip": [{"field": name} for name in ("layer", "head", "γ", "R²", "sink")],
                },
            },
            {
                "transform": [{"filter": {"param": "one", "empty": False}}],
                "mark": {"type": "rect", "fillOpacity": 0, "stroke": INK, "strokeWidth": 2.5},
            },
        ],
    }
    spec = {"vconcat": [grid, _one_head(summary, rows, max(300, step * len(summary.layers)))], "spacing": 24}
    return Figure(
        name="heads",
        title="The exponent of every head",
        spec=spec,
        caption="Orange heads look near (γ > 0), blue ones look far (γ < 0: more weight on distant keys); white is level. "
        "Grey: no exponent, because the head puts no measurable weight on most distances or its window is too short. "
        "Below: the decay of one head, beside the mean of all.",
    )


def _one_head(summary: Summary, rows: Sequence[Mapping[str, Any]], width: int) -> dict[str, Any]:
    """The decay of the head that `one` chooses, over the mean. Each head keeps log₁₀ of its weights at some distances alone:
    there are a thousand heads in a model of 8 billion parameters."""
    curve = summary.curve
    every = max(1, -(-len(curve.distance) // _HEAD_POINTS))
    at = range(0, len(curve.distance), every)
    distances = [{"i": n + 1, "d": float(f"{curve.distance[i]:.4g}")} for n, i in enumerate(at)]
    heads: list[dict[str, Any]] = [
        {
            "layer": layer.index,
            "head": head.index,
            "log10 A": [round(math.log10(a), 2) if (a := head.curve[i]) else None for i in at],
        }
        for layer in summary.layers
        for head in layer.heads
    ]
    mean = [{"d": curve.distance[i], "A": curve.weight[i]} for i in at if curve.weight[i] > 0]
    powers = [power for head in heads for power in head["log10 A"] if power is not None]
    # One scale for all heads, or the axis would move and not the curve.
    low, high = max(math.floor(min(powers, default=-4)), _LEAST_POWER), math.ceil(max(powers, default=0))
    x = token_axis("d", "distance d (tokens)", summary.length)
    y = {
        "field": "A",
        "type": "quantitative",
        "scale": {"type": "log", "domain": [10.0**low, 10.0**high], "nice": False, "clamp": True},
        "title": "weight A(d)",
        "axis": {"format": "~e", "tickCount": 4},
    }
    told = "'layer ' + datum.layer + ', head ' + datum.head + (isValid(datum['γ']) ? ': γ = ' + format(datum['γ'], '.2f') : '')"
    return {
        "width": width,
        "height": 180,
        "layer": [
            {"data": {"values": mean}, "mark": {"type": "line", "color": MUTED}, "encoding": {"x": x, "y": y}},
            {
                "data": {"values": heads},
                "transform": [
                    {"filter": {"param": "one", "empty": False}},
                    {"flatten": ["log10 A"]},
                    {"window": [{"op": "row_number", "as": "i"}]},
                    {"lookup": "i", "from": {"data": {"values": distances}, "key": "i", "fields": ["d"]}},
                    {"filter": "isValid(datum['log10 A'])"},
                    {"calculate": "pow(10, datum['log10 A'])", "as": "A"},
                ],
                "mark": {"type": "line", "color": MEASURED, "point": {"size": 22, "filled": True, "color": MEASURED}},
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"values": [{name: row[name] for name in ("layer", "head", "γ")} for row in rows]},
                "transform": [{"filter": {"param": "one", "empty": False}}, {"calculate": told, "as": "told"}],
                "mark": {"type": "text", "align": "right", "x": "width", "y": 8, "color": MEASURED, "fontSize": 13},
                "encoding": {"text": {"field": "told"}},
            },
        ],
    }
