"""The four pictures of a measurement, as Vega-Lite specifications."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ropescope.measure.estimates import Summary
from ropescope.measure.summary import WINDOW_SHARES
from ropescope.report.report import Figure
from ropescope.report.theme import AMBER, BLUE, FAINT, INK, MUTED, PAPER, VERMILLION

_MEASURED, _CONTROL, _FIT, _NULL, _PADE = BLUE, MUTED, VERMILLION, MUTED, AMBER
_HEAD_POINTS = 24
_LEAST_POWER = -7
_DECADES = {"format": "~s", "values": [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]}


def figures(summary: Summary, control: Summary | None, gamma_pade: float | None) -> tuple[Figure, ...]:
    """Decay curve, map of heads, attention by distance, and sinks by layer."""
    return (
        decay_curve(summary, control, gamma_pade),
        head_map(summary),
        attention_by_distance(summary, control),
        sinks_by_layer(summary),
    )


def _token_axis(field: str, title: str, length: int) -> dict[str, Any]:
    """A logarithmic x axis over 1 … length tokens."""
    return {
        "field": field,
        "type": "quantitative",
        "scale": {"type": "log", "domain": [1, length], "nice": False},
        "title": title,
        "axis": _DECADES,
    }


def decay_curve(summary: Summary, control: Summary | None, gamma_pade: float | None) -> Figure:
    """A(d) in log–log: measured with its band, the fitted line, uniform attention, γ_Padé, and the control."""
    curve = summary.curve
    rows = [
        {"d": d, "A": a, "low": low, "high": high}
        for d, a, low, high in zip(curve.distance, curve.weight, curve.low, curve.high, strict=True)
        if a > 0
    ]
    lines: list[dict[str, Any]] = []
    names: list[str] = ["measured"]
    fitted = [(d, y) for d, y in zip(curve.distance, curve.fitted, strict=True) if y is not None]
    if fitted and summary.gamma.value is not None:
        name = f"fit, γ = {summary.gamma.value:.2f}"
        names.append(name)
        lines += [{"d": d, "A": y, "line": name} for d, y in fitted]
        middle = float(np.exp(np.mean([np.log(y) for _, y in fitted])))
        centre = float(np.exp(np.mean([np.log(d) for d, _ in fitted])))
        names.append("the same, spread evenly (γ = 0)")
        lines += [{"d": d, "A": curve.uniform, "line": names[-1]} for d, _ in fitted]
        if gamma_pade is not None:
            names.append(f"γ_Padé = {gamma_pade:.2f}")
            lines += [{"d": d, "A": middle * (d / centre) ** -gamma_pade, "line": names[-1]} for d, _ in fitted]
    if control is not None:
        names.append("random weights, measured")
        lines += [
            {"d": d, "A": a, "line": names[-1]}
            for d, a in zip(control.curve.distance, control.curve.weight, strict=True)
            if a > 0
        ]
    x = _token_axis("d", "distance d (tokens)", summary.length)
    y = {
        "field": "A",
        "type": "quantitative",
        "scale": {"type": "log"},
        "title": "mean attention weight A(d)",
        "axis": {"format": "~e", "tickCount": 5},
    }
    colours = [_MEASURED, _FIT, _NULL, _PADE][: 3 + (gamma_pade is not None)] if fitted else [_MEASURED]
    dashes = [[1, 0], [6, 3], [2, 3], [6, 3]][: len(colours)]
    if control is not None:
        colours, dashes = [*colours, INK], [*dashes, [1, 0]]
    colour = {
        "field": "line",
        "type": "nominal",
        "title": None,
        "scale": {"domain": names, "range": colours},
        "legend": {"orient": "bottom", "columns": 3, "symbolType": "stroke", "labelLimit": 260},
    }
    layers: list[dict[str, Any]] = []
    if summary.n_prompts > 1:
        layers.append(
            {
                "data": {"values": rows},
                "mark": {"type": "area", "opacity": 0.22, "color": _MEASURED},
                "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
            }
        )
    if lines:
        layers.append(
            {
                "data": {"values": lines},
                "mark": {"type": "line", "strokeWidth": 1.8},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": colour,
                    "strokeDash": {"field": "line", "scale": {"domain": names, "range": dashes}, "legend": None},
                },
            }
        )
    layers.append(
        {
            "data": {"values": [{**row, "line": "measured"} for row in rows]},
            "mark": {"type": "line", "strokeWidth": 2.2, "point": {"size": 22, "filled": True}},
            "encoding": {"x": x, "y": y, "color": colour},
        }
    )
    return Figure(
        name="decay",
        title="How attention falls with distance",
        spec={"width": 620, "height": 360, "layer": layers},
        caption=_decay_caption(summary),
    )


def _decay_caption(summary: Summary) -> str:
    band = " The band is the 95 % interval over prompts." if summary.n_prompts > 1 else ""
    return (
        f"Mean weight of one key at distance d, over heads, layers and {summary.n_prompts} prompts of {summary.length:,} tokens; "
        f"the first sink keys are left out.{band} Uniform attention is flat here: what falls has been learned."
    )


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
    x = _token_axis("d", "distance d (tokens)", summary.length)
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
                "mark": {"type": "line", "color": _MEASURED, "point": {"size": 22, "filled": True, "color": _MEASURED}},
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"values": [{name: row[name] for name in ("layer", "head", "γ")} for row in rows]},
                "transform": [{"filter": {"param": "one", "empty": False}}, {"calculate": told, "as": "told"}],
                "mark": {"type": "text", "align": "right", "x": "width", "y": 8, "color": _MEASURED, "fontSize": 13},
                "encoding": {"text": {"field": "told"}},
            },
        ],
    }


def attention_by_distance(summary: Summary, control: Summary | None) -> Figure:
    """Share of the attention (sinks left out) within a window, with D50, D90 and D99."""

    def rows(of: Summary, name: str) -> list[dict[str, Any]]:
        return [
            {"window": window, "share": share, "line": name}
            for window, share in zip(of.curve.window_of_bin, of.curve.cumulative, strict=True)
        ]

    values = rows(summary, "measured")
    if control is not None:
        values += rows(control, "random weights")
    marks = [
        {"window": window.value, "share": share, "label": f"D{round(100 * share)} = {window.value:,.0f}"}
        for share, window in zip(WINDOW_SHARES, summary.windows, strict=True)
        if window.value is not None
    ]
    x = _token_axis("window", "most recent tokens kept", summary.length)
    y = {
        "field": "share",
        "type": "quantitative",
        "title": "share of the attention",
        "scale": {"domain": [0, 1]},
        "axis": {"format": "%"},
    }
    spec = {
        "width": 620,
        "height": 300,
        "layer": [
            {
                "data": {"values": values},
                "mark": {"type": "line", "strokeWidth": 2.2},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": {
                        "field": "line",
                        "type": "nominal",
                        "title": None,
                        "scale": {"domain": ["measured", "random weights"], "range": [_MEASURED, _CONTROL]},
                        "legend": None if control is None else {"orient": "bottom"},
                    },
                },
            },
            {
                "data": {"values": marks},
                "mark": {"type": "point", "filled": True, "size": 70, "color": _FIT},
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"values": marks},
                "mark": {"type": "text", "align": "right", "dx": -10, "dy": -4, "fontSize": 12},
                "encoding": {"x": x, "y": y, "text": {"field": "label"}},
            },
        ],
    }
    return Figure(
        name="windows",
        title="How much of the attention a window of recent tokens holds",
        spec=spec,
        caption="Averaged over all heads and layers, sink keys left out. A window that holds 90 % of the attention need not "
        "keep 90 % of the quality: that is for a test of the compressed cache to say.",
    )


def sinks_by_layer(summary: Summary) -> Figure:
    """Share of the attention that the first keys take, layer by layer."""
    rows = [
        {
            "layer": layer.index,
            "sink": layer.sink_mass.value,
            "low": layer.sink_mass.ci[0] if layer.sink_mass.ci else None,
            "high": layer.sink_mass.ci[1] if layer.sink_mass.ci else None,
        }
        for layer in summary.layers
    ]
    x = {"field": "layer", "type": "ordinal", "title": "layer", "axis": {"labelAngle": 0, "labelOverlap": True}}
    y = {
        "field": "sink",
        "type": "quantitative",
        "title": "share of the attention",
        "scale": {"domain": [0, 1]},
        "axis": {"format": "%"},
    }
    layers: list[dict[str, Any]] = [{"mark": {"type": "bar", "color": _MEASURED}, "encoding": {"x": x, "y": y}}]
    if summary.n_prompts > 1:
        layers.append(
            {
                "mark": {"type": "rule", "color": INK, "strokeWidth": 1.4, "strokeDash": [1, 0]},
                "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
            }
        )
    return Figure(
        name="sinks",
        title="What the first tokens take",
        spec={"data": {"values": rows}, "width": 620, "height": 240, "layer": layers},
        caption="Attention on the sink keys at the start of the context. It is left out of the decay, which would otherwise "
        "bend upwards at the far end.",
    )
