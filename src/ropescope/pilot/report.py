"""The trial as a Report: what stands of each statement, γ against θ, and everything beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any, Final

from ropescope.errors import MeasurementError
from ropescope.pilot.arms import Arm
from ropescope.pilot.figures import figures
from ropescope.pilot.predictions import MOST_SEEDS, PUBLISHED_ERROR, Judged, Statement, predictions, statistics
from ropescope.pilot.result import SCHEMA, PilotResult
from ropescope.pilot.sizes import Size
from ropescope.pilot.summary import (
    Summary,
    difference,
    legacy_null,
    over_seeds,
    reference_of,
    summarise,
)
from ropescope.quality.intervals import Interval, paired
from ropescope.report.report import Column, Fact, Report, Scalar, Step, Table
from ropescope.theory.decay import gamma_pade

LEAST_TRAINED: Final = 0.1
"""A mean γ that is less than this above its value before training says nothing of what training does."""
_PLAN: Final = "Said before anything is trained"


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
        tables=(
            Table(
                _PLAN,
                (Column("statement"), Column("says"), Column("statistic"), Column("range")),
                tuple((s.name, s.says, name, str(allowed)) for s in said for name, allowed in s.expects.items()),
                note=_HOW,
            ),
            Table(
                "γ_Padé",
                (Column("θ", format=",.10g"), Column("γ_Padé", format=".4f")),
                tuple((theta, gamma_pade(theta, float(size.length))) for theta in thetas),
            ),
        ),
        next_steps=(Step("pilot", {"size": size.name, "out": "pilot.parquet"}, "Train and measure"),),
        data={
            "schema": SCHEMA,
            "size": asdict(size),
            "arms": [arm.words for arm in arms],
            "seeds": seeds,
            "statements": [_plain_statement(s) for s in said],
        },
    )


_HOW: Final = (
    "Confirmed: the 95 % interval over seeds lies within the range. Contradicted: none of it does. Else unclear. A statement with "
    "several statistics is confirmed if all are, and contradicted if one is."
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
            _judged_table(summary),
            _arms_table(result),
            _paired_table(result),
            _training_table(result),
            _layers_table(result),
            _positions_table(result),
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
        tables=(_arms_table(result), _training_table(result)),
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


def _judged_table(summary: Summary) -> Table:
    measured = {name: paired(values) for name, values in statistics(summary.gammas).items()}
    rows: list[tuple[Scalar, ...]] = []
    for judged in summary.judged:
        for index, (name, allowed) in enumerate(judged.statement.expects.items()):
            found = measured[name]
            first = index == 0
            rows.append(
                (
                    judged.statement.name if first else "",
                    name,
                    str(allowed),
                    *_three(found),
                    allowed.standing(found),
                    judged.standing if first else "",
                    judged.seeds_to_decide if first else None,
                )
            )
    return Table(
        f"{_PLAN}, and what stands",
        (
            Column("statement"),
            Column("statistic"),
            Column("range"),
            *_estimate_columns("measured", ".4f"),
            Column("statistic is"),
            Column("statement is"),
            Column("seeds that would decide", format=",d"),
        ),
        tuple(rows),
        note=_HOW,
    )


def _arms_table(result: PilotResult) -> Table:
    rows: list[tuple[Scalar, ...]] = []
    for arm in _finished(result):
        predicted = None if arm.theta is None else gamma_pade(arm.theta, float(result.length))
        gamma = over_seeds(result, arm, lambda r: r.gamma)
        rows.append(
            (
                arm.words,
                len(result.of(arm)),
                *_three(gamma),
                predicted,
                None if not predicted else 100 * abs(gamma.value / predicted - 1),
                _number(over_seeds(result, arm, lambda r: r.legacy_gamma).value),
                fmean(run.readings[0].gamma for run in result.of(arm).values()),
                *_three(over_seeds(result, arm, lambda r: r.loss)),
                fmean(run.last.sink_mass for run in result.of(arm).values()),
            )
        )
    return Table(
        "Arms",
        (
            Column("positions"),
            Column("seeds"),
            *_estimate_columns("γ"),
            Column("γ_Padé", format=".3f"),
            Column("error of γ_Padé", "%", ".1f"),
            Column("γ, published protocol", format=".3f"),
            Column("γ before training", format=".3f"),
            *_estimate_columns("loss", ".3f", "nats"),
            Column("sinks", format=".3f"),
        ),
        tuple(rows),
        note=f"After {result.tokens:,} tokens. 95 % intervals over seeds. loss: held-out text. sinks: attention on the first four "
        "tokens. ALiBi has a decay before training, its own bias.",
    )


def _paired_table(result: PilotResult) -> Table:
    reference = reference_of(result)
    rows: list[tuple[Scalar, ...]] = []
    for arm in _finished(result):
        gamma = None if arm == reference else difference(result, arm, reference, lambda r: r.gamma)
        loss = None if arm == reference else difference(result, arm, reference, lambda r: r.loss)
        if gamma is None or loss is None:
            continue
        theory = None
        if arm.theta is not None and reference.theta is not None:
            theory = gamma_pade(arm.theta, float(result.length)) - gamma_pade(reference.theta, float(result.length))
        rows.append((arm.words, gamma.n, *_three(gamma), theory, *_three(loss)))
    return Table(
        f"Less {reference.words}, paired by seed",
        (
            Column("positions"),
            Column("pairs"),
            *_estimate_columns("Δγ", "+.3f"),
            Column("Δγ_Padé", format="+.3f"),
            *_estimate_columns("Δloss", "+.4f", "nats"),
        ),
        tuple(rows),
        note="Networks of one seed share data, order and initial weights. 95 % intervals over seeds.",
    )


def _training_table(result: PilotResult) -> Table:
    arms = _finished(result)
    readings = {arm: [run.readings for run in result.of(arm).values()] for arm in arms}
    counts = [reading.tokens for reading in result.runs[0].readings]
    return Table(
        "γ and loss during training",
        (
            Column("tokens", format=",d"),
            *(Column(f"γ, {arm.words}", format=".3f") for arm in arms),
            Column("loss", "nats", ".3f"),
        ),
        tuple(
            (
                count,
                *(fmean(each[index].gamma for each in readings[arm]) for arm in arms),
                fmean(run.readings[index].loss for run in result.runs if run.arm.theta is not None),
            )
            for index, count in enumerate(counts)
        ),
        note="Means over seeds; loss: over all bases. The first row is the random-weights control.",
    )


def _layers_table(result: PilotResult) -> Table:
    rows: list[tuple[Scalar, ...]] = []
    for arm in _finished(result):
        runs = list(result.of(arm).values())
        for layer in range(len(runs[0].last.layers)):
            values = [run.last.layers[layer] for run in runs]
            rows.append((arm.words, layer + 1, *_three(paired(values)), min(values), max(values)))
    return Table(
        "Layers",
        (
            Column("positions"),
            Column("layer"),
            *_estimate_columns("γ"),
            Column("least", format=".3f"),
            Column("largest", format=".3f"),
        ),
        tuple(rows),
        note="95 % intervals over seeds; least and largest over seeds.",
        limit=24,
    )


def _positions_table(result: PilotResult) -> Table:
    arms = _finished(result)
    return Table(
        "Loss by position",
        (Column("positions"), *(Column(arm.words, "nats", ".3f") for arm in arms)),
        tuple(
            (
                f"{start}" if end == start + 1 else f"{start} to {end - 1}",
                *(fmean(run.last.by_position[index] for run in result.of(arm).values()) for arm in arms),
            )
            for index, (start, end) in enumerate(result.bands)
        ),
        note="Held-out text, means over seeds.",
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
                "gamma_pade": None if arm.theta is None else gamma_pade(arm.theta, float(result.length)),
                "loss": asdict(over_seeds(result, arm, lambda r: r.loss)),
                "by_seed": {str(seed): run.last.gamma for seed, run in sorted(result.of(arm).items())},
            }
            for arm in _finished(result)
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


def _finished(result: PilotResult) -> list[Arm]:
    return [arm for arm in result.arms if result.of(arm)]


def _estimate_columns(name: str, form: str = ".3f", unit: str = "") -> tuple[Column, Column, Column]:
    return Column(name, unit, form), Column("from", unit, form), Column("to", unit, form)


def _three(found: Interval) -> tuple[float, float | None, float | None]:
    return found.value, found.low, found.high


def _fact(name: str, found: Interval, source: str) -> Fact:
    bounds = None if found.low is None or found.high is None else (found.low, found.high)
    return Fact(name, _number(found.value), interval=bounds, source=source)


def _number(value: float) -> float | None:
    return value if value == value else None


def _spoken(found: Interval, decimals: int) -> str:
    bounds = "" if found.low is None else f" (95 % {found.low:+.{decimals}f} to {found.high:+.{decimals}f})"
    return f"{found.value:+.{decimals}f}{bounds}"
