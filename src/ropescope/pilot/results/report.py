"""The trial as a Report: what stands of each statement, γ against θ, and everything beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any, Final

from ropescope.errors import MeasurementError
from ropescope.pilot.arms import Arm
from ropescope.pilot.predictions import MOST_SEEDS, PUBLISHED_ERROR, Judged, Statement, predictions
from ropescope.pilot.results.figures import figures
from ropescope.pilot.results.result import SCHEMA, PilotResult
from ropescope.pilot.results.summary import (
    Summary,
    known,
    legacy_null,
    over_seeds,
    predicted,
    reference_of,
    summarise,
)
from ropescope.pilot.results.tables import (
    arms_table,
    judged_table,
    layers_table,
    pade_table,
    paired_table,
    positions_table,
    statements_table,
    training_table,
)
from ropescope.pilot.sizes import Size
from ropescope.quality.intervals import Interval
from ropescope.report.report import Fact, Report, Step

LEAST_TRAINED: Final = 0.1
"""A mean γ that is less than this above its value before training says nothing of what training does."""


def prediction_report(arms: Sequence[Arm], seeds: int, size: Size) -> Report:
    """What each side says of a trial, and how large it would be; nothing is trained."""
    thetas = [arm.theta for arm in arms if arm.theta is not None]
    said = predictions(thetas, size.length)
    return Report(
        title=f"pilot {size.name} · predictions",
        verdict=f"{len(arms) * seeds} runs of {size.tokens:,} tokens would be held against these statements; nothing was trained.",
        facts=(
            *_size_facts(size.parameters, size.length, size.tokens),
            Fact("runs", len(arms) * seeds, basis="config"),
        ),
        tables=(statements_table(said), pade_table(thetas, size.length)),
        next_steps=(Step("pilot", {"size": size.name, "out": "pilot.parquet"}, "Train and measure"),),
        data={
            "schema": SCHEMA,
            "size": asdict(size),
            "arms": [arm.words for arm in arms],
            "seeds": seeds,
            "statements": [_plain_statement(s) for s in said],
        },
    )


def pilot_report(result: PilotResult, kept_in: str | None = None) -> Report:
    """The report of the finished runs; without what stands where fewer than two seeds are finished at every base."""
    try:
        summary = summarise(result)
    except MeasurementError as error:
        return _unfinished(result, str(error))
    return Report(
        title=f"pilot {result.size} · {len(result.runs)} runs of {result.tokens:,} tokens · {result.provenance.get('text', '')}",
        verdict=_verdict(result, summary),
        facts=_facts(result, summary),
        tables=(
            judged_table(summary),
            arms_table(result),
            paired_table(result),
            training_table(result),
            layers_table(result),
            positions_table(result),
        ),
        figures=figures(result, summary),
        caveats=_caveats(result, summary),
        next_steps=_next_steps(result, summary, kept_in),
        data=_data(result, summary),
    )


def _unfinished(result: PilotResult, why: str) -> Report:
    wanted = len(result.arms) * result.seeds
    return Report(
        title=f"pilot {result.size} · {len(result.runs)} of {wanted} runs",
        verdict=f"{len(result.runs)} of {wanted} runs are finished: nothing can be said yet.",
        facts=_size_facts(result.parameters, result.length, result.tokens),
        tables=(arms_table(result), training_table(result)),
        caveats=(why,),
        next_steps=("Go on with the runs that are missing: the same again with `resume`.",),
        data={"schema": SCHEMA, "size": result.size, "runs": len(result.runs), "partial": True, "statements": []},
    )


def _verdict(result: PilotResult, summary: Summary) -> str:
    lowest, highest = min(summary.gammas), max(summary.gammas)
    parts = []
    for judged in summary.judged:
        needs = "" if judged.standing != "unclear" else f" ({_needed(judged)} seeds would decide)"
        parts.append(f"{judged.statement.name}: {judged.standing}{needs}")
    of_theory = {judged.standing for judged in summary.judged if judged.statement.name.startswith("theory")}
    answer = (
        "The RoPE base does not set γ as γ_Padé says."
        if "contradicted" in of_theory
        else "The RoPE base sets γ as γ_Padé says."
        if of_theory == {"confirmed"}
        else "Whether the RoPE base sets γ as γ_Padé says is open."
    )
    return (
        f"{answer} From θ = {lowest:,.10g} to {highest:,.10g} in training, γ changes by "
        f"{_spoken(summary.slope, 4)} for each factor e, over {len(summary.seeds)} paired seeds. {'; '.join(parts)}."
    )


def _needed(judged: Judged) -> str:
    return f"more than {MOST_SEEDS:,}" if judged.seeds_to_decide is None else f"{judged.seeds_to_decide:,}"


def _facts(result: PilotResult, summary: Summary) -> tuple[Fact, ...]:
    slope, on_pade = summary.slope, summary.on_pade
    first = [run.readings[0] for run in result.runs if run.arm.theta is not None]
    worst = max(summary.pade_errors, key=summary.pade_errors.__getitem__)
    means = [fmean(values) for values in summary.gammas.values()]
    return (
        _fact("slope of γ on ln θ", slope, "decides; per factor e of θ"),
        _fact("slope of γ on γ_Padé", on_pade, "1 by the theory, 0 by rival 1"),
        Fact("largest error of γ_Padé", round(100 * summary.pade_errors[worst], 1), "%", source=_published(worst)),
        Fact("mean error of γ_Padé", round(summary.pade_error, 4), source="absolute, over the bases"),
        Fact("mean error of a constant", round(summary.constant_error, 4), source="the mean of the other bases, for each"),
        Fact("spread over seeds", round(summary.spread_over_seeds, 4), source="standard deviation of γ at one base"),
        Fact("range over bases", round(max(means) - min(means), 4), source="largest mean γ less the smallest"),
        Fact("γ with random weights", round(fmean(r.gamma for r in first), 4), source="before the first step; the null is 0"),
        *_legacy_facts(result),
        *_size_facts(result.parameters, result.length, result.tokens),
        Fact("number type", str(result.provenance.get("dtype", "")), basis="config", source="of products in training"),
        Fact("text", str(result.provenance.get("text", "")), basis="config", source="the last tenth is held out"),
    )  # fmt: skip


def _published(theta: float) -> str:
    return f"at θ = {theta:,.10g}; published: {100 * PUBLISHED_ERROR:.2f} %"


def _legacy_facts(result: PilotResult) -> list[Fact]:
    null = legacy_null(result.length)
    if null is None:
        return []
    at = reference_of(result)
    random = [run.readings[0].legacy_gamma for run in result.runs if run.arm.theta is not None]
    kept = [value for value in random if value is not None]
    return [
        _fact("γ, published protocol", over_seeds(result, at, lambda r: r.legacy_gamma), at.words),
        Fact("its null", round(null, 4), basis="formula", source="what it reads of uniform attention"),
        Fact("γ, published, random weights", round(fmean(kept), 4), source="before the first step"),
    ]


def _size_facts(parameters: int, length: int, tokens: int) -> tuple[Fact, ...]:
    return (
        Fact("parameters", parameters, basis="config"),
        Fact("length", length, "tokens", "config"),
        Fact("tokens in a run", tokens, basis="config", source="the same in every run"),
    )


def _caveats(result: PilotResult, summary: Summary) -> tuple[str, ...]:
    found = [
        f"Networks of {result.parameters / 1e6:.2f} million parameters after {result.tokens / 1e6:.2f} million tokens: what stands "
        "here stands for them.",
        "Intervals are over seeds. The prompts are the same in every run, and their error is not in them.",
    ]
    above = fmean(run.last.gamma - run.readings[0].gamma for run in result.runs if run.arm.theta is not None)
    if above < LEAST_TRAINED:
        found.insert(
            0,
            f"γ is only {above:.3f} above that of random weights: attention is hardly trained, so what stands says nothing of θ.",
        )
    if result.partial:
        found.insert(
            0,
            f"{len(result.runs)} of {len(result.arms) * result.seeds} runs are finished. The statements are of the "
            f"{len(summary.seeds)} seeds that are finished at every base. The same with `resume` goes on.",
        )
    return tuple(found)


def _next_steps(result: PilotResult, summary: Summary, kept_in: str | None) -> tuple[Step | str, ...]:
    steps: list[Step | str] = []
    if result.partial:
        steps.append("Go on with the runs that are missing: the same again with `resume`.")
    needed = [judged.seeds_to_decide for judged in summary.judged if judged.seeds_to_decide]
    if needed and not result.partial:
        steps.append(Step("pilot", {"size": result.size, "seeds": max(needed)}, "Decide what is unclear"))
    if kept_in:
        steps.append(Step("pilot", {"runs": kept_in}, "Show it again"))
    elif kept_in is None:
        steps.append("Keep the runs: add `out` pilot.parquet (opens in pandas, polars and DuckDB).")
    return tuple(steps)


def _data(result: PilotResult, summary: Summary) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "size": result.size,
        "length": result.length,
        "tokens": result.tokens,
        "parameters": result.parameters,
        "runs": len(result.runs),
        "partial": result.partial,
        "seeds": list(summary.seeds),
        "slope": asdict(summary.slope),
        "slope_on_pade": asdict(summary.on_pade),
        "largest_error": max(summary.pade_errors.values()),
        "statements": [
            {
                **_plain_statement(judged.statement),
                "standing": judged.standing,
                "seeds_to_decide": judged.seeds_to_decide,
            }
            for judged in summary.judged
        ],
        "arms": [
            {
                "positions": arm.kind,
                "theta": arm.theta,
                "gamma": asdict(over_seeds(result, arm, lambda r: r.gamma)),
                "gamma_pade": predicted(result, arm),
                "loss": asdict(over_seeds(result, arm, lambda r: r.loss)),
                "by_seed": {str(seed): run.last.gamma for seed, run in sorted(result.of(arm).items())},
            }
            for arm in result.finished_arms
        ],
        "provenance": dict(result.provenance),
    }


def _plain_statement(statement: Statement) -> dict[str, Any]:
    def end(value: float) -> float | None:
        return value if abs(value) < float("inf") else None

    return {
        "name": statement.name,
        "says": statement.says,
        "expects": {name: [end(allowed.low), end(allowed.high)] for name, allowed in statement.expects.items()},
    }


def _fact(name: str, found: Interval, source: str) -> Fact:
    bounds = None if found.low is None or found.high is None else (found.low, found.high)
    return Fact(name, known(found), interval=bounds, source=source)


def _spoken(found: Interval, decimals: int) -> str:
    bounds = "" if found.low is None else f" (95 % {found.low:+.{decimals}f} to {found.high:+.{decimals}f})"
    return f"{found.value:+.{decimals}f}{bounds}"
