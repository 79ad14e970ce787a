"""Claims on where exponents gather: modes and a gap, constants, the Hagedorn zone, Zipf (C15, C22, P2-phase-share, C20)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, pearsonr

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.verdicts.claim import Baseline, Finding, judged
from ropescope.evidence.verdicts.figures import Points, scatter_figure
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.sample import Array, Sample, column, short_name
from ropescope.evidence.verdicts.unimodality import dip, dip_p, uniform_dips
from ropescope.report.report import Fact, Figure
from ropescope.report.theme import BLUE, VERMILLION
from ropescope.theory.constants import FAMOUS

GAP = (0.85, 0.95)
"""Where the published classes see no exponents."""
LEVEL = 0.05
TOLERANCE = 0.01
"""Constants and tolerance are those of the author's tool."""
ZONE_SHARE = 36.0


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
    text = Sample(evidence.panel(rope=False, corpus="text"))
    gamma = text.gamma
    sets: Mapping[str, Array] = {
        "text": gamma,
        "text, RoPE only": Sample(evidence.panel(corpus="text")).gamma,
        "text and random": Sample(evidence.panel(rope=False)).gamma,
        "text, median of seeds": text.values(lambda m: m.gamma_median_of_seeds),
        "the author's list": column(evidence.table("listed_exponents"), "gamma"),
    }
    p_values = {name: dip_p(values) for name, values in sets.items()}
    p, least = p_values["text"], min(p_values.values())
    inside = int(((gamma > GAP[0]) & (gamma < GAP[1])).sum())
    expected = len(gamma) * (GAP[1] - GAP[0]) / float(np.ptp(gamma))
    by_chance = float(uniform_dips(len(gamma)).mean())
    return Finding(
        quantity="dip of the exponents on text",
        value=dip(gamma),
        interval_by=f"p = {p:.2f} against one mode",
        n=f"{len(gamma)} models",
        baselines=(Baseline("uniform samples of the same size, on average", by_chance),),
        verdict=judged(p < LEVEL, least < LEVEL),
        reason=(
            f"One mode is not rejected on text (p = {p:.2f}) nor on any other choice (least p = {least:.2f}), and {inside} of "
            f"{len(gamma)} exponents lie in the gap, where an even spread has {expected:.0f}."
        ),
        facts=(
            Fact("exponents in the gap", inside, note=f"{expected:.1f} if they were spread evenly over their range"),
        ),
        figures=(_histogram({name: sets[name] for name in ("text", "text, median of seeds")}),),
    ).with_table(
        "Hartigan's dip",
        "exponents | n | dip :.3f | p :.2f",
        [(name, len(values), dip(values), p_values[name]) for name, values in sets.items()],
        note="p: share of uniform samples with a dip at least as large.",
    )


@claim(
    "C22",
    subject="spread of exponents",
    statement="Exponents cluster on famous constants such as 1/√2 and 1 − 1/φ (four hits).",
    published_in="Part II, §31",
    filter="RoPE models on text",
    formula="count of exponents within 0.01 of one of nine constants",
    verdict_rule="reproduced if there are more than an even spread over the observed range gives, at p < 0.05 (binomial)",
)
def famous_constants(evidence: Evidence) -> Finding:
    """How many exponents lie near a constant, and how many would if they had nothing to do with it."""
    panel = Sample(evidence.panel(corpus="text"))
    gamma = panel.gamma
    hits = _near(gamma)
    share = _covered(float(gamma.min()), float(gamma.max()))
    expected = share * len(gamma)
    p = float(binom.sf(hits.sum() - 1, len(gamma), share))
    rows = []
    for m in panel.where(lambda m: _near(np.array([m.gamma]))[0]):
        name = min(FAMOUS, key=lambda one: abs(FAMOUS[one] - m.gamma))
        rows.append((m.short_name, m.gamma, name, FAMOUS[name], m.gamma_median_of_seeds))
    return Finding(
        quantity="exponents near a famous constant",
        value=int(hits.sum()),
        interval=panel.interval(np.sum, hits),
        interval_by="bootstrap over models",
        published=4,
        n=f"{len(panel)} models, {len(FAMOUS)} constants",
        baselines=(Baseline("exponents spread evenly over the observed range", expected),),
        verdict=judged(p < LEVEL),
        reason=(
            f"{hits.sum()} of {len(gamma)} exponents lie within {TOLERANCE} of a constant, but the constants cover "
            f"{100 * share:.0f} % of the observed range, so that {expected:.1f} are expected by chance (p = {p:.2f})."
        ),
        facts=(Fact("share of the observed range covered", 100 * share, "%"), Fact("p of as many hits by chance", p)),
    ).with_table("Hits", "model | γ :.3f | constant | value :.3f | γ by the median of the seeds :.3f", rows)


@claim(
    "P2-phase-share",
    subject="spread of exponents",
    statement="About 36 % of the measured language models sit at γ ≥ 1 on text, the Hagedorn zone.",
    published_in="Part II, abstract (bimodal phase structure)",
    filter="all measurements on text, with or without RoPE, the unfitted curves included",
    formula="share of models with γ ≥ 1",
    verdict_rule="reproduced if the interval of the share holds 36 %",
)
def share_above_one(evidence: Evidence) -> Finding:
    """The share at γ ≥ 1 and at γ ≥ 0.95, by mean and by median of the seeds."""
    panel = Sample(evidence.panel(rope=False, corpus="text", partial=True))
    above, above_by_median = panel.gamma >= 1, panel.gamma_median >= 1
    low, high = panel.interval(np.mean, 100 * above)
    grouped = sum(m.facts.grouped_query for m in panel if m.gamma >= 1)
    return Finding(
        quantity="models at γ ≥ 1 on text",
        value=float((100 * above).mean()),
        unit="%",
        interval=(low, high),
        interval_by="bootstrap over models",
        published=ZONE_SHARE,
        n=f"{len(panel)} models",
        baselines=(
            Baseline("at γ ≥ 0.95", float(100 * (panel.gamma >= 0.95).mean())),
            Baseline("by the median of the seeds", float(100 * above_by_median.mean())),
            Baseline("uniform attention", float(100 * (panel.null >= 1).mean())),
        ),
        verdict=judged(low <= ZONE_SHARE <= high),
        reason=(
            f"{above.sum()} of {len(panel)} models are at γ ≥ 1, which does not rule 36 % out but hardly says more, for the "
            f"interval is {low:.0f} to {high:.0f} % and {(above != above_by_median).sum()} models change sides when the median "
            "of the seeds is taken."
        ),
        facts=(Fact("models with shared KV heads among those at γ ≥ 1", grouped),),
    )


@claim(
    "C20",
    subject="corpus",
    statement="The exponent on text follows the Zipf exponent of the corpus under the model's tokenizer.",
    published_in="the author's Zipf files",
    data="Zipf exponent of the text corpus under the tokenizers of seven models, and γ of the same models on it",
    filter="none; an eighth model could not be had by the author",
    formula="correlation of the two",
    verdict_rule="reproduced if it is positive at p < 0.05",
    tables=("zipf_exponents", "panel"),
)
def zipf_link(evidence: Evidence) -> Finding:
    """The correlation, with and without the model that decides its sign."""
    rows = evidence.table("zipf_exponents")
    models = [row["model"] for row in rows]
    zipf, gamma = column(rows, "zipf"), column(rows, "gamma")
    medians = {m.model: m.gamma_median_of_seeds for m in evidence.panel(corpus="text")}
    robust = np.array([medians[model] for model in models], dtype=np.float64)
    kept = np.array(["Llama-2" not in model for model in models])
    odd = int(np.flatnonzero(~kept)[0])
    found, without, steady = pearsonr(zipf, gamma), pearsonr(zipf[kept], gamma[kept]), pearsonr(zipf, robust)
    ends = found.confidence_interval()
    tokenizers = len(set(zipf))
    return Finding(
        quantity="correlation of γ and the Zipf exponent",
        value=float(found.statistic),
        interval=(float(ends.low), float(ends.high)),
        interval_by="Fisher's z, the models taken as independent",
        n=f"{len(rows)} models with {tokenizers} tokenizers",
        baselines=(Baseline("no link", 0.0),),
        verdict=judged(found.statistic > 0 and found.pvalue < LEVEL),
        reason=(
            f"r = {found.statistic:.2f} (p = {found.pvalue:.2f}) over {len(rows)} models with {tokenizers} tokenizers, "
            f"and {without.statistic:+.2f} (p = {without.pvalue:.2f}) without Llama-2-7b, whose γ is {gamma[odd]:.2f} by the mean "
            f"over seeds and {robust[odd]:.2f} by their median."
        ),
        facts=(
            Fact("p", float(found.pvalue)),
            Fact("correlation without Llama-2-7b", float(without.statistic), note=f"p = {without.pvalue:.2f}"),
            Fact("correlation, γ by the median of the seeds", float(steady.statistic), note=f"p = {steady.pvalue:.2f}"),
            Fact("mean of γ − Zipf exponent", float((gamma - zipf).mean()), note=f"± {(gamma - zipf).std(ddof=1):.2f}"),
        ),
        figures=(
            scatter_figure(
                "zipf",
                "Exponent on text against the Zipf exponent of the corpus",
                "Zipf exponent",
                "γ on text",
                [Points("mean over seeds", zipf, gamma, models), Points("median over seeds", zipf, robust, models)],
                [Points("γ = Zipf exponent", (1.0, 1.24), (1.0, 1.24))],
                "The Pythia models share one tokenizer; the lowest point is Llama-2-7b, where one seed carries the mean.",
            ),
        ),
    ).with_table(
        "Exponents",
        "model | Zipf :.3f | γ on text :.3f | by the median of the seeds :.3f",
        zip(map(short_name, models), zipf, gamma, robust, strict=True),
        note="The Pythia models share one tokenizer, and so one Zipf exponent.",
    )


def _near(gamma: Array) -> NDArray[np.bool_]:
    constants = np.array(list(FAMOUS.values()))
    return np.asarray(np.abs(gamma[:, None] - constants).min(axis=1) <= TOLERANCE)


def _covered(low: float, high: float) -> float:
    """Share of low … high that lies within the tolerance of a constant."""
    total, end = 0.0, low
    for value in sorted(FAMOUS.values()):
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
                "scale": {"domain": ["outside", "in the gap"], "range": [BLUE, VERMILLION]},
            },
        },
    }
    return Figure(
        "modes",
        "Exponents on text, and the published gap",
        spec,
        f"Orange: between {GAP[0]} and {GAP[1]}, where the claim sees none.",
    )
