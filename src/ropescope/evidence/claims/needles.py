"""Needles: runs in which a fact is looked for in a long context, where they stop doing better than chance, their picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scipy.stats import binomtest

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.verdicts.sample import short_name
from ropescope.report.report import Figure
from ropescope.report.theme import AMBER, BLUE, GREY, MUTED, VERMILLION
from ropescope.report.vega import layer, nominal

THETA = 10_000.0
"""The base of every model in the published runs, before it is scaled."""
LEVEL = 0.05
"""A context in which retrieval is not above chance at this level counts as lost."""

_COLOURS = {1.0: GREY, 4.0: BLUE, 8.0: AMBER, 16.0: VERMILLION}
DASHED = 8.0

Run = dict[str, Any]
Cell = dict[str, Any]


def scored_runs(evidence: Evidence) -> dict[str, dict[float, Run]]:
    """The runs in which the needle is ranked among wrong ones, by model and multiplier α of the base."""
    runs: dict[str, dict[float, Run]] = {}
    for row in evidence.table("needle_retrieval"):
        if row["task"] == "scored":
            runs.setdefault(row["model"], {})[row["alpha"]] = row
    return runs


def cells(run: Run) -> list[Cell]:
    """One entry a context length, with the needles found there."""
    return [
        {**run, "length": int(length), "correct": int(correct)}
        for length, correct in zip(run["lengths"], run["correct"], strict=True)
    ]


def beyond(run: Run) -> list[Cell]:
    """The contexts longer than the trained one."""
    return [cell for cell in cells(run) if cell["length"] > run["context_length"]]


def p_chance(cell: Cell) -> float:
    """Probability of as many needles or more by chance (binomial)."""
    return float(binomtest(cell["correct"], cell["trials"], cell["chance"], alternative="greater").pvalue)


def at_chance(cell: Cell) -> bool:
    """Whether retrieval is lost there."""
    return p_chance(cell) > LEVEL


def ends_between(run: Run) -> tuple[int, int]:
    """The last length at which retrieval works and the first at which it does not."""
    lost = min(cell["length"] for cell in cells(run) if at_chance(cell))
    return max(cell["length"] for cell in cells(run) if cell["length"] < lost), lost


def retrieval_figure(runs: Mapping[str, Mapping[float, Mapping[str, Any]]]) -> Figure:
    """Share of needles found against length in tokens, by model and α, with chance and the end of the trained length."""
    points = [
        {"model": short_name(model), "alpha": f"{alpha:g}", "length": length, "share": found / run["trials"]}
        for model, arms in runs.items()
        for alpha, run in arms.items()
        for length, found in zip(run["lengths"], run["correct"], strict=True)
    ]
    first = next(iter(next(iter(runs.values())).values()))
    alphas = [alpha for alpha in _COLOURS if any(alpha in arms for arms in runs.values())]
    lengths = list(first["lengths"])
    x = {
        "field": "length",
        "type": "quantitative",
        "title": "context (tokens)",
        "axis": {"values": lengths, "format": ",.0f", "labelAngle": -45, "labelOverlap": False},
        "scale": {"domain": [0, max(lengths)]},
    }
    y = {"field": "share", "type": "quantitative", "title": "share found", "scale": {"domain": [0, 1]}}
    names = [f"{alpha:g}" for alpha in alphas]
    shared = {"title": "α", "legend": {"symbolType": "stroke", "symbolStrokeWidth": 3}, "sort": names}
    colour = nominal("alpha", {f"{alpha:g}": _COLOURS[alpha] for alpha in alphas}, **shared)
    # Lines that coincide show through each other's gaps.
    dash = nominal("alpha", {f"{alpha:g}": [5, 5] if alpha == DASHED else [1, 0] for alpha in alphas}, **shared)
    dashed: dict[str, Any] = {"color": MUTED, "strokeDash": [4, 4]}
    curves = {"x": x, "y": y, "color": colour, "strokeDash": dash}
    spec = {
        "data": {"values": points},
        "facet": {"field": "model", "title": None, "sort": [short_name(model) for model in runs]},
        "spec": {
            "width": 190,
            "height": 170,
            "layer": [
                layer("rule", {"y": {"datum": first["chance"]}}, **dashed),
                layer("rule", {"x": {"datum": first["context_length"]}}, **dashed),
                layer("line", curves, strokeWidth=2, point={"size": 40}),
            ],
        },
    }
    return Figure(
        "retrieval",
        "Needles found, by length and multiplier α of the base",
        spec,
        f"Grey and dashed: chance, and the trained length of {first['context_length']:,} tokens.",
    )
