"""The picture of a measurement: attention by distance, beside what fits it, what predicts it, and what knows nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ropescope.measure.estimates import Summary
from ropescope.report.report import Figure
from ropescope.report.theme import AMBER, BLUE, INK, MUTED, VERMILLION
from ropescope.report.vega import layer, nominal

MEASURED, FIT = BLUE, VERMILLION
_NULL, _PADE = MUTED, AMBER
_DECADES = {"format": "~s", "values": [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]}


def token_axis(field: str, title: str, length: int) -> dict[str, Any]:
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
    x = token_axis("d", "distance d (tokens)", summary.length)
    y = {
        "field": "A",
        "type": "quantitative",
        "scale": {"type": "log"},
        "title": "mean attention weight A(d)",
        "axis": {"format": "~e", "tickCount": 5},
    }
    colours = [MEASURED, FIT, _NULL, _PADE][: 3 + (gamma_pade is not None)] if fitted else [MEASURED]
    dashes = [[1, 0], [6, 3], [2, 3], [6, 3]][: len(colours)]
    if control is not None:
        colours, dashes = [*colours, INK], [*dashes, [1, 0]]
    legend = {"orient": "bottom", "columns": 3, "symbolType": "stroke", "labelLimit": 260}
    colour = nominal("line", dict(zip(names, colours, strict=True)), title=None, legend=legend)
    dash = {"field": "line", "scale": {"domain": names, "range": dashes}, "legend": None}
    layers = []
    if summary.n_prompts > 1:
        band = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
        layers.append(layer("area", band, rows, opacity=0.22, color=MEASURED))
    if lines:
        layers.append(layer("line", {"x": x, "y": y, "color": colour, "strokeDash": dash}, lines, strokeWidth=1.8))
    measured = [{**row, "line": "measured"} for row in rows]
    points = {"size": 22, "filled": True}
    layers.append(layer("line", {"x": x, "y": y, "color": colour}, measured, strokeWidth=2.2, point=points))
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
