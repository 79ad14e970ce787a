"""Plots: the four pictures of the theory, each a Report with one Figure, its verdict and its caveats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from math import log
from typing import Any

from ropescope.checks.operating_points import OPERATING_POINTS
from ropescope.errors import DomainError
from ropescope.report.report import Column, Figure, Report, Table
from ropescope.theory import (
    base_lower_bound_fit,
    compression_window,
    fisher_information,
    gamma_pade,
    heat_capacity,
    horizon,
    inverse_frequencies,
    mean_log_distance,
    ntk_aware_alpha,
    regime,
    theta_design,
)
from ropescope.theory import entropy as shannon_entropy

_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
_FONT = {"labelFontSize": 12, "titleFontSize": 13, "titleFontWeight": "normal"}
_CONFIG = {
    "axis": {**_FONT, "gridColor": "#e6e6e6", "domainColor": "#888", "tickColor": "#888"},
    "legend": _FONT,
    "title": {"fontSize": 13, "fontWeight": "normal", "anchor": "start"},
    "view": {"stroke": "#ccc"},
    "font": "sans-serif",
}
_SEQUENCE = ["#440154", "#3b528b", "#21918c", "#5ec962", "#e0a800"]


def plot_report(kind: str) -> Report:
    """The plot of that name. Raises `DomainError` with the nearest name for one that does not exist."""
    if kind not in PLOTS:
        near = get_close_matches(kind, PLOTS, n=1, cutoff=0.4)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise DomainError(f"No plot is called {kind!r}.{hint} There are {', '.join(PLOTS)}.")
    return PLOTS[kind]()


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
        "$schema": _SCHEMA,
        "width": 640,
        "height": 420,
        "config": _CONFIG,
        "layer": [
            {
                "data": {"values": areas},
                "mark": {"type": "area", "opacity": 0.75},
                "encoding": {
                    "x": _log_axis("theta", "RoPE base θ", [1e3, 1e7]),
                    "y": _log_axis("T", "context length T (tokens)", [low, high]),
                    "y2": {"field": "T2"},
                    "color": {
                        "field": "band",
                        "type": "nominal",
                        "title": "γ_Padé",
                        "scale": {
                            "domain": [name for name, _, _ in bands],
                            "range": ["#c6dbef", "#e5f0d8", "#fdebc8", "#f6c9bf"],
                        },
                    },
                },
            },
            {
                "data": {"values": points},
                "layer": [
                    {
                        "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1, "color": "#222"},
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
                            "mark": {"type": "text", "align": align, "dx": shift, "fontSize": 11.5, "color": "#222"},
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
        "Every band is a straight line T ∝ θ: the formula sees T/θ and nothing else. Models with the same "
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


def thermodynamics_report() -> Report:
    """U, S, Var and C_V against γ for several N: a crossover that sharpens as 1/ln N, and no singularity."""
    lengths = ((100, "100"), (2_000, "2,000"), (100_000, "100,000"), (10**9, "1 billion"))
    gammas = [k / 50 for k in range(126)]
    quantities: tuple[tuple[str, str, Callable[[float, int], float]], ...] = (
        ("U", "U / ln N", lambda g, n: mean_log_distance(g, n) / log(n)),
        ("S", "S / ln N", lambda g, n: shannon_entropy(g, n) / log(n)),
        ("Var", "Var(ln d) · 12 / (ln N)²", lambda g, n: fisher_information(g, n) * 12.0 / log(n) ** 2),
        ("C_V", "C_V · 12 / (ln N)²", lambda g, n: heat_capacity(g, n) * 12.0 / log(n) ** 2),
    )
    values = [
        {"gamma": g, "N": name, **{key: function(g, n) for key, _, function in quantities}}
        for n, name in lengths
        for g in gammas
    ]
    panels = [
        {
            "width": 310,
            "height": 200,
            "title": title,
            "layer": [
                {
                    "data": {"values": [{"one": 1}]},
                    "mark": {"type": "rule", "strokeDash": [4, 4], "color": "#999"},
                    "encoding": {"x": {"field": "one", "type": "quantitative"}},
                },
                {
                    "mark": {"type": "line", "strokeWidth": 2},
                    "encoding": {
                        "x": {
                            "field": "gamma",
                            "type": "quantitative",
                            "title": "exponent γ",
                            "scale": {"domain": [0, 2.5], "nice": False},
                            "axis": {"tickCount": 5},
                        },
                        "y": {"field": key, "type": "quantitative", "title": None},
                        "color": {
                            "field": "N",
                            "type": "nominal",
                            "title": "context N",
                            "sort": [name for _, name in lengths],
                            "scale": {"range": _SEQUENCE[:4]},
                        },
                    },
                },
            ],
        }
        for key, title, _ in quantities
    ]
    spec = {
        "$schema": _SCHEMA,
        "config": _CONFIG,
        "data": {"values": values},
        "vconcat": [{"hconcat": panels[:2]}, {"hconcat": panels[2:]}],
    }
    peaks = tuple(
        (
            n,
            max(gammas, key=lambda g, n=n: fisher_information(g, n)),  # type: ignore[misc]
            max(gammas, key=lambda g, n=n: heat_capacity(g, n)),  # type: ignore[misc]
            heat_capacity(1.0, n) * 12.0 / log(n) ** 2,
        )
        for n, _ in lengths
    )
    caption = (
        "All four curves are smooth at γ = 1 (dashed) for every N; the change from far to near mass takes a width of "
        "about 1/ln N. The heat capacity peaks to the right of 1."
    )
    return Report(
        title="Thermodynamics of the truncated power law",
        verdict="A smooth crossover, not a transition: nothing diverges at γ = 1 for any finite context.",
        tables=(
            Table(
                "Where the peaks lie (to 0.02 in γ)",
                (
                    Column("N", "tokens", ",d"),
                    Column("γ at the peak of Var", format=".2f"),
                    Column("γ at the peak of C_V", format=".2f"),
                    Column("C_V(1, N)·12/(ln N)²", format=".4f"),
                ),
                peaks,
            ),
        ),
        figures=(Figure("thermodynamics", "The crossover at finite N", spec, caption),),
        caveats=("Exact functions of γ and N; they repeat what γ says, and add no evidence about a model.",),
        data={"values": values},
    )


def window_report(fraction: float = 0.9) -> Report:
    """D_f as a share of N against γ, for several N."""
    lengths = ((512, "512"), (2_048, "2,048"), (32_768, "32,768"), (131_072, "131,072"), (1_048_576, "1,048,576"))
    gammas = [k / 50 for k in range(101)]
    values = [
        {"gamma": g, "N": name, "share": compression_window(g, n, fraction) / n} for n, name in lengths for g in gammas
    ]
    spec = {
        "$schema": _SCHEMA,
        "config": _CONFIG,
        "width": 600,
        "height": 360,
        "layer": [
            {
                "data": {"values": [{"low": 0.65, "high": 0.85}]},
                "layer": [
                    {
                        "mark": {"type": "rect", "color": "#eee"},
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
                        "scale": {"range": _SEQUENCE},
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


def scaling_report() -> Report:
    """The multiplier α of θ against the stretch s, and what every rule does to each pair at s = 8."""
    trained, theta, head_dim = 8_192, 5e5, 128
    stretches = [2 ** (k / 8) for k in range(49)]
    rules: Mapping[str, Callable[[float], float]] = {
        "NTK-aware, head 64": lambda s: ntk_aware_alpha(s, 64),
        "NTK-aware, head 128": lambda s: ntk_aware_alpha(s, 128),
        "γ_Padé kept (α = s)": lambda s: s,
        "dynamic NTK at full length": lambda s: (s * s - (s - 1.0)) ** (head_dim / (head_dim - 2)),
        "γ_Padé set to 0.85": lambda s: theta_design(0.85, trained * s) / theta,
        "Men et al. lower bound": lambda s: base_lower_bound_fit(round(trained * s)) / theta,
    }
    curves = [{"s": s, "alpha": function(s), "rule": name} for name, function in rules.items() for s in stretches]
    plain = inverse_frequencies(theta, head_dim)
    scaled = {
        "linear (PI)": inverse_frequencies(theta, head_dim, "linear", 8),
        "NTK-aware": inverse_frequencies(theta, head_dim, "ntk", 8),
        "dynamic NTK at 8×": inverse_frequencies(theta, head_dim, "dynamic", 8, trained, 8 * trained),
        "YaRN": inverse_frequencies(theta, head_dim, "yarn", 8, trained),
        "Llama 3.1": inverse_frequencies(theta, head_dim, "llama3", 8, trained),
    }
    pairs = [
        {"pair": i, "stretch": before / after, "rule": name}
        for name, frequencies in scaled.items()
        for i, (before, after) in enumerate(zip(plain, frequencies, strict=True))
    ]
    spec = {
        "$schema": _SCHEMA,
        "config": _CONFIG,
        "hconcat": [
            {
                "width": 340,
                "height": 320,
                "title": "Multiplier of the base (rules that change it)",
                "data": {"values": curves},
                "mark": {"type": "line", "strokeWidth": 2.2},
                "encoding": {
                    "x": _log_axis("s", "stretch s of the context", [1, 64], [1, 2, 4, 8, 16, 32, 64], base=2),
                    "y": _log_axis("alpha", "α = new base / θ", [0.1, 10_000], [0.1, 1, 10, 100, 1000, 10_000]),
                    "color": _rules(
                        list(rules), ["#3b75af", "#8fbbe0", "#222222", "#c44e52", "#55a868", "#dd8452"], "rule for α"
                    ),
                    "strokeDash": {
                        "condition": {
                            "test": "indexof(datum.rule, 'Men') == 0 || indexof(datum.rule, 'kept') > 0",
                            "value": [5, 4],
                        },
                        "value": [1, 0],
                    },
                },
            },
            {
                "width": 340,
                "height": 320,
                "title": "Stretch of each pair at s = 8 (d_h = 128, θ = 500,000)",
                "data": {"values": pairs},
                "mark": {"type": "line", "strokeWidth": 2},
                "encoding": {
                    "x": {"field": "pair", "type": "quantitative", "title": "rotary pair, fast to slow"},
                    "y": _log_axis(
                        "stretch", "wavelength / plain wavelength", [0.9, 70], [1, 2, 4, 8, 16, 32, 64], base=2
                    ),
                    "color": _rules(
                        list(scaled), ["#999999", "#8fbbe0", "#c44e52", "#8172b3", "#e0a800"], "scaling rule"
                    ),
                },
            },
        ],
        "resolve": {"scale": {"color": "independent"}},
    }
    marks = (2.0, 4.0, 8.0, 16.0, 32.0)
    caption = (
        f"Left: α at θ = {theta:g}, trained on {trained:,} tokens. Keeping γ_Padé fixed gives α = s, the "
        "large-head limit of NTK-aware scaling. Right: YaRN and Llama 3.1 keep the base and stretch only "
        "the slow pairs."
    )
    return Report(
        title="Scaling rules: α against stretch",
        verdict="Keeping γ_Padé fixed asks for α = s; NTK-aware scaling for s^{d_h/(d_h−2)}, 2 – 5 % more at s = 4.",
        tables=(
            Table(
                "α by rule",
                (Column("rule"), *(Column(f"s = {s:g}", format=".4g") for s in marks)),
                tuple((name, *(function(s) for s in marks)) for name, function in rules.items()),
            ),
        ),
        figures=(Figure("scaling", "What each rule does to the base and to the pairs", spec, caption),),
        caveats=("No published test compares the γ-chosen α with plain NTK or YaRN at equal stretch.",),
        data={"alpha": curves, "pairs": pairs},
    )


def _log_axis(
    field: str, title: str, domain: list[float], values: list[float] | None = None, base: int = 10
) -> dict[str, Any]:
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


def _rules(order: list[str], colors: list[str], title: str) -> dict[str, Any]:
    return {
        "field": "rule",
        "type": "nominal",
        "title": title,
        "sort": order,
        "scale": {"domain": order, "range": colors},
        "legend": {"orient": "bottom", "columns": 2, "labelLimit": 240},
    }


PLOTS: Mapping[str, Callable[[], Report]] = {
    "regimes": regimes_report,
    "thermodynamics": thermodynamics_report,
    "window": window_report,
    "scaling": scaling_report,
}
"""The plots by name."""
