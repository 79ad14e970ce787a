"""Vega: what the pictures share, as plain dicts of Vega-Lite 5."""

from __future__ import annotations

from typing import Any

SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
_FONT = {"labelFontSize": 12, "titleFontSize": 13, "titleFontWeight": "normal"}
CONFIG = {
    "axis": {**_FONT, "gridColor": "#e6e6e6", "domainColor": "#888", "tickColor": "#888"},
    "legend": _FONT,
    "title": {"fontSize": 13, "fontWeight": "normal", "anchor": "start"},
    "view": {"stroke": "#ccc"},
    "font": "sans-serif",
}
SEQUENCE = ["#440154", "#3b528b", "#21918c", "#5ec962", "#e0a800"]


def log_axis(
    field: str, title: str, domain: list[float], values: list[float] | None = None, base: int = 10
) -> dict[str, Any]:
    """A quantitative channel on a logarithmic scale, clipped to `domain`, with labels at `values` if given."""
    axis: dict[str, Any] = {"format": "~s", "grid": values is not None}
    if values is not None:
        axis.update(values=values, format=",~g" if max(values) <= 10_000 else "~s")
    elif base == 10:
        axis["tickCount"] = 5
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": {
            "type": "log",
            "domain": domain,
            "nice": False,
            "clamp": True,
            **({} if base == 10 else {"base": base}),
        },
        "axis": axis,
    }
