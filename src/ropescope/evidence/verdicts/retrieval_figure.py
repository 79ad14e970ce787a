"""Retrieval as a picture: needles found by length, a panel a model, a line an α."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ropescope.report.report import Figure

_COLOURS = {1.0: "#5B5B5B", 4.0: "#0072B2", 8.0: "#E69F00", 16.0: "#D55E00"}
DASHED = 8.0


def retrieval_figure(runs: Mapping[str, Mapping[float, Mapping[str, Any]]]) -> Figure:
    """Share of needles found against length in tokens, by model and α, with chance and the end of the trained length."""
    points = [
        {"model": model.rpartition("/")[2], "alpha": f"{alpha:g}", "length": length, "share": found / run["trials"]}
        for model, arms in runs.items()
        for alpha, run in arms.items()
        for length, found in zip(run["lengths"], run["correct"], strict=True)
    ]
    first = next(iter(next(iter(runs.values())).values()))
    alphas = [alpha for alpha in _COLOURS if any(alpha in arms for arms in runs.values())]
    x = {
        "field": "length",
        "type": "quantitative",
        "title": "context (tokens)",
        "axis": {"values": list(first["lengths"]), "format": ",.0f", "labelAngle": -45, "labelOverlap": False},
        "scale": {"domain": [0, max(first["lengths"])]},
    }
    y = {"field": "share", "type": "quantitative", "title": "share found", "scale": {"domain": [0, 1]}}
    colour: dict[str, Any] = {
        "field": "alpha",
        "type": "nominal",
        "title": "α",
        "legend": {"symbolType": "stroke", "symbolStrokeWidth": 3},
        "sort": [f"{alpha:g}" for alpha in alphas],
        "scale": {"domain": [f"{alpha:g}" for alpha in alphas], "range": [_COLOURS[alpha] for alpha in alphas]},
    }
    # Lines that coincide show through each other's gaps.
    dash = {
        **colour,
        "scale": {"domain": colour["sort"], "range": [[5, 5] if alpha == DASHED else [1, 0] for alpha in alphas]},
    }
    dashed = {"type": "rule", "color": "#6e7781", "strokeDash": [4, 4]}
    spec = {
        "data": {"values": points},
        "facet": {"field": "model", "title": None, "sort": [model.rpartition("/")[2] for model in runs]},
        "spec": {
            "width": 190,
            "height": 170,
            "layer": [
                {"mark": dashed, "encoding": {"y": {"datum": first["chance"]}}},
                {"mark": dashed, "encoding": {"x": {"datum": first["context_length"]}}},
                {
                    "mark": {"type": "line", "strokeWidth": 2, "point": {"size": 40}},
                    "encoding": {"x": x, "y": y, "color": colour, "strokeDash": dash},
                },
            ],
        },
    }
    return Figure(
        "retrieval",
        "Needles found, by length and multiplier α of the base",
        spec,
        f"Grey and dashed: chance, and the trained length of {first['context_length']:,} tokens.",
    )
