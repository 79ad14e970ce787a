"""Counterexamples on what exponents are said to mean, and on percentages, computed by `theory` and the published rules."""

from __future__ import annotations

from datetime import date
from math import log
from statistics import NormalDist
from typing import Final

from ropescope.checks.judging.cannot_tell.card import Counterexample
from ropescope.checks.judging.cannot_tell.published import (
    CEILING,
    TESTS,
    confidence,
    contamination_risk,
    gamma_check,
    risk_level,
)
from ropescope.report.report import Fact
from ropescope.theory.constants import FAMOUS
from ropescope.theory.decay import gamma_pade
from ropescope.theory.decomposition import compute_invariant, imprint_purity, induction_phase
from ropescope.theory.depth import critical_layer
from ropescope.theory.exponents import identities
from ropescope.theory.horizons import efficiency_eta
from ropescope.theory.nulls import uniform_null_exponent

_MEASURED: Final = "measured by C. Marín (2026), tafagent data/e4_gamma"
_DISTANCES: Final = (30.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0)
"""Those that the published fits use; each is measured in a sequence of that many tokens and 50."""


def identities_always_hold() -> Counterexample:
    """The checks at exponents that nobody measured."""
    tried = (1e-6, 0.1234, 0.5, 0.9, 0.999)
    checks = [one for gamma in tried for one in identities(gamma) if one.kind == "identity"]
    failed = sum(not one.holds for one in checks)
    return Counterexample(
        f"for {len(tried)} exponents that were made up, {len(checks) - failed} of {len(checks)} checks pass",
        (
            Fact(
                "checks that fail",
                failed,
                f"of {len(checks)}",
                "formula",
                f"γ = {', '.join(f'{gamma:g}' for gamma in tried)}",
            ),
            Fact("what they test", "one variable with itself", "", "formula", "all are functions of 1 − γ"),
        ),
        data={"checks": len(checks), "failed": failed},
    )


def honest_fraud() -> Counterexample:
    """The word for attention that does not decay at all, and for an ordinary exponent."""
    null = uniform_null_exponent(_DISTANCES, 50.0)
    uniform, usual = efficiency_eta(1e6, null.gamma, 1_000), efficiency_eta(1e6, 0.75, 1_000)
    near = [efficiency_eta(1e4, gamma, 2_000) for gamma in (0.985, 0.99, 0.995)]
    return Counterexample(
        f"a model with θ = 1,000,000 and the ordinary exponent 0.75 gets η = {usual:.4f} at 1,000 tokens, which it calls "
        f"“{gamma_check(usual)}”",
        (
            Fact(
                "η of uniform attention",
                uniform,
                "",
                "formula",
                f"which its protocol reads as γ = {null.gamma:.3f}: {gamma_check(uniform)}",
            ),
            Fact(
                "η at γ = 0.985, 0.990, 0.995",
                " / ".join(f"{one:.1f}" for one in near),
                "",
                "formula",
                "θ = 10,000, 2,000 tokens",
            ),
            Fact(
                "exponent above which it is not fraud",
                1 - (1 - gamma_pade(1e6, 1_000)) / 0.01,
                "",
                "formula",
                "θ = 1,000,000, 1,000 tokens",
            ),
        ),
        data={"eta": usual, "word": gamma_check(usual), "uniform": uniform, "uniform_word": gamma_check(uniform)},
    )


def failed_imprint() -> Counterexample:
    """The reference model of the formula against its own measurement."""
    found = imprint_purity(0.712754, 1e4, 2_048, 1e9)
    return Counterexample(
        f"for its own reference model, Pythia-1B, it predicts {found.predicted:.3f} ± 0.18 on random tokens; 0.713 was measured",
        (
            Fact("predicted", found.predicted, "", "formula", "γ_Padé(10⁴, 2,048) − log₁₀(10⁹/14·10⁶)/(2π)"),
            Fact("measured", 0.712754, "", "published", f"{_MEASURED}, Pythia-1B, random tokens", (0.579264, 0.849598)),
            Fact("residual", found.residual, "", "formula", f"called “{found.verdict}”"),
        ),
        data={"predicted": found.predicted, "residual": found.residual},
    )


def varying_invariant() -> Counterexample:
    """K with the tool's token count and with the real one; and how many ordinary models are outliers."""
    default = compute_invariant(1.04548, 8.03e9)
    real = compute_invariant(1.04548, 8.03e9, 15e12 / 8.03e9)
    outside = 2 * NormalDist().cdf(-1)
    return Counterexample(
        f"one standard deviation is its limit, so {100 * outside:.0f} % of ordinary models are “outliers”; Llama-3-8B is one "
        f"(z = {default.z:.2f})",
        (
            Fact(
                "K of Llama-3-8B", default.k, "nats", "formula", "γ = 1.045 on text; 20 tokens a parameter, its default"
            ),
            Fact(
                "K with the tokens it was trained on",
                real.k,
                "nats",
                "formula",
                "15·10¹² tokens; 4.7 nats more from the same γ",
            ),
            Fact(
                "a tenth in γ moves K by",
                0.1 * (3 * log(8.03e9) + log(20)),
                "nats",
                "formula",
                "the logarithm is nearly constant",
            ),
            Fact("models beyond one standard deviation", 100 * outside, "%", "formula", "of any normal distribution"),
        ),
        data={"k": default.k, "z": default.z, "k_real": real.k, "outside": outside},
    )


def coin_of_signs() -> Counterexample:
    """How often the sign is right, by the published means and spread."""
    after, before = 1 - NormalDist(0.03, 0.26).cdf(0), NormalDist(-0.19, 0.26).cdf(0)
    phase = induction_phase(0.931108, 0.712754, 1.012e9)
    return Counterexample(
        f"by its own means and spread the sign is right for {100 * after:.0f} % of models after induction: near a coin",
        (
            Fact(
                "right after induction",
                100 * after,
                "%",
                "formula",
                "mean +0.03, standard deviation 0.26, as published",
            ),
            Fact(
                "right before induction",
                100 * before,
                "%",
                "formula",
                "mean −0.19, standard deviation 0.26, as published",
            ),
            Fact(
                "Pythia-1B", phase.difference, "", "formula", f"0.931 on text − 0.713 on random tokens: {phase.phase}"
            ),
        ),
        data={"after": after, "before": before},
    )


def layer_beyond_the_last() -> Counterexample:
    """A layer that the network does not have."""
    found = critical_layer(1e4, 32_768, 128, 36)
    return Counterexample(
        f"at θ = 10,000 and 32,768 tokens it names layer {found.position:.1f} of 36, {found.fraction:.2f} of the depth",
        (
            Fact("fraction of the depth", found.fraction, "", "formula", "θ = 10,000, T = 32,768, head dimension 128"),
            Fact("layer that is shown", found.layer, "of 36", "formula", "cut to the last"),
        ),
        data={"fraction": found.fraction, "position": found.position},
    )


def constants_everywhere() -> Counterexample:
    """How much of 0 … 1 lies near one of the nine constants."""
    shares = {}
    for tolerance in (0.01, 0.02):
        covered, end = 0.0, 0.0
        for constant in sorted(FAMOUS.values()):
            covered += max(0.0, constant + tolerance - max(end, constant - tolerance))
            end = max(end, constant + tolerance)
        shares[tolerance] = covered
    return Counterexample(
        f"nine constants, each ± 0.02, cover {100 * shares[0.02]:.0f} % of the numbers from 0 to 1: 22 numbers drawn at random "
        f"give {22 * shares[0.02]:.0f} hits",
        (
            Fact("covered at ± 0.01", 100 * shares[0.01], "%", "formula", ", ".join(FAMOUS)),
            Fact("covered at ± 0.02", 100 * shares[0.02], "%", "formula", "the tolerance of the profile card"),
            Fact(
                "hits of 22 random numbers",
                22 * shares[0.01],
                "",
                "formula",
                "at ± 0.01, evenly from 0 to 1; published: 4",
            ),
        ),
        data={"covered": {str(tolerance): share for tolerance, share in shares.items()}},
    )


def confident_of_nothing() -> Counterexample:
    """The percentage of the circular verdict, and what any made-up exponent adds."""
    alone = confidence(("warn", "warn", "ok", "warn"))
    made_up = confidence(("ok", "ok", "ok", "warn"))
    reality = confidence(("ok", "warn"))
    return Counterexample(
        f"the circular verdict on long context scores {alone:g} %, and {made_up:g} % once any exponent is typed in",
        (
            Fact(
                "from a config alone",
                alone,
                "%",
                "formula",
                "γ: warn, benchmark: warn, γ in (0, 1): ok, calibration: warn",
            ),
            Fact("with any γ typed in", made_up, "%", "formula", "γ and “benchmark” become ok"),
            Fact(
                "memory of every known architecture", reality, "%", "formula", "architecture: ok, structural only: warn"
            ),
        ),
        data={"alone": alone, "made_up": made_up, "reality": reality},
    )


def risk_by_age() -> Counterexample:
    """The risks for one cutoff, and a subset beside its set."""
    cutoff = date(2023, 12, 15)
    risks = {test.name: contamination_risk(test, cutoff) for test in TESTS}
    levels = [risk_level(risk) for risk in risks.values()]
    ceiling = sum(risk == CEILING for risk in risks.values())
    return Counterexample(
        f"for a cutoff in December 2023 it rates MATH “{risk_level(risks['MATH'])}” and MATH-500, a part of MATH, "
        f"“{risk_level(risks['MATH-500'])}”",
        (
            Fact("MATH", risks["MATH"], "", "formula", "released 2021-03"),
            Fact("MATH-500", risks["MATH-500"], "", "formula", "500 problems of MATH, released 2023-11"),
            Fact("at the ceiling", ceiling, f"of {len(TESTS)} benchmarks", "formula", f"{CEILING}"),
            Fact(
                "rated medium",
                levels.count("medium"),
                f"of {len(TESTS)} benchmarks",
                "formula",
                "the rest is high or low, by age",
            ),
        ),
        data={"risks": risks, "ceiling": ceiling, "high": levels.count("high"), "low": levels.count("low")},
    )
