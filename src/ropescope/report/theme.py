"""How every figure looks: one Vega-Lite configuration, merged under each specification.

Drawn on white, readable at 600 pixels, in colours that the common kinds of colour blindness tell apart (Okabe and Ito,
2008, with the yellow left out: it vanishes on white). A specification that says otherwise keeps what it says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SCHEMA_URL = "https://vega.github.io/schema/vega-lite/v6.json"
"""Names the dialect of a specification; nothing fetches it."""

CATEGORY = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5B5B5B")
"""Colours of kinds, in order of use."""

BLUE, VERMILLION, GREEN, PINK, AMBER, SKY, GREY = CATEGORY
MORE = ("#7a5195", "#a05d2b", "#3b8ea5", "#b0413e", "#6b8e23", "#4b5bd1")
"""For kinds beyond those: told apart less surely."""

INK, QUIET, MUTED, FAINT, GRID, PAPER = "#1f2328", "#57606a", "#8c959f", "#d0d4d9", "#eaecef", "#ffffff"
"""Text, labels, lines that stand back, what is only a background, the grid, and what all is drawn on."""

# Arial, Helvetica and Liberation Sans have the same widths, so a label measured where a figure is drawn fits where it
# is read, whichever of them is there.
FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"

CONFIG: Mapping[str, Any] = {
    "background": PAPER,
    "font": FONT,
    "padding": 8,
    "aria": False,
    "view": {"continuousWidth": 520, "continuousHeight": 300, "discreteWidth": 520, "stroke": None},
    "title": {
        "anchor": "start",
        "color": INK,
        "fontSize": 16,
        "fontWeight": 600,
        "offset": 14,
        "subtitleColor": QUIET,
        "subtitleFontSize": 13,
        "subtitleLineHeight": 17,
        "subtitlePadding": 6,
    },
    "axis": {
        "domainColor": MUTED,
        "gridColor": GRID,
        "tickColor": MUTED,
        "labelColor": QUIET,
        "labelFontSize": 13,
        "labelOverlap": True,
        "labelPadding": 5,
        "titleColor": INK,
        "titleFontSize": 14,
        "titleFontWeight": "normal",
        "titlePadding": 10,
        "tickSize": 4,
    },
    "axisX": {"labelAngle": 0},
    "axisBand": {"grid": False, "ticks": False},
    "axisQuantitative": {"tickCount": 6},
    "legend": {
        "orient": "top",
        "direction": "horizontal",
        "columns": 4,
        "labelColor": INK,
        "labelFontSize": 13,
        "labelLimit": 260,
        "titleColor": INK,
        "titleFontSize": 13,
        "titleFontWeight": "normal",
        "titleOrient": "left",
        "gradientLength": 200,
        "gradientThickness": 10,
        "symbolOpacity": 1,
        "symbolSize": 90,
        "symbolStrokeWidth": 2,
        "offset": 10,
    },
    "header": {"labelColor": INK, "labelFontSize": 12, "titleColor": INK, "titleFontSize": 13},
    "range": {
        "category": list(CATEGORY),
        "ordinal": {"scheme": "viridis"},
        "heatmap": {"scheme": "viridis"},
        "ramp": {"scheme": "viridis"},
        "diverging": {"scheme": "blueorange"},
    },
    "mark": {"color": CATEGORY[0]},
    "line": {"strokeWidth": 2, "strokeCap": "round", "strokeJoin": "round"},
    "point": {"filled": True, "size": 32},
    "area": {"opacity": 0.25},
    "bar": {"cornerRadiusEnd": 1.5},
    "rule": {"color": MUTED, "strokeDash": [4, 3]},
    "text": {"color": INK, "fontSize": 12},
}


LOG_AXIS: Mapping[str, Any] = {
    "gridOpacity": {
        "condition": {"test": "abs(log(datum.value)/LN10 - round(log(datum.value)/LN10)) < 1e-6", "value": 1},
        "value": 0.4,
    }
}
"""An `axis` for a logarithmic scale: the powers of ten stand out from the lines between them."""


def tokens_axis(lengths: Sequence[int]) -> dict[str, Any]:
    """The encoding of a horizontal axis of sequence lengths, in doublings: 1k, 32k, 1M. lengths: the labelled ones."""
    return {
        "field": "tokens",
        "type": "quantitative",
        "title": "tokens in the sequence",
        "scale": {"type": "log", "base": 2, "domain": [lengths[0], lengths[-1]], "nice": False},
        "axis": {
            "values": list(lengths),
            "labelExpr": "datum.value >= 1048576 ? '1M' : format(datum.value / 1024, 'd') + 'k'",
        },
    }


def themed(spec: Mapping[str, Any]) -> dict[str, Any]:
    """`spec` with the dialect named and the configuration of this module merged under its own."""
    config = _merge(CONFIG, spec.get("config", {}))
    return {"$schema": SCHEMA_URL, **spec, "config": config}


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged
