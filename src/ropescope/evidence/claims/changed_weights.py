"""Claims on what changing the weights does to the exponent: 4-bit weights, instruction tuning (C13, C19, F14)."""

from __future__ import annotations

import numpy as np

from ropescope.evidence.evidence import Evidence, model_facts
from ropescope.evidence.measurement import Measurement
from ropescope.evidence.verdicts.claim import Baseline, Finding, Verdict, judged
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.sample import column, short_name
from ropescope.measure.protocol import LEGACY_FIT_FROM
from ropescope.report.report import Fact, Scalar
from ropescope.theory.decomposition import INSTRUCT_SHIFT, precision_shift_nf4

PUBLISHED_PAIRS = 5
FOUR_BIT = "4-bit"
TUNING = 0.072


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
    few: Verdict = "not testable from public data"
    noise = _noise(evidence)
    return Finding(
        quantity="changes within the range called for",
        value=right,
        published=PUBLISHED_PAIRS,
        n=f"{len(rows)} measurements of {len(models)} model",
        interval_by=f"none: {len(models)} model",
        verdict=few if len(models) < PUBLISHED_PAIRS else judged(right == len(rows)),
        reason=(
            f"{len(models)} model is published at both precisions, {', '.join(sorted(models))}, which is none of those that the "
            f"claim rests on, and {right} of its {len(rows)} changes is within the range that the rule gives."
        ),
        facts=(
            Fact(
                "typical difference of two measurements at one precision",
                noise,
                note="median; the rule calls ± 0.05 stable",
            ),
        ),
    ).with_table(
        "γ at both precisions",
        "model | corpus | γ as published :.3f | R² :.3f | γ, 16-bit :.3f | γ, 4-bit :.3f | change :+.3f | "
        "called for: low :+.3f | high :+.3f | in range",
        rows,
        note=f"γ as published: over all distances; else over those that both have, from {LEGACY_FIT_FROM} on.",
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
    shift = column(pairs, "gamma_instruct") - column(pairs, "gamma_base")
    repeats = _repeats(evidence)
    again = [(one.short_name, one.corpus, first, second, second - first) for one, first, second in repeats]
    noise = _noise(evidence)
    moved = int((np.abs(shift) > noise).sum())
    known = model_facts()
    wrong = [row for row in pairs if row["base"] in known and known[row["base"]].theta != row["theta_in_file"]]
    small = [m for m in evidence.panel() if m.model == "HuggingFaceTB/SmolLM2-135M"]
    apart = max(abs(m.gamma - row["gamma_base"]) for m in small for row in pairs if row["base"] == m.model)
    shifts = ", ".join(f"{one:+.3f}" for one in shift)
    misread = "the files call SmolLM2 a model of θ = 10,000, and read the shift as one of θ"
    return (
        Finding(
            quantity="mean shift of γ",
            value=float(shift.mean()),
            published=INSTRUCT_SHIFT,
            n=f"{len(pairs)} pairs",
            interval_by=f"none: {len(pairs)} pairs, without standard errors",
            baselines=(
                Baseline("no shift", 0.0),
                Baseline("one model measured twice, second less first", float(np.mean([row[-1] for row in again]))),
            ),
            verdict=judged(moved == len(pairs)),
            reason=(
                f"The shifts are {shifts}, and {moved} of the {len(pairs)} exceed the {noise:.2f} "
                f"by which two measurements of one model differ; the γ of one base model is {apart:.2f} away in another file."
            ),
            facts=(
                Fact("typical difference of two measurements of one model", noise, note="median of |γ again − γ|"),
                Fact("bases θ that differ from the config", len(wrong), f"of {len(pairs)}", note=misread),
            ),
        )
        .with_table(
            "Before and after tuning",
            "base model | γ, base :.3f | γ, instruct :.3f | shift :+.4f | θ in the file :,.0f | θ in the config :,.0f",
            [
                (short_name(base), row["gamma_base"], row["gamma_instruct"], change, row["theta_in_file"], theta)
                for row, change in zip(pairs, shift, strict=True)
                for base in (row["base"],)
                for theta in (known[base].theta,)
            ],
        )
        .with_table(
            "One model measured twice",
            "model | corpus | γ :.3f | γ again :.3f | difference :.3f",
            again,
            note=f"Fits over the distances that both have, from {LEGACY_FIT_FROM} on.",
        )
    )


# C19 asks whether tuning moves γ at all; this entry is a bound.
@claim(
    "F14",
    subject="changed weights",
    statement="Tuning to instructions moves the exponent by at most 0.072.",
    published_in="falsification ledger, F14: partial (n = 8, by recipe)",
    data="exponents of three base models and of their instruct versions; the published measurements of the same base models",
    filter="none; the other pairs of the eight are not public",
    formula="largest |γ_instruct − γ_base|",
    verdict_rule="reproduced if no public pair exceeds 0.072",
    tables=("tuned_pairs", "panel"),
)
def bounded_tuning(evidence: Evidence) -> Finding:
    """The largest change by tuning, beside how far two measurements of one base model lie apart."""
    rows = evidence.table("tuned_pairs")
    panel = {m.model: m.gamma for m in evidence.panel(corpus="random")}
    changes = [
        (short_name(row["base"]), row["gamma_instruct"] - row["gamma_base"], row["gamma_base"] - panel[row["base"]])
        for row in rows
    ]
    largest, change, _ = max(changes, key=lambda row: abs(row[1]))
    apart = np.abs([row[2] for row in changes])
    return Finding(
        quantity="largest change of γ by instruction tuning",
        value=abs(change),
        published=TUNING,
        n=f"{len(rows)} pairs of the 8 claimed",
        interval_by=f"none: {len(rows)} pairs, published without errors",
        baselines=(
            Baseline("base model measured again, median", float(np.median(apart))),
            Baseline("base model measured again, largest", float(apart.max())),
        ),
        verdict=judged(abs(change) <= TUNING),
        reason=(
            f"{largest} moves by {change:+.3f}, beyond the bound, and the base models themselves read up to "
            f"{apart.max():.2f} apart when measured twice, which no bound of 0.072 can be seen through."
        ),
    ).with_table(
        "Instruct less base, and the base model measured again",
        "base model | tuning :+.4f | base here − base in the panel :+.4f",
        changes,
        note="The panel's value is that on random tokens; the corpus of the pairs is not stated.",
    )


def _measured_twice(evidence: Evidence) -> list[tuple[Measurement, Measurement]]:
    """The measurements of the paper that were made again on other machines, with the second ones."""
    first = {(m.model, m.corpus): m for m in evidence.panel()}
    again = [m for m in evidence.measurements if m.series == "cloud"]
    return [(first[m.model, m.corpus], m) for m in again if (m.model, m.corpus) in first]


def _repeats(evidence: Evidence) -> list[tuple[Measurement, float, float]]:
    """Those measured twice at one precision, with γ of both."""
    return [(one, *_gammas(one, other)) for one, other in _measured_twice(evidence) if other.variant != FOUR_BIT]


def _noise(evidence: Evidence) -> float:
    """The median difference between two measurements of one model."""
    return float(np.median([abs(first - second) for _, first, second in _repeats(evidence)]))


def _gammas(one: Measurement, other: Measurement) -> tuple[float, float]:
    """γ of both over the distances that both have."""
    most = min(one.longest, other.longest)
    return one.refit_between(LEGACY_FIT_FROM, most).gamma, other.refit_between(LEGACY_FIT_FROM, most).gamma


def _precision_row(full: Measurement, other: Measurement) -> tuple[Scalar, ...]:
    before, after = _gammas(full, other)
    called = precision_shift_nf4(full.refit.r2, full.facts.grouped_query)
    within = called.low <= after - before <= called.high
    r2, change = full.refit.r2, after - before
    return full.short_name, full.corpus, full.gamma, r2, before, after, change, called.low, called.high, within
