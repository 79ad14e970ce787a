"""Scaling: what each rule for a longer context does to the base, and to every rotary pair."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ropescope.checks.theory.plots.log_axis import log_axis
from ropescope.report.report import Column, Figure, Report, Table
from ropescope.report.theme import AMBER, BLUE, GREEN, INK, MUTED, PINK, SKY, VERMILLION
from ropescope.theory import (
    base_lower_bound_fit,
    inverse_frequencies,
    ntk_aware_alpha,
    theta_design,
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
        "hconcat": [
            {
                "width": 340,
                "height": 320,
                "title": "Multiplier of the base (rules that change it)",
                "data": {"values": curves},
                "mark": {"type": "line", "strokeWidth": 2.2},
                "encoding": {
                    "x": log_axis("s", "stretch s of the context", [1, 64], [1, 2, 4, 8, 16, 32, 64], base=2),
                    "y": log_axis("alpha", "α = new base / θ", [0.1, 10_000], [0.1, 1, 10, 100, 1000, 10_000]),
                    "color": _rules(list(rules), [BLUE, SKY, INK, VERMILLION, GREEN, AMBER], "rule for α"),
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
                    "y": log_axis(
                        "stretch", "wavelength / plain wavelength", [0.9, 70], [1, 2, 4, 8, 16, 32, 64], base=2
                    ),
                    "color": _rules(list(scaled), [MUTED, SKY, VERMILLION, PINK, AMBER], "scaling rule"),
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


def _rules(order: list[str], colors: list[str], title: str) -> dict[str, Any]:
    return {
        "field": "rule",
        "type": "nominal",
        "title": title,
        "sort": order,
        "scale": {"domain": order, "range": colors},
        "legend": {"orient": "bottom", "columns": 2, "labelLimit": 240},
    }
