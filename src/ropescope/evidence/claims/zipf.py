"""The claim on the statistics of the text (C20)."""

from __future__ import annotations

import numpy as np
from scipy.stats import pearsonr

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.verdicts.claim import Baseline, Finding
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.scatter_figure import Points, scatter_figure
from ropescope.report.report import Column, Fact, Table

LEVEL = 0.05


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
    zipf, gamma = (np.array([row[name] for row in rows]) for name in ("zipf", "gamma"))
    found = pearsonr(zipf, gamma)
    ends = found.confidence_interval()
    kept = np.array(["Llama-2" not in row["model"] for row in rows])
    without = pearsonr(zipf[kept], gamma[kept])
    tokenizers = len(set(zipf))
    medians = {m.model: m.gamma_median_of_seeds for m in evidence.panel(corpus="text")}
    robust = np.array([medians[row["model"]] for row in rows], dtype=np.float64)
    steady = pearsonr(zipf, robust)
    odd = int(np.flatnonzero(~kept)[0])
    return Finding(
        quantity="correlation of γ and the Zipf exponent",
        value=float(found.statistic),
        interval=(float(ends.low), float(ends.high)),
        interval_by="Fisher's z, the models taken as independent",
        n=f"{len(rows)} models with {tokenizers} tokenizers",
        baselines=(Baseline("no link", 0.0),),
        verdict="reproduced" if found.statistic > 0 and found.pvalue < LEVEL else "not reproduced",
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
        tables=(
            Table(
                "Exponents",
                (
                    Column("model"),
                    *(Column(name, format=".3f") for name in ("Zipf", "γ on text", "by the median of the seeds")),
                ),
                tuple(
                    (row["model"].rpartition("/")[2], row["zipf"], row["gamma"], float(robust[i]))
                    for i, row in enumerate(rows)
                ),
                note="The Pythia models share one tokenizer, and so one Zipf exponent.",
            ),
        ),
        figures=(
            scatter_figure(
                "zipf",
                "Exponent on text against the Zipf exponent of the corpus",
                "Zipf exponent",
                "γ on text",
                [
                    Points("mean over seeds", zipf, gamma, [row["model"] for row in rows]),
                    Points("median over seeds", zipf, robust, [row["model"] for row in rows]),
                ],
                [Points("γ = Zipf exponent", (1.0, 1.24), (1.0, 1.24))],
                "The Pythia models share one tokenizer; the lowest point is Llama-2-7b, where one seed carries the mean.",
            ),
        ),
    )
