"""Window: the share of the context that holds a given attention mass, against γ."""

from __future__ import annotations

from ropescope.report.report import Column, Figure, Report, Table
from ropescope.report.theme import GRID
from ropescope.theory import (
    compression_window,
)


def window_report(fraction: float = 0.9) -> Report:
    """D_f as a share of N against γ, for several N."""
    lengths = ((512, "512"), (2_048, "2,048"), (32_768, "32,768"), (131_072, "131,072"), (1_048_576, "1,048,576"))
    gammas = [k / 50 for k in range(101)]
    values = [
        {"gamma": g, "N": name, "share": compression_window(g, n, fraction) / n} for n, name in lengths for g in gammas
    ]
    spec = {
        "width": 600,
        "height": 360,
        "layer": [
            {
                "data": {"values": [{"low": 0.65, "high": 0.85}]},
                "layer": [
                    {
                        "mark": {"type": "rect", "color": GRID},
                        "encoding": {
                            "x": {"field": "low", "type": "quantitative"},
                            "x2": {"field": "high"},
                        },
                    },
                ],
            },
            {
                "data": {"values": values},
                "mark": {"type": "line", "strokeWidth": 2.2},
                "encoding": {
                    "x": {
                        "field": "gamma",
                        "type": "quantitative",
                        "title": "exponent γ",
                        "axis": {"values": [k / 4 for k in range(9)], "format": ".2f"},
                    },
                    "y": {
                        "field": "share",
                        "type": "quantitative",
                        "title": f"window D_f / N for f = {fraction:g}",
                        "scale": {"type": "log", "domain": [4e-6, 1], "nice": False},
                        "axis": {"format": "~%", "values": [1, 0.1, 0.01, 0.001, 0.0001, 0.00001]},
                    },
                    "color": {
                        "field": "N",
                        "type": "nominal",
                        "title": "context N (tokens)",
                        "sort": [name for _, name in lengths],
                    },
                },
            },
        ],
    }
    marks = (0.5, 0.75, 0.9, 1.0, 1.25, 1.5)
    caption = (
        "Below γ = 1 a window must be a fixed share of the context, whatever its length; above 1 a fixed number of "
        "tokens suffices. Shaded: 0.65 – 0.85, the zone in which the published recipe is applied."
    )
    return Report(
        title=f"Window that holds {fraction:g} of the attention mass",
        verdict=(
            f"At γ = 0.75 the window is {compression_window(0.75, 131_072, fraction) / 131_072:.0%} of 131,072 tokens; "
            f"at γ = 1.25 it is {compression_window(1.25, 131_072, fraction):,} tokens."
        ),
        tables=(
            Table(
                f"D_f in tokens, f = {fraction:g}",
                (Column("N", "tokens", ",d"), *(Column(f"γ = {g:g}", format=",d") for g in marks)),
                tuple((n, *(compression_window(g, n, fraction) for g in marks)) for n, _ in lengths),
            ),
        ),
        figures=(Figure("window", "Share of the context that a window must keep", spec, caption),),
        caveats=("One position-only power law: no sinks, no heads, no content. It predicts no observed cache knee.",),
        data={"fraction": fraction, "values": values},
    )
