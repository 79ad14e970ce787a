"""Two pictures of a model's files: its layers, and its memory by length."""

from __future__ import annotations

from typing import Any, Final

from ropescope.checks.reading.layer_groups import KINDS
from ropescope.models.cache import cache_bytes
from ropescope.models.model import Layer, Model
from ropescope.report.numbers import binary_size
from ropescope.report.report import Figure
from ropescope.report.theme import (
    AMBER,
    BLUE,
    FAINT,
    GREEN,
    GREY,
    LOG_AXIS,
    MORE,
    MUTED,
    PINK,
    SKY,
    VERMILLION,
    tokens_axis,
)

COLOURS: Final = {
    "full": BLUE,
    "sliding": SKY,
    "chunked": PINK,
    "linear": AMBER,
    "state-space": GREEN,
    "convolution": MORE[4],
    "recurrent": VERMILLION,
    "cross": GREY,
    "none": FAINT,
}
"""One colour a kind, the same in every picture."""

MIB: Final = 1 << 20


def layer_map(model: Model) -> Figure:
    """A bar for each layer: its kind, and what it holds of a sequence as long as the context."""
    length = model.context.longest or 32_768
    rows: list[dict[str, Any]] = []
    for layer in model.layers:
        held = cache_bytes((layer.cache,), length) / MIB
        rows.append({"layer": layer.index, "kind": layer.kind, "MiB": held, "what": _what(layer), "strip": 1})
    kinds = [kind for kind in KINDS if any(layer.kind == kind for layer in model.layers)]
    colour = {
        "field": "kind",
        "type": "nominal",
        "title": None,
        "sort": kinds,
        "scale": {"domain": kinds, "range": [COLOURS[kind] for kind in kinds]},
    }
    step = max(1, min(22, 600 // max(1, len(rows))))
    every = next(
        every
        for every in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
        if len(rows) / every * 26 <= 640 or every == 1024
    )
    x = {
        "field": "layer",
        "type": "ordinal",
        "title": "layer",
        "axis": {
            "values": [row["layer"] for row in rows if row["layer"] % every == 0],
            "labelAngle": 0,
            "ticks": False,
        },
    }
    tooltip = [{"field": name, "type": kind} for name, kind in (("layer", "ordinal"), ("what", "nominal"))]
    tooltip.append({"field": "MiB", "type": "quantitative", "format": ",.2f"})
    spec = {
        "data": {"values": rows},
        "vconcat": [
            {
                "width": {"step": step},
                "height": 190,
                "mark": {"type": "bar"},
                "encoding": {
                    "x": {**x, "axis": None},
                    "y": {"field": "MiB", "type": "quantitative", "title": "held of a sequence (MiB)"},
                    "color": colour,
                    "tooltip": tooltip,
                },
            },
            {
                "width": {"step": step},
                "height": 18,
                "mark": {"type": "rect"},
                "encoding": {"x": x, "color": colour, "tooltip": tooltip},
            },
        ],
        "spacing": 4,
        "config": {"scale": {"bandPaddingInner": 0.12}},
    }
    whole = binary_size(model.cache_bytes(length))
    return Figure(
        "layers",
        f"The {len(rows)} layers of {model.name}",
        spec,
        f"Colour: what mixes the tokens. Height: what the layer holds of a sequence of {length:,} tokens in 16 bits, "
        f"{whole} in all.",
    )


def _what(layer: Layer) -> str:
    window = f", {layer.window_tokens:,} tokens" if layer.window_tokens is not None else ""
    heads = f", {layer.n_heads} heads over {layer.n_kv_heads}" if layer.n_heads else ""
    return f"{' + '.join((layer.kind, *layer.beside))}{window}{heads}"


def memory_by_length(model: Model, lengths: tuple[int, ...]) -> Figure:
    """Cache by length in log–log, beside a cache in which every layer kept every token, and the weights."""
    naive = sum(layer.cache.elements_per_token if layer.cache.elements_per_token else 0 for layer in model.layers)
    rows: list[dict[str, Any]] = []
    grid = [round(lengths[0] * (lengths[-1] / lengths[0]) ** (k / 48)) for k in range(49)]
    for length in grid:
        rows.append({"tokens": length, "GiB": model.cache_bytes(length) / 1024**3, "line": "cache, 16 bits"})
        if any(layer.cache.tokens_held is not None and layer.cache.elements_per_token for layer in model.layers):
            rows.append({"tokens": length, "GiB": 2 * naive * length / 1024**3, "line": "if no layer had a window"})
        if model.weights is not None:
            rows.append({"tokens": length, "GiB": model.weights.n_bytes / 1024**3, "line": "weights"})
    rows = [row for row in rows if row["GiB"] > 0]
    names = list(dict.fromkeys(row["line"] for row in rows)) or ["cache, 16 bits"]
    dashes = {"if no layer had a window": [4, 4]}
    palette = {"cache, 16 bits": BLUE, "if no layer had a window": MUTED, "weights": VERMILLION}
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": rows},
            "mark": {"type": "line"},
            "encoding": {
                "x": tokens_axis(lengths),
                "y": {
                    "field": "GiB",
                    "type": "quantitative",
                    "title": "GiB",
                    "scale": {"type": "log"},
                    "axis": {"format": "~g", "tickCount": 5, **LOG_AXIS},
                },
                "color": {
                    "field": "line",
                    "type": "nominal",
                    "title": None,
                    "sort": names,
                    "scale": {"domain": names, "range": [palette[name] for name in names]},
                },
                "strokeDash": {
                    "field": "line",
                    "type": "nominal",
                    "title": None,
                    "sort": names,
                    "scale": {"domain": names, "range": [dashes.get(name, [1, 0]) for name in names]},
                },
            },
        }
    ]
    longest = model.context.longest
    if longest is not None and lengths[0] <= longest <= lengths[-1]:
        layers.append(
            {
                "data": {"values": [{"tokens": longest, "label": f"context {longest:,}"}]},
                "layer": [
                    {"mark": {"type": "rule"}, "encoding": {"x": {"field": "tokens", "type": "quantitative"}}},
                    {
                        "mark": {"type": "text", "align": "right", "dx": -5, "y": 8},
                        "encoding": {"x": {"field": "tokens", "type": "quantitative"}, "text": {"field": "label"}},
                    },
                ],
            }
        )
    return Figure(
        "memory",
        f"Memory of one sequence of {model.name}",
        {"width": 560, "height": 300, "layer": layers},
        "What the layers keep of a sequence, in 16 bits (recurrent states in 32).",
    )
