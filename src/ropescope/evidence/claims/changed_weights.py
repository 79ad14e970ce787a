"""Claims on what changing the weights does to the exponent: 4-bit weights, instruction tuning (C13, C19)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ropescope.evidence.evidence import Evidence, model_facts
from ropescope.evidence.measurement import FIT_FROM, Measurement
from ropescope.evidence.verdicts.claim import Baseline, Finding, Verdict
from ropescope.evidence.verdicts.registry import claim
from ropescope.report.report import Column, Fact, Scalar, Table
from ropescope.theory.decomposition import INSTRUCT_SHIFT, precision_shift_nf4

Array = NDArray[np.float64]

PUBLISHED_PAIRS = 5
FOUR_BIT = "4-bit"


@claim(
    "C13",
    subject="changed weights",
    statement="R² of the fit in bf16 gives the sign of the change of γ under 4-bit weights (NF4), right in five of five pairs.",
    published_in="Part II, abstract",
    data="attention by distance of the models that were published at both precisions",
    filter="the same model and corpus at both precisions",
    formula="count of changes within the range that R² and shared KV heads call for, over the distances both have",
    verdict_rule="not testable while fewer than five pairs are published",
)
def four_bit_rule(evidence: Evidence) -> Finding:
    """What the published pairs say, of which there is one model."""
    pairs = [(full, other) for full, other in _measured_twice(evidence) if other.variant == FOUR_BIT]
    models = {full.model for full, _ in pairs}
    rows = [_precision_row(full, other) for full, other in pairs]
    right = sum(bool(row[-1]) for row in rows)
    if len(models) < PUBLISHED_PAIRS:
        verdict: Verdict = "not testable from public data"
    else:
        verdict = "reproduced" if right == len(rows) else "not reproduced"
    return Finding(
        quantity="changes within the range called for",
        value=right,
        published=PUBLISHED_PAIRS,
        n=f"{len(rows)} measurements of {len(models)} model",
        interval_by=f"none: {len(models)} model",
        verdict=verdict,
        reason=(
            f"{len(models)} model is published at both precisions, {', '.join(sorted(models))}, which is none of those that the "
            f"claim rests on, and {right} of its {len(rows)} changes is within the range that the rule gives."
        ),
        facts=(
            Fact(
                "typical difference of two measurements at one precision",
                _noise(evidence),
                note="median; the rule calls ± 0.05 stable",
            ),
        ),
        tables=(
            Table(
                "γ at both precisions",
                (
                    Column("model"),
                    Column("corpus"),
                    *(Column(name, format=".3f") for name in ("γ as published", "R²", "γ, 16-bit", "γ, 4-bit")),
                    *(Column(name, format="+.3f") for name in ("change", "called for: low", "high")),
                    Column("in range"),
                ),
                tuple(rows),
                note=f"γ as published: over all distances; else over those that both have, from {FIT_FROM} on.",
            ),
        ),
    )


@claim(
    "C19",
    subject="changed weights",
    statement="Instruction tuning shifts γ, by −0.10 in the mean.",
    published_in="Part II, §28.3 (n = 3, p = 0.06); falsification ledger, F14",
    data="exponents of three base models and of their instruct versions; models measured twice",
    filter="none; two further pairs in the files have no instruct measurement",
    formula="mean of γ_instruct − γ_base",
    verdict_rule="reproduced if every pair moves by more than two measurements of one model differ (median)",
    tables=("tuned_pairs", "panel"),
)
def instruction_tuning(evidence: Evidence) -> Finding:
    """The shift of each pair, beside what measuring one model twice gives."""
    pairs = evidence.table("tuned_pairs")
    shift = np.array([row["gamma_instruct"] - row["gamma_base"] for row in pairs])
    repeats = _repeats(evidence)
    differences = np.array([_gammas(one, other)[1] - _gammas(one, other)[0] for one, other in repeats])
    noise = _noise(evidence)
    moved = int((np.abs(shift) > noise).sum())
    known = model_facts()
    wrong = [row for row in pairs if row["base"] in known and known[row["base"]].theta != row["theta_in_file"]]
    again = [m for m in evidence.panel() if m.model == "HuggingFaceTB/SmolLM2-135M"]
    apart = max(abs(m.gamma - row["gamma_base"]) for m in again for row in pairs if row["base"] == m.model)
    return Finding(
        quantity="mean shift of γ",
        value=float(shift.mean()),
        published=INSTRUCT_SHIFT,
        n=f"{len(pairs)} pairs",
        interval_by=f"none: {len(pairs)} pairs, without standard errors",
        baselines=(
            Baseline("no shift", 0.0),
            Baseline("one model measured twice, second less first", float(differences.mean())),
        ),
        verdict="reproduced" if moved == len(pairs) else "not reproduced",
        reason=(
            f"The shifts are {', '.join(f'{one:+.3f}' for one in shift)}, and {moved} of the {len(pairs)} exceed the {noise:.2f} "
            f"by which two measurements of one model differ; the γ of one base model is {apart:.2f} away in another file."
        ),
        facts=(
            Fact("typical difference of two measurements of one model", noise, note="median of |γ again − γ|"),
            Fact(
                "bases θ that differ from the config",
                len(wrong),
                f"of {len(pairs)}",
                note="the files call SmolLM2 a model of θ = 10,000, and read the shift as one of θ",
            ),
        ),
        tables=(
            Table(
                "Before and after tuning",
                (
                    Column("base model"),
                    *(Column(name, format=".3f") for name in ("γ, base", "γ, instruct")),
                    Column("shift", format="+.4f"),
                    Column("θ in the file", format=",.0f"),
                    Column("θ in the config", format=",.0f"),
                ),
                tuple(
                    (
                        row["base"].rpartition("/")[2],
                        row["gamma_base"],
                        row["gamma_instruct"],
                        float(change),
                        row["theta_in_file"],
                        known[row["base"]].theta,
                    )
                    for row, change in zip(pairs, shift, strict=True)
                ),
            ),
            Table(
                "One model measured twice",
                (
                    Column("model"),
                    Column("corpus"),
                    *(Column(name, format=".3f") for name in ("γ", "γ again", "difference")),
                ),
                tuple(
                    (one.short_name, one.corpus, *_gammas(one, other), float(difference))
                    for (one, other), difference in zip(repeats, differences, strict=True)
                ),
                note=f"Fits over the distances that both have, from {FIT_FROM} on.",
            ),
        ),
    )


def _measured_twice(evidence: Evidence) -> list[tuple[Measurement, Measurement]]:
    """The measurements of the paper that were made again on other machines, with the second ones."""
    first = {(m.model, m.corpus): m for m in evidence.panel()}
    again = [m for m in evidence.measurements if m.series == "cloud"]
    return [(first[m.model, m.corpus], m) for m in again if (m.model, m.corpus) in first]


def _repeats(evidence: Evidence) -> list[tuple[Measurement, Measurement]]:
    """Those measured twice at one precision."""
    return [(one, other) for one, other in _measured_twice(evidence) if other.variant != FOUR_BIT]


def _noise(evidence: Evidence) -> float:
    """The median difference between two measurements of one model."""
    pairs = [_gammas(one, other) for one, other in _repeats(evidence)]
    return float(np.median([abs(first - second) for first, second in pairs]))


def _gammas(one: Measurement, other: Measurement) -> tuple[float, float]:
    """γ of both over the distances that both have."""
    most = min(one.longest, other.longest)
    return one.refit_between(FIT_FROM, most).gamma, other.refit_between(FIT_FROM, most).gamma


def _precision_row(full: Measurement, other: Measurement) -> tuple[Scalar, ...]:
    before, after = _gammas(full, other)
    called = precision_shift_nf4(full.refit.r2, full.facts.grouped_query)
    within = called.low <= after - before <= called.high
    r2, change = full.refit.r2, after - before
    return full.short_name, full.corpus, full.gamma, r2, before, after, change, called.low, called.high, within
