"""Divergence against bits a weight: the published models, and a run of one's own among them."""

from __future__ import annotations

from typing import Any, NamedTuple

from ropescope.checks.quantising.published import costs
from ropescope.report.report import Figure
from ropescope.report.theme import BLUE, GREEN, INK, LOG_AXIS, VERMILLION

COLOURS = {"Llama-3-8B": BLUE, "Llama-2-7B": GREEN}
NAMED = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K", "IQ2_XXS", "IQ1_S")


class Own(NamedTuple):
    """A run of one's own: name, bits a weight, divergence and its interval."""

    name: str
    bits: float
    kld: float
    low: float | None
    high: float | None


def cost_figure(form: str | None = None, own: Own | None = None) -> Figure:
    """KL divergence by bits a weight; `form` is circled, `own` is added where its divergence is above 0."""
    shown = [row for row in costs() if row.kld is not None and row.bits is not None and row.format != "F16"]
    plain = {(row.model, row.format) for row in shown if not row.imatrix}
    values = [
        {
            "bits": row.bits,
            "kld": row.kld,
            "model": row.model,
            "format": row.format,
            "imatrix": row.imatrix or "none",
            "label": row.format
            if row.format in (*NAMED, form)
            and row.model == "Llama-3-8B"
            and not (row.imatrix and (row.model, row.format) in plain)
            else "",
        }
        for row in shown
    ]
    x = {
        "field": "bits",
        "type": "quantitative",
        "title": "bits a weight",
        "scale": {"domain": [1.8, 9.2 if own is None else max(9.2, own.bits + 0.5)], "nice": False},
    }
    y = {
        "field": "kld",
        "type": "quantitative",
        "title": "KL divergence from 16 bits (nats a token)",
        "scale": {"type": "log", "nice": False, "padding": 16},
        "axis": {"format": "~g", **LOG_AXIS},
    }
    tooltip = [{"field": name} for name in ("model", "format", "imatrix", "bits", "kld")]
    colour = {
        "field": "model",
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(COLOURS), "range": list(COLOURS.values())},
    }
    layers: list[dict[str, Any]] = [
        {
            "transform": [{"filter": f"(datum.imatrix == 'none') == {str(without).lower()}"}],
            "mark": {"type": "point", "size": 45, "filled": without},
            "encoding": {"x": x, "y": y, "color": colour, "tooltip": tooltip},
        }
        for without in (True, False)
    ]
    layers.append(
        {
            "transform": [{"filter": "datum.label != ''"}],
            "mark": {"type": "text", "align": "left", "dx": 7, "dy": -5, "fontSize": 11},
            "encoding": {"x": x, "y": y, "text": {"field": "label"}},
        }
    )
    if form is not None:
        layers.append(
            {
                "transform": [{"filter": f"datum.format == '{form}'"}],
                "mark": {"type": "point", "size": 190, "filled": False, "strokeWidth": 2, "color": INK},
                "encoding": {"x": x, "y": y},
            }
        )
    if own is not None and own.kld > 0:
        layers += _own_layers(own, x, y)
    caption = (
        "Each point is a format of llama.cpp on Wikitext-2 (2024); hollow: with an importance matrix. "
        "The same format costs other models more or less."
    )
    return Figure(
        "quantisation-cost",
        "What fewer bits cost, as far as it is published",
        {"width": 540, "height": 320, "data": {"values": values}, "layer": layers},
        caption if own is None else f"{caption} {own.name} was measured here, on other text.",
    )


def _own_layers(own: Own, x: dict[str, Any], y: dict[str, Any]) -> list[dict[str, Any]]:
    value = {"bits": own.bits, "kld": own.kld, "low": own.low, "high": own.high, "label": own.name}
    layers: list[dict[str, Any]] = []
    if own.low is not None and own.low > 0:
        layers.append(
            {
                "data": {"values": [value]},
                "mark": {"type": "rule", "strokeDash": [], "strokeWidth": 2, "color": VERMILLION},
                "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
            }
        )
    late = own.bits > 5
    side = {"align": "right" if late else "left", "dx": -10 if late else 10, "limit": 240}
    marks: tuple[dict[str, Any], ...] = (
        {"type": "point", "shape": "diamond", "size": 140, "color": VERMILLION},
        {"type": "text", **side, "color": VERMILLION, "fontWeight": "bold"},
    )
    encoding = {"x": x, "y": y, "text": {"field": "label"}}
    return [*layers, *({"data": {"values": [value]}, "mark": mark, "encoding": encoding} for mark in marks)]
