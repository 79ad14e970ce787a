"""The tables of a trial: what is said before it, what stands, and the numbers behind it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Final

from ropescope.pilot.predictions import Statement, statistics
from ropescope.pilot.results.result import PilotResult
from ropescope.pilot.results.summary import Summary, difference, known, over_seeds, predicted, reference_of
from ropescope.quality.intervals import Interval, paired
from ropescope.report.report import Column, Scalar, Table
from ropescope.theory.decay import gamma_pade

_PLAN: Final = "Said before anything is trained"
_HOW: Final = (
    "Confirmed: the 95 % interval over seeds lies within the range. Contradicted: none of it does. Else unclear. A statement with "
    "several statistics is confirmed if all are, and contradicted if one is."
)


def statements_table(statements: Sequence[Statement]) -> Table:
    """What each side says, before anything is trained."""
    return Table(
        _PLAN,
        (Column("statement"), Column("says"), Column("statistic"), Column("range")),
        tuple((s.name, s.says, name, str(allowed)) for s in statements for name, allowed in s.expects.items()),
        note=_HOW,
    )


def pade_table(thetas: Sequence[float], length: int) -> Table:
    """γ_Padé at each base, for a length in tokens."""
    return Table(
        "γ_Padé",
        (Column("θ", format=",.10g"), Column("γ_Padé", format=".4f")),
        tuple((theta, gamma_pade(theta, float(length))) for theta in thetas),
    )


def judged_table(summary: Summary) -> Table:
    """Each statement with its statistics, and which of it stands."""
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


def arms_table(result: PilotResult) -> Table:
    """γ, loss and sinks of each arm after training."""
    rows: list[tuple[Scalar, ...]] = []
    for arm in result.finished_arms:
        pade = predicted(result, arm)
        gamma = over_seeds(result, arm, lambda r: r.gamma)
        rows.append(
            (
                arm.words,
                len(result.of(arm)),
                *_three(gamma),
                pade,
                None if not pade else 100 * abs(gamma.value / pade - 1),
                known(over_seeds(result, arm, lambda r: r.legacy_gamma)),
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


def paired_table(result: PilotResult) -> Table:
    """Each arm less the reference, paired by seed."""
    reference = reference_of(result)
    rows: list[tuple[Scalar, ...]] = []
    for arm in result.finished_arms:
        gamma = None if arm == reference else difference(result, arm, reference, lambda r: r.gamma)
        loss = None if arm == reference else difference(result, arm, reference, lambda r: r.loss)
        if gamma is None or loss is None:
            continue
        pade, base = predicted(result, arm), predicted(result, reference)
        theory = None if pade is None or base is None else pade - base
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


def training_table(result: PilotResult) -> Table:
    """γ and loss at each checkpoint."""
    arms = result.finished_arms
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


def layers_table(result: PilotResult) -> Table:
    """γ of each layer."""
    rows: list[tuple[Scalar, ...]] = []
    for arm in result.finished_arms:
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


def positions_table(result: PilotResult) -> Table:
    """Loss by place in the text."""
    arms = result.finished_arms
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


def _estimate_columns(name: str, form: str = ".3f", unit: str = "") -> tuple[Column, Column, Column]:
    return Column(name, unit, form), Column("from", unit, form), Column("to", unit, form)


def _three(found: Interval) -> tuple[float, float | None, float | None]:
    return found.value, found.low, found.high
