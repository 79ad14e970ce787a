"""Claims on where exponents gather: two modes with a gap, and famous constants (C15, C22)."""

from __future__ import annotations

from collections.abc import Mapping
from math import e, log, log10, pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.verdicts.claim import Baseline, Finding, Verdict
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.statistics import cluster_interval
from ropescope.evidence.verdicts.unimodality import dip, dip_p, uniform_dips
from ropescope.report.report import Column, Fact, Figure, Scalar, Table

Array = NDArray[np.float64]

GAP = (0.85, 0.95)
"""Where the published classes see no exponents."""
LEVEL = 0.05
GOLDEN = (1 + sqrt(5)) / 2
CONSTANTS = {
    "1 − 1/φ": 1 - 1 / GOLDEN,
    "1/√2": 1 / sqrt(2),
    "1 − 1/√2": 1 - 1 / sqrt(2),
    "log₁₀ e": log10(e),
    "1/π": 1 / pi,
    "2/π": 2 / pi,
    "1/φ": 1 / GOLDEN,
    "ln 2": log(2),
    "(√17 − 3)/2": (sqrt(17) - 3) / 2,
}
TOLERANCE = 0.01
"""Constants and tolerance are those of the author's tool."""
PUBLISHED_HITS = 4


@claim(
    "C15",
    subject="spread of exponents",
    statement="Exponents on text have two modes, near 0.75 and 1, with a gap from 0.85 to 0.95.",
    published_in="Part II, abstract (bimodal phase structure)",
    data="attention by distance of the published measurements; the author's own list of 25 exponents",
    filter="the 28 models fitted on text; other choices in the table",
    formula="Hartigan's dip, with p from uniform samples of the same size",
    verdict_rule="reproduced if one mode is rejected at p < 0.05 on text; under a filter if for any other choice",
    tables=("panel", "listed_exponents"),
)
def two_modes(evidence: Evidence) -> Finding:
    """The dip of several sets, and how many exponents lie in the gap."""
    text = evidence.panel(rope=False, corpus="text")
    gamma = np.array([m.gamma for m in text])
    sets: Mapping[str, Array] = {
        "text": gamma,
        "text, RoPE only": np.array([m.gamma for m in evidence.panel(corpus="text")]),
        "text and random": np.array([m.gamma for m in evidence.panel(rope=False)]),
        "text, median of seeds": np.array([m.gamma_median_of_seeds for m in text], dtype=np.float64),
        "the author's list": np.array([row["gamma"] for row in evidence.table("listed_exponents")]),
    }
    p_values = {name: dip_p(values) for name, values in sets.items()}
    inside = int(((gamma > GAP[0]) & (gamma < GAP[1])).sum())
    expected = len(gamma) * (GAP[1] - GAP[0]) / float(np.ptp(gamma))
    if p_values["text"] < LEVEL:
        verdict: Verdict = "reproduced"
    else:
        verdict = "reproduced under a filter" if min(p_values.values()) < LEVEL else "not reproduced"
    return Finding(
        quantity="dip of the exponents on text",
        value=dip(gamma),
        interval_by=f"p = {p_values['text']:.2f} against one mode",
        n=f"{len(gamma)} models",
        baselines=(Baseline("uniform samples of the same size, on average", float(uniform_dips(len(gamma)).mean())),),
        verdict=verdict,
        reason=(
            f"One mode is not rejected on text (p = {p_values['text']:.2f}) nor on any other choice (least p = "
            f"{min(p_values.values()):.2f}), and {inside} of {len(gamma)} exponents lie in the gap, where an even spread has "
            f"{expected:.0f}."
        ),
        facts=(
            Fact("exponents in the gap", inside, note=f"{expected:.1f} if they were spread evenly over their range"),
        ),
        tables=(
            Table(
                "Hartigan's dip",
                (Column("exponents"), Column("n"), Column("dip", format=".3f"), Column("p", format=".2f")),
                tuple((name, len(values), dip(values), p_values[name]) for name, values in sets.items()),
                note="p: share of uniform samples with a dip at least as large.",
            ),
        ),
        figures=(_histogram(sets),),
    )


@claim(
    "C22",
    subject="spread of exponents",
    statement="Exponents cluster on famous constants such as 1/√2 and 1 − 1/φ (four hits).",
    published_in="Part II, §31",
    data="attention by distance of the published measurements",
    filter="RoPE models on text",
    formula="count of exponents within 0.01 of one of nine constants",
    verdict_rule="reproduced if there are more than an even spread over the observed range gives, at p < 0.05 (binomial)",
)
def famous_constants(evidence: Evidence) -> Finding:
    """How many exponents lie near a constant, and how many would if they had nothing to do with it."""
    panel = evidence.panel(corpus="text")
    gamma = np.array([m.gamma for m in panel])
    hits = _near(gamma)
    share = _covered(float(gamma.min()), float(gamma.max()))
    expected = share * len(gamma)
    p = float(binom.sf(hits.sum() - 1, len(gamma), share))
    rows: list[tuple[Scalar, ...]] = []
    for i in np.flatnonzero(hits):
        name = min(CONSTANTS, key=lambda one: abs(CONSTANTS[one] - gamma[i]))
        rows.append((panel[i].short_name, float(gamma[i]), name, CONSTANTS[name], panel[i].gamma_median_of_seeds))
    return Finding(
        quantity="exponents near a famous constant",
        value=int(hits.sum()),
        interval=cluster_interval(np.sum, [m.model for m in panel], hits),
        interval_by="bootstrap over models",
        published=PUBLISHED_HITS,
        n=f"{len(panel)} models, {len(CONSTANTS)} constants",
        baselines=(Baseline("exponents spread evenly over the observed range", expected),),
        verdict="reproduced" if p < LEVEL else "not reproduced",
        reason=(
            f"{hits.sum()} of {len(gamma)} exponents lie within {TOLERANCE} of a constant, but the constants cover "
            f"{100 * share:.0f} % of the observed range, so that {expected:.1f} are expected by chance (p = {p:.2f})."
        ),
        facts=(Fact("share of the observed range covered", 100 * share, "%"), Fact("p of as many hits by chance", p)),
        tables=(
            Table(
                "Hits",
                (
                    Column("model"),
                    Column("γ", format=".3f"),
                    Column("constant"),
                    Column("value", format=".3f"),
                    Column("γ by the median of the seeds", format=".3f"),
                ),
                tuple(rows),
            ),
        ),
    )


def _near(gamma: Array) -> NDArray[np.bool_]:
    constants = np.array(list(CONSTANTS.values()))
    return np.asarray(np.abs(gamma[:, None] - constants).min(axis=1) <= TOLERANCE)


def _covered(low: float, high: float) -> float:
    """Share of low … high that lies within the tolerance of a constant."""
    total, end = 0.0, low
    for value in sorted(CONSTANTS.values()):
        start, stop = max(value - TOLERANCE, end), min(value + TOLERANCE, high)
        if stop > start:
            total, end = total + stop - start, stop
    return total / (high - low)


def _histogram(sets: Mapping[str, Array]) -> Figure:
    """The exponents on text, by the mean and by the median of the seeds, with those in the gap set off."""
    names = ("text", "text, median of seeds")
    rows = [
        {"set": name, "gamma": float(value), "where": "in the gap" if GAP[0] < value < GAP[1] else "outside"}
        for name in names
        for value in sets[name]
    ]
    spec = {
        "data": {"values": rows},
        "mark": {"type": "bar"},
        "width": 460,
        "height": 120,
        "encoding": {
            "row": {
                "field": "set",
                "title": None,
                "sort": list(names),
                "header": {"orient": "top", "labelAnchor": "start"},
            },
            "x": {"field": "gamma", "type": "quantitative", "bin": {"step": 0.05}, "title": "γ"},
            "y": {"aggregate": "count", "title": "models", "axis": {"tickMinStep": 1}},
            "color": {
                "field": "where",
                "type": "nominal",
                "title": None,
                "scale": {"domain": ["outside", "in the gap"], "range": ["#0072B2", "#D55E00"]},
            },
        },
    }
    return Figure(
        "modes",
        "Exponents on text, and the published gap",
        spec,
        f"Orange: between {GAP[0]} and {GAP[1]}, where the claim sees none.",
    )
