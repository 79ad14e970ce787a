"""Regimes: the (θ, T) plane cut by the bands of γ_Padé, with the operating points of released models."""

from __future__ import annotations

from ropescope.checks.theory.plots.log_axis import log_axis
from ropescope.checks.theory.plots.operating_points import OPERATING_POINTS
from ropescope.report.report import Column, Figure, Report, Table
from ropescope.report.theme import AMBER, GREEN, INK, SKY, VERMILLION
from ropescope.theory import (
    gamma_pade,
    horizon,
    regime,
)


def regimes_report() -> Report:
    """The (θ, T) plane cut by the bands of γ_Padé, with the operating points of released models."""
    bands = (("γ ≥ 0.95", 0.95, 1.0), ("0.65 – 0.95", 0.65, 0.95), ("0 – 0.65", 0.0, 0.65), ("γ < 0", -1.0, 0.0))
    low, high = 512.0, 1_048_576.0
    thetas = [1e3 * 10 ** (k / 15) for k in range(61)]
    areas = []
    for name, from_gamma, to_gamma in bands:
        for theta in thetas:
            upper = high if from_gamma == -1.0 else horizon(theta, from_gamma)
            lower = low if to_gamma == 1.0 else horizon(theta, to_gamma)
            areas.append(
                {"theta": theta, "T": min(max(lower, low), high), "T2": min(max(upper, low), high), "band": name}
            )
    points = [
        {
            "theta": p.theta,
            "T": p.length,
            "model": p.label,
            "side": p.label_side,
            "positions": "scaled" if p.original_length else "as trained",
        }
        for p in OPERATING_POINTS
    ]
    spec = {
        "width": 640,
        "height": 420,
        "layer": [
            {
                "data": {"values": areas},
                "mark": {"type": "area", "opacity": 0.3},
                "encoding": {
                    "x": log_axis("theta", "RoPE base θ", [1e3, 1e7]),
                    "y": log_axis("T", "context length T (tokens)", [low, high]),
                    "y2": {"field": "T2"},
                    "color": {
                        "field": "band",
                        "type": "nominal",
                        "title": "γ_Padé",
                        "scale": {
                            "domain": [name for name, _, _ in bands],
                            "range": [SKY, GREEN, AMBER, VERMILLION],
                        },
                    },
                },
            },
            {
                "data": {"values": points},
                "layer": [
                    {
                        "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1, "color": INK},
                        "encoding": {
                            "shape": {
                                "field": "positions",
                                "type": "nominal",
                                "scale": {"domain": ["as trained", "scaled"], "range": ["circle", "triangle-up"]},
                            }
                        },
                    },
                    *(
                        {
                            "transform": [{"filter": f"datum.side == '{side}'"}],
                            "mark": {"type": "text", "align": align, "dx": shift, "fontSize": 11.5, "color": INK},
                            "encoding": {"text": {"field": "model"}},
                        }
                        for side, align, shift in (("right", "left", 8), ("left", "right", -8))
                    ),
                ],
                "encoding": {
                    "x": {"field": "theta", "type": "quantitative"},
                    "y": {"field": "T", "type": "quantitative"},
                },
            },
        ],
    }
    n_far = sum(gamma_pade(p.theta, p.length) >= 0.65 for p in OPERATING_POINTS)
    rows = tuple(
        (
            p.label,
            p.theta,
            p.length,
            gamma_pade(p.theta, p.length),
            regime(gamma_pade(p.theta, p.length)).tool_band,
            p.scaling_rule,
            f"config.json of {p.hub_id}",
        )
        for p in OPERATING_POINTS
    )
    caption = (
        "Every band is a straight line T = const · θ: the formula sees T/θ and nothing else. Models with the same "
        "ratio share a verdict, however differently they attend."
    )
    return Report(
        title="Regimes in (θ, T)",
        verdict=(
            f"{n_far} of {len(OPERATING_POINTS)} released models lie at γ_Padé ≥ 0.65 at their own context "
            "length; the ratio T/θ alone decides the band."
        ),
        tables=(
            Table(
                "Operating points",
                (
                    Column("model"),
                    Column("theta", format="g"),
                    Column("length", "tokens", ",d"),
                    Column("gamma_pade", format=".4f"),
                    Column("band"),
                    Column("scaling"),
                    Column("source"),
                ),
                rows,
            ),
        ),
        figures=(Figure("regimes", "Bands of γ_Padé, and where released models stand", spec, caption),),
        caveats=(
            "The bands were drawn by hand, and γ_Padé does not predict measured exponents across models "
            "(r = 0.09, p = 0.55).",
        ),
        data={"points": points},
    )
