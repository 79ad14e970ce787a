"""Is this gap noise or a bug? Two lm-eval runs, document by document; or two scores and how many items they rest on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ropescope.checks.judging.drift.pairing import comparisons, pair
from ropescope.checks.judging.drift.report import SCHEMA, runs_report
from ropescope.checks.judging.drift.runs import common_tasks, open_run
from ropescope.checks.judging.paired import LEVEL
from ropescope.checks.judging.scores import Score, Scores, needed_items, p_text, unpaired
from ropescope.errors import InputError
from ropescope.questions.domains import Real, Whole
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import File, ListOf, Text
from ropescope.questions.question import Run
from ropescope.report.report import Fact, Report

_LOG: Final = "a samples_*.jsonl, a results_*.json beside its samples, or the output folder"


@dataclass(frozen=True, kw_only=True)
class DriftInputs:
    """Two logged runs, or two scores."""

    first: Path | None = asked(
        File(), f"A run of lm-eval with log_samples: {_LOG}.", default=None, placed=True, group="logs"
    )
    second: Path | None = asked(File(), "The run to compare with it.", default=None, placed=True, group="logs")
    metrics: tuple[str, ...] = asked(
        ListOf(Text()), "Only these metrics, as acc or exact_match.", default=(), group="logs", only_with=("first",)
    )
    tolerance: float | None = asked(
        Real(above=0, at_most=100),
        "A gap in points that does not matter: within it, the runs agree.",
        default=None,
        group="logs",
        only_with=("first",),
    )
    scores: tuple[Score, ...] = asked(
        Scores(least=2), "Without logs: the two scores, as 67.2,65.1.", default=(), group="scores"
    )
    n: tuple[int, ...] = asked(
        ListOf(Whole(1, 10**9)),
        "Items behind each score: one number, or two.",
        default=(),
        group="scores",
        only_with=("scores",),
    )


def answer(inputs: DriftInputs, run: Run) -> Report:
    """Whether two runs differ beyond chance, and what differs between them."""
    if inputs.scores:
        if inputs.first or inputs.second:
            raise InputError("scores", "`scores` and logs are both given: leave one out.")
        return _of_scores(inputs.scores, inputs.n)
    if inputs.first is None or inputs.second is None:
        name = "first" if inputs.first is None else "second"
        raise InputError(name, f"`{name}` is missing: give two logs, or `scores` and `n`.")
    if os.path.realpath(inputs.first) == os.path.realpath(inputs.second):
        raise InputError("second", "`second` is the same run as `first`: give the run to compare with it.")
    first, second = open_run("first", inputs.first), open_run("second", inputs.second)
    both, notes = common_tasks(first, second)
    tasks = [pair(*each) for each in both]
    run.say("Comparing the runs")
    found = comparisons(tasks, inputs.metrics)
    if not found:
        have = sorted({name for task in tasks for a, b in task.pairs for name in a.scores if name in b.scores})
        if have:
            raise InputError("metrics", f"`metrics` names none of the scores in both runs: {', '.join(have)}.")
        raise InputError(
            "second", "`second` shares no metric with `first` that is one score a document: run both alike."
        )
    return runs_report(tasks, found, first, second, (*first.notes, *second.notes, *notes), inputs.tolerance)


def _of_scores(scores: Sequence[Score], n: Sequence[int]) -> Report:
    """Two scores alone: an unpaired z test."""
    if len(scores) != 2:
        raise InputError("scores", f"`scores` holds {len(scores)} scores: give the two to compare.")
    if len(n) not in (1, 2):
        raise InputError("n", "`n` is missing: give how many items the scores rest on, one number or two.")
    (first, second), (first_n, second_n) = scores, (n[0], n[-1])
    gap = unpaired(first.share, first_n, second.share, second_n)
    items = (
        f"{first_n:,} {'item' if first_n == 1 else 'items'}"
        if first_n == second_n
        else f"{first_n:,} and {second_n:,} items"
    )
    said = f"{first.percent:g} % against {second.percent:g} %"
    facts = (
        Fact(
            "difference",
            100 * gap.difference,
            "points",
            "formula",
            "second − first; Newcombe",
            (100 * gap.low, 100 * gap.high),
        ),
        Fact("standard error", 100 * gap.standard_error, "points", "formula", "√(p(1−p)(1/n₁ + 1/n₂)), p pooled"),
        Fact("z", gap.z, basis="formula", source="difference / standard error"),
        Fact("p", gap.p, basis="formula", source="two-sided, unpaired"),
    )
    logs = "Per-item logs of both runs give a paired test, which is sharper (lm-eval: log_samples)."
    weak = "Weak evidence: scores alone tell neither which items changed nor what differs between the runs."
    if not gap.difference:
        room = 100 * max(gap.high, -gap.low)
        verdict = f"Undecided: both score {first.percent:g} % on {items}, and a gap of up to {room:.2g} points can hide there."
    elif gap.p < LEVEL:
        size = f", {abs(gap.z):.2f} standard errors"
        verdict = f"Probably more than noise: {said} on {items}{size} (p {p_text(gap.p)}, unpaired)."
    else:
        needed = needed_items(first.share, second.share)
        more = f" About {needed:,} items in each would decide, if the gap stays." if needed else ""
        verdict = (
            f"Undecided: {said} on {items} is {abs(gap.z):.2f} standard errors (p {p_text(gap.p)}, unpaired).{more}"
        )
    return Report(
        f"Drift: {said}",
        verdict,
        facts=facts,
        caveats=(weak,),
        next_steps=(logs,),
        data={"schema": SCHEMA, "n": [first_n, second_n], "scores": [first.share, second.share], **gap._asdict()},
        holds=False if gap.p < LEVEL else None,
    )
