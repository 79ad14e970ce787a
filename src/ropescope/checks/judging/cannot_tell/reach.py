"""Counterexamples on length, RoPE scaling, quantisation and the cache, computed by `theory` and the published rules."""

from __future__ import annotations

from itertools import pairwise

from ropescope.checks.judging.cannot_tell.card import Counterexample
from ropescope.checks.judging.cannot_tell.published import (
    LLAMA_3_8B,
    PRESETS,
    cache_recipe,
    corrected_horizon,
    long_context_verdict,
    needle_share,
    quantisation_perplexity,
    quantisation_shift,
    reasoning_share,
    yarn_gamma,
)
from ropescope.checks.quantising.published import costs
from ropescope.published.benchmarks import NOLIMA, RULER, ranked_rows
from ropescope.published.lookup import lookup
from ropescope.report.report import Column, Fact, Scalar, Table
from ropescope.theory.decay import gamma_pade
from ropescope.theory.horizons import horizon


def circular_horizon() -> Counterexample:
    """d_h of γ_Padé is the length itself, so the verdict hangs on two hand-set corrections."""
    lengths = (8_192, 32_000, 131_072, 262_144, 500_000, 600_000, 700_000)
    rows = []
    for length in lengths:
        gamma = gamma_pade(LLAMA_3_8B.theta, length)
        back = horizon(LLAMA_3_8B.theta, gamma) / length
        rows.append(
            (length, gamma, back, corrected_horizon(LLAMA_3_8B, length), long_context_verdict(LLAMA_3_8B, length))
        )
    yes = max(length for length, *_, verdict in rows if verdict == "YES")
    return Counterexample(
        f"it says YES for Llama-3-8B, trained on {LLAMA_3_8B.trained:,} tokens, at {yes:,} tokens",
        (
            Fact(
                "d_h of γ_Padé at 32,000 tokens",
                horizon(5e5, gamma_pade(5e5, 32_000)),
                "tokens",
                "formula",
                "θ = 500,000",
            ),
            Fact("longest YES of Llama-3-8B", yes, "tokens", "formula", "recipe X-2, from the config alone"),
        ),
        Table(
            "Llama-3-8B by the published rule",
            (
                Column("length", "tokens", ",d"),
                Column("γ_Padé", "", ".4f"),
                Column("d_h(γ_Padé) / length", "", ".6f"),
                Column("d_h with corrections", "tokens", ",.0f"),
                Column("verdict"),
            ),
            tuple(rows),
            "Corrections: +0.11 for shared KV heads, −0.15 from 400 M parameters on.",
        ),
        {"longest_yes": yes, "verdicts": {str(length): verdict for length, *_, verdict in rows}},
    )


def unmoved_slider() -> Counterexample:
    """The slider's verdict along its own range."""
    steps = [round(256 + (200_000 - 256) * i / 199) for i in range(200)]
    verdicts = [long_context_verdict(LLAMA_3_8B, length) for length in steps]
    changes = sum(a != b for a, b in pairwise(verdicts))
    return Counterexample(
        f"over its {len(steps)} steps from 256 to 200,000 tokens the verdict for Llama-3-8B changes {changes} times",
        (
            Fact("steps that say YES", verdicts.count("YES"), f"of {len(steps)}", "formula", "recipe X-2 at each step"),
            Fact("changes of the verdict", changes, "", "formula", "Llama-3-8B, trained on 8,192 tokens"),
        ),
        data={"changes": changes, "yes": verdicts.count("YES"), "steps": len(steps)},
    )


def unchanged_yarn() -> Counterexample:
    """γ_eff by method and factor."""
    theta, trained = 1e6, 32_768
    factors, methods = (2, 4, 8, 32), ("linear", "dynamic", "yarn", "llama3")
    found = {method: [yarn_gamma(method, theta, trained, factor) for factor in factors] for method in methods}
    rows: tuple[tuple[Scalar, ...], ...] = tuple((method, *gammas) for method, gammas in found.items())
    values = [value for gammas in found.values() for value in gammas]
    spread = max(values) - min(values)
    return Counterexample(
        f"γ_eff is {values[0]:.4f} for every method and for 2 to 32 times the trained length",
        (
            Fact(
                "γ_Padé at the trained length",
                gamma_pade(theta, trained),
                "",
                "formula",
                "θ = 1,000,000, 32,768 tokens",
            ),
            Fact("spread of γ_eff", spread, "", "formula", f"{len(methods)} methods × {len(factors)} factors"),
        ),
        Table("γ_eff by method and factor", (Column("method"), *(Column(f"× {f}", "", ".6f") for f in factors)), rows),
        {"gamma": values[0], "spread": spread},
    )


def wrong_quantisation() -> Counterexample:
    """The predicted ΔPPL against llama.cpp's measurements."""
    measured = {(row.model, row.format): row for row in costs() if not row.imatrix}
    rows, ratios = [], {}
    for scheme in ("Q4_K_M", "Q3_K_M", "Q2_K"):
        shift = quantisation_shift(scheme, 8e9, 128, 4)
        told, real = quantisation_perplexity(shift, 8e9), measured["Llama-3-8B", scheme].delta_ppl
        ratios[scheme] = real / told
        rows.append(("Llama-3-8B", scheme, shift, told, real, real / told))
    large = quantisation_perplexity(quantisation_shift("Q2_K", 70e9, 128, 8), 70e9)
    small = quantisation_perplexity(quantisation_shift("Q2_K", 8e9, 128, 4), 8e9)
    base = gamma_pade(1e4, 4_096)
    return Counterexample(
        f"for Llama-3-8B in Q4_K_M it predicts a ΔPPL of {rows[0][3]:.3f}, and llama.cpp measured {rows[0][4]:.4f}: "
        f"{ratios['Q4_K_M']:.1f} times as much",
        (
            Fact(
                "Q2_K of a 70B model, predicted",
                large,
                "ΔPPL",
                "formula",
                "more than for 8B, where measured losses shrink",
            ),
            Fact("Q2_K of an 8B model, predicted", small, "ΔPPL", "formula", "the same rule"),
            Fact(
                "γ of Llama-2-7B in F16 at its own 4,096 tokens",
                base,
                "",
                "formula",
                "below 0.6: “usable with care”, unquantised",
            ),
        ),
        Table(
            "Predicted and measured",
            (
                Column("model"),
                Column("format"),
                Column("γ shift", "", ".3f"),
                Column("ΔPPL predicted", "", ".3f"),
                Column("ΔPPL measured", "", ".3f"),
                Column("measured / predicted", "", ".1f"),
            ),
            tuple(rows),
            measured["Llama-3-8B", "Q4_K_M"].cited,
        ),
        {
            "predicted": {row[1]: row[3] for row in rows},
            "measured": {row[1]: row[4] for row in rows},
            "q2_k": [small, large],
        },
    )


def blind_sigmoid() -> Counterexample:
    """One number for all models at their trained length, against what was published for them."""
    at = needle_share(1, 1)
    claimed = [(row, row.score("128K")) for row in ranked_rows(RULER) if row.claimed_length.upper() == "128K"]
    scores = sorted((score, row.label) for row, score in claimed if score is not None)
    told = reasoning_share(32_768, 131_072, 128, 4)
    row = lookup("meta-llama/Llama-3.1-8B-Instruct").row(NOLIMA)
    real = None if row is None else row.score("32K")
    return Counterexample(
        f"it gives every model {100 * at:.1f} % at its trained length, where RULER's models that claim 128K score "
        f"{scores[0][0]:g} to {scores[-1][0]:g}",
        (
            Fact("needles found at the trained length", 100 * at, "%", "formula", "whatever the model"),
            Fact("lowest RULER score at 128K", scores[0][0], "%", "published", scores[0][1]),
            Fact("highest RULER score at 128K", scores[-1][0], "%", "published", scores[-1][1]),
            Fact("reasoning of Llama-3.1-8B at 32,768, predicted", 100 * told, "%", "formula", "trained on 131,072"),
            Fact("NoLiMa of Llama-3.1-8B-Instruct at 32K", real, "%", "published", "" if row is None else row.citation),
        ),
        data={"at_trained": at, "ruler": [scores[0][0], scores[-1][0]], "reasoning": told, "nolima": real},
    )


def one_cache_recipe() -> Counterexample:
    """The same advice for every preset."""
    rows = tuple(
        (
            model.name,
            model.trained,
            gamma_pade(model.theta, model.trained) + model.shift,
            (corrected_horizon(model, model.trained) or 0.0) / (model.trained / 2),
            cache_recipe(model),
        )
        for model in PRESETS
    )
    answers = {row[-1] for row in rows}
    return Counterexample(
        f"all {len(rows)} models that it presets get {'the same answer' if len(answers) == 1 else f'{len(answers)} answers'} "
        f"at their trained length: {' or '.join(sorted(answers))}",
        (Fact("different answers", len(answers), f"for {len(rows)} models", "formula", "recipe X-19"),),
        Table(
            "The presets by the published rule",
            (
                Column("model"),
                Column("trained", "tokens", ",d"),
                Column("γ corrected", "", ".3f"),
                Column("d_h / (trained/2)", "", ".2f"),
                Column("answer"),
            ),
            rows,
            "Soft decay “applies” from a ratio of 1.2 on.",
        ),
        {"answers": sorted(answers), "models": len(rows)},
    )
