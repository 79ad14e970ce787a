"""The four pictures of a measurement, as Vega-Lite specifications."""

from __future__ import annotations

from typing import Any

import numpy as np

from ropescope.measure.estimates import Summary
from ropescope.measure.summary import WINDOW_SHARES
from ropescope.report.report import Figure
from ropescope.report.theme import AMBER, BLUE, FAINT, INK, MUTED, PAPER, VERMILLION

_MEASURED, _CONTROL, _FIT, _NULL, _PADE = BLUE, MUTED, VERMILLION, MUTED, AMBER
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
    """γ of every head, layer by layer."""
    rows = [
        {"layer": layer.index, "head": head.index, "γ": head.gamma.value, "R²": head.r2, "sink": head.sink_mass}
        for layer in summary.layers
        for head in layer.heads
    ]
    spec = {
        "data": {"values": rows},
        "width": {"step": 18 if len(summary.layers) <= 48 else 11},
        "height": {"step": 18},
        "mark": {"type": "rect", "stroke": PAPER, "strokeWidth": 0.6},
        "encoding": {
            "x": {
                "field": "layer",
                "type": "ordinal",
                "title": "layer",
                "axis": {"labelAngle": 0, "labelOverlap": True, "grid": False, "ticks": False, "domain": False},
            },
            "y": {
                "field": "head",
                "type": "ordinal",
                "title": "head",
                "axis": {"labelOverlap": True, "grid": False, "ticks": False, "domain": False},
            },
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
    }
    return Figure(
        name="heads",
        title="The exponent of every head",
        spec=spec,
        caption="Orange heads look near (γ > 0), blue ones look far (γ < 0: more weight on distant keys); white is level. "
        "Grey: no exponent, because the head puts no measurable weight on most distances or its window is too short.",
    )


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
