"""The four pictures of a measurement, as Vega-Lite specifications."""

from __future__ import annotations

from typing import Any

from ropescope.measure.estimates import Summary
from ropescope.measure.results.decay_curve import FIT, MEASURED, decay_curve, token_axis
from ropescope.measure.results.head_map import head_map
from ropescope.measure.summary import WINDOW_SHARES
from ropescope.report.report import Figure
from ropescope.report.theme import INK, MUTED
from ropescope.report.vega import layer, nominal


def figures(summary: Summary, control: Summary | None, gamma_pade: float | None) -> tuple[Figure, ...]:
    """Decay curve, map of heads, attention by distance, and sinks by layer."""
    return (
        decay_curve(summary, control, gamma_pade),
        head_map(summary),
        attention_by_distance(summary, control),
        sinks_by_layer(summary),
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
    x = token_axis("window", "most recent tokens kept", summary.length)
    y = {
        "field": "share",
        "type": "quantitative",
        "title": "share of the attention",
        "scale": {"domain": [0, 1]},
        "axis": {"format": "%"},
    }
    colours = {"measured": MEASURED, "random weights": MUTED}
    legend = None if control is None else {"orient": "bottom"}
    colour = nominal("line", colours, title=None, legend=legend)
    at = {"x": x, "y": y}
    layers = [
        layer("line", {**at, "color": colour}, values, strokeWidth=2.2),
        layer("point", at, marks, filled=True, size=70, color=FIT),
        layer("text", {**at, "text": {"field": "label"}}, marks, align="right", dx=-10, dy=-4, fontSize=12),
    ]
    return Figure(
        name="windows",
        title="How much of the attention a window of recent tokens holds",
        spec={"width": 620, "height": 300, "layer": layers},
        caption="Averaged over all heads and layers, sink keys left out. A window that holds 90 % of the attention need not "
        "keep 90 % of the quality: that is for a test of the compressed cache to say.",
    )


def sinks_by_layer(summary: Summary) -> Figure:
    """Share of the attention that the first keys take, layer by layer."""
    rows = [
        {
            "layer": one.index,
            "sink": one.sink_mass.value,
            "low": one.sink_mass.ci[0] if one.sink_mass.ci else None,
            "high": one.sink_mass.ci[1] if one.sink_mass.ci else None,
        }
        for one in summary.layers
    ]
    x = {"field": "layer", "type": "ordinal", "title": "layer", "axis": {"labelAngle": 0, "labelOverlap": True}}
    y = {
        "field": "sink",
        "type": "quantitative",
        "title": "share of the attention",
        "scale": {"domain": [0, 1]},
        "axis": {"format": "%"},
    }
    layers = [layer("bar", {"x": x, "y": y}, color=MEASURED)]
    if summary.n_prompts > 1:
        ends = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
        layers.append(layer("rule", ends, color=INK, strokeWidth=1.4, strokeDash=[1, 0]))
    return Figure(
        name="sinks",
        title="What the first tokens take",
        spec={"data": {"values": rows}, "width": 620, "height": 240, "layer": layers},
        caption="Attention on the sink keys at the start of the context. It is left out of the decay, which would otherwise "
        "bend upwards at the far end.",
    )
