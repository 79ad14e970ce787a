"""Claims on what the RoPE base does within one model (C6, C6b)."""

from __future__ import annotations

import numpy as np
from scipy.stats import t as student

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.verdicts.claim import Baseline, Finding
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.statistics import others_mean, regress
from ropescope.report.report import Column, Fact, Table

GOOD_FIT = 0.9


@claim(
    "C6",
    subject="RoPE base",
    statement="Models trained from scratch at θ = 10⁴, 10⁵ and 10⁶ follow γ_Padé to 5.07 % at most.",
    published_in="Part I, abstract (controlled-θ pilot)",
    data="none: no file of the public data holds a training run at a chosen θ",
    filter="none",
    formula="max |γ − γ_Padé| / γ_Padé over the trained models",
    verdict_rule="not testable until the runs are published",
    tables=(),
)
def trained_bases(evidence: Evidence) -> Finding:
    """Nothing to recompute from."""
    return Finding(
        quantity="largest relative error over trained bases",
        value=None,
        unit="%",
        published=5.07,
        n="no measurements",
        verdict="not testable from public data",
        reason="No published file holds a model that was trained at a chosen θ; `ropescope claims C6b` is the nearest public test.",
    )


@claim(
    "C6b",
    subject="RoPE base",
    statement="Within one model γ follows γ_Padé when θ is changed: the slope of one on the other is 1.",
    published_in="what the formula says of the published θ sweep of Pythia-70M",
    data="attention by distance of Pythia-70M at nine bases, set after training at θ = 10,000",
    filter="none",
    formula="least squares of γ on γ_Padé(θ, 2000)",
    verdict_rule="reproduced if the slope's interval holds 1 and not 0",
)
def changed_base(evidence: Evidence) -> Finding:
    """The slope over nine bases, beside that of a γ that does not move."""
    sweep = [m for m in evidence.measurements if m.series == "steering"]
    gamma = np.array([m.gamma for m in sweep])
    pade = np.array([m.pade() for m in sweep], dtype=np.float64)
    fit = regress(gamma, pade=pade)
    slope, error = fit.coefficients[1], fit.standard_errors[1]
    low, high = fit.intervals[1]
    p_one = float(2 * student.sf(abs(slope - 1) / error, fit.n - 2))
    good = np.array([m.refit.r2 > GOOD_FIT for m in sweep])
    among_good = regress(gamma[good], pade=pade[good])
    constant = others_mean(gamma, [m.variant for m in sweep])
    return Finding(
        quantity="slope of γ on γ_Padé",
        value=slope,
        interval=(low, high),
        interval_by=f"t interval of least squares, {fit.n} bases",
        published=1.0,
        n=f"{fit.n} bases in one model",
        baselines=(Baseline("γ that does not move with θ", 0.0),),
        verdict="reproduced" if low <= 1 <= high and not low <= 0 <= high else "not reproduced",
        reason=(
            f"γ stays between {gamma.min():.2f} and {gamma.max():.2f} while γ_Padé goes from {pade.min():.2f} to {pade.max():.2f}, "
            f"and a slope of 1 is rejected at p = {p_one:.1g}."
        ),
        facts=(
            Fact("p against a slope of 1", p_one),
            Fact("R²", fit.r2),
            Fact("mean error of γ_Padé", float(np.abs(gamma - pade).mean())),
            Fact("mean error of a constant", float(np.abs(gamma - gamma.mean()).mean()), note="the mean of the nine"),
            Fact("mean error of the other bases' mean", float(np.abs(gamma - constant).mean())),
            Fact("largest relative error of γ_Padé", 100 * float(np.abs(gamma / pade - 1).max()), "%"),
            Fact(
                f"slope where R² > {GOOD_FIT}",
                among_good.coefficients[1],
                interval=among_good.intervals[1],
                note=f"p = {among_good.p_values[1]:.2f} against 0, {among_good.n} bases",
            ),
        ),
        tables=(
            Table(
                "Bases",
                (Column("θ", format=",.0f"), *(Column(name, format=".3f") for name in ("γ", "±", "R²", "γ_Padé"))),
                tuple((m.theta, m.gamma, m.refit.se, m.refit.r2, m.pade()) for m in sweep),
            ),
        ),
    )
