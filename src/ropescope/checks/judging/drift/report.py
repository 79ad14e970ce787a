"""The answer about two logged runs: the first line, the facts of its comparison, and the tables below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from ropescope.checks.judging.drift.causes import Cause, causes, prompt_sentence
from ropescope.checks.judging.drift.figure import gap_figure
from ropescope.checks.judging.drift.pairing import ALL, Comparison, TaskPair
from ropescope.checks.judging.drift.runs import LoggedRun
from ropescope.checks.judging.paired import LEVEL
from ropescope.checks.judging.scores import p_text
from ropescope.report.report import Column, Fact, Report, Scalar, Table

SCHEMA: Final = "ropescope.drift/1"
MOST_CHANGES: Final = 12
MOST_TASKS: Final = 20


def runs_report(
    tasks: Sequence[TaskPair],
    found: Sequence[Comparison],
    first: LoggedRun,
    second: LoggedRun,
    notes: Sequence[str],
    tolerance: float | None,
) -> Report:
    """Whether the runs differ, by how much, and in what else they differ."""
    lead = _lead(found)
    differences = causes(tasks, first, second)
    names = (first.name, second.name) if first.name != second.name else ("first", "second")
    silent = [word for word, one in (("first", first), ("second", second)) if not all(one.results.values())]
    whose = " and the ".join(silent)
    unread = (f"No results_*.json beside the log of the {whose} run can be read: its settings are unknown.",)
    figure = gap_figure(found, names)
    return Report(
        f"Drift: {names[0]} → {names[1]}",
        " ".join(filter(None, (_verdict(found, lead, tolerance), _cause_sentence(tasks, differences, bool(silent))))),
        facts=_facts(lead),
        tables=tuple(filter(None, (_comparison_table(found), _cause_table(differences), _change_table(tasks, lead)))),
        figures=(figure,) if figure else (),
        caveats=(
            *notes,
            *(note for task in tasks for note in task.notes),
            *(unread if silent else ()),
            *_caveats(differences, lead),
        ),
        next_steps=_next_steps(lead, first, second, differences),
        data=_data(tasks, found, differences, lead),
        holds=_holds(found, tolerance),
    )


def _lead(found: Sequence[Comparison]) -> Comparison:
    """The comparison that the first line tells: the surest, all tasks together before one of them."""
    return min(
        found, key=lambda one: (one.adjusted >= LEVEL, one.task != ALL, one.adjusted, -abs(one.paired.difference))
    )


def _holds(found: Sequence[Comparison], tolerance: float | None) -> bool | None:
    """True: the runs agree (within `tolerance`). False: they differ. None: undecided."""
    if tolerance is not None and all(_within(one, tolerance) for one in found):
        return True
    if any(
        one.adjusted < LEVEL and (tolerance is None or 100 * abs(one.paired.difference) > tolerance) for one in found
    ):
        return False
    return True if all(not one.paired.wins and not one.paired.losses for one in found) else None


def _within(one: Comparison, tolerance: float) -> bool:
    low, high = one.paired.low, one.paired.high
    return one.paired.shares and low is not None and high is not None and 100 * max(-low, high) <= tolerance


def _verdict(found: Sequence[Comparison], lead: Comparison, tolerance: float | None) -> str:
    paired = lead.paired
    n = "1 document" if paired.n == 1 else f"{paired.n:,} documents"
    if not any(one.paired.wins or one.paired.losses for one in found):
        if paired.n == 1:
            return "No gap: 1 document scores the same in both runs."
        return f"No gap: {n} score the same in both runs, each of them."
    if tolerance is not None and all(_within(one, tolerance) for one in found):
        return f"No gap that matters: every 95 % interval lies within {tolerance:g} points."
    inside = f"95 % interval {_interval(lead)}, " if paired.low is not None else ""
    corrected = f" after Holm's correction over {len(found)}" if len(found) > 1 else ""
    shown = f"{inside}p {p_text(lead.adjusted)}{corrected}"
    if paired.difference == 0:
        return f"Undecided: both runs score the same on {lead.label}, and {n} leave room for a gap ({shown})."
    gap = f"the second run scores {_size(lead)} {'lower' if paired.difference < 0 else 'higher'} on {lead.label}"
    if lead.adjusted < LEVEL:
        many = sum(one.adjusted < LEVEL for one in found)
        return f"More than noise: {gap} ({shown})." + (
            f" {many} of {len(found)} comparisons differ." if corrected else ""
        )
    needed = f" About {paired.needed:,} documents would decide, if the gap stays as it is." if paired.needed else ""
    if paired.needed and paired.needed <= paired.n:  # one comparison alone would be found; Holm asks more of many
        needed = " One comparison alone would be found; so many together are not."
    return f"Undecided: {gap}, and chance alone can do that in {n} ({shown}).{needed}"


def _cause_sentence(tasks: Sequence[TaskPair], differences: Sequence[Cause], silent: bool) -> str:
    models = [cause for cause in differences if cause.kind == "model"]
    if models:
        return f"The runs use other models ({models[0].field}: {models[0].first} and {models[0].second})."
    if prompts := prompt_sentence(tasks, differences):
        return prompts
    if differences:
        named = ", ".join(f"{cause.field} ({cause.first} and {cause.second})" for cause in differences[:2])
        return f"The prompts are the same; the runs differ in {named}{' and more' if len(differences) > 2 else ''}."
    return "The prompts are the same." if silent else "The prompts and all recorded settings are the same."


def _facts(lead: Comparison) -> tuple[Fact, ...]:
    paired, scale, unit = lead.paired, *((100, "%") if lead.paired.shares else (1, ""))
    points = "points" if paired.shares else ""
    ends = None if paired.low is None or paired.high is None else (scale * paired.low, scale * paired.high)
    found = [
        Fact("compared", lead.label, source="joined by doc_hash"),
        Fact("documents", paired.n, source="in both runs"),
        Fact("first", scale * paired.first, unit, source="mean over these documents"),
        Fact("second", scale * paired.second, unit, source="mean over these documents"),
        Fact("difference", scale * paired.difference, points, source=f"second − first; {paired.test}", interval=ends),
        Fact("higher in the second", paired.wins, "documents", source="wins"),
        Fact("lower in the second", paired.losses, "documents", source="losses"),
        Fact("p", float(f"{paired.p:.2g}"), source=paired.test, note="before Holm's correction"),
    ]
    about = f"at 5 %, with {paired.wins + paired.losses:,} documents that differ"
    if paired.detectable is None:
        found.append(Fact("smallest gap beyond chance", "none", basis="formula", source=about))
    else:
        found.append(Fact("smallest gap beyond chance", scale * paired.detectable, points, "formula", about))
    if paired.needed and lead.adjusted >= LEVEL:
        found.append(
            Fact("would decide", paired.needed, "documents", "formula", "5 %, power 80 %, if gap and disagreement stay")
        )
    return tuple(found)


def _comparison_table(found: Sequence[Comparison]) -> Table | None:
    if len(found) == 1:
        return None
    columns = (
        Column("task"), Column("metric"), Column("filter"), Column("documents", format=",d"),
        Column("first", format=".4g"), Column("second", format=".4g"), Column("difference", format="+.3g"),
        Column("from", format="+.3g"), Column("to", format="+.3g"),
        Column("higher", format=",d"), Column("lower", format=",d"), Column("p", format=".2g"), Column("p (Holm)", format=".2g"),
    )  # fmt: skip
    rows = tuple(
        (
            one.task, one.metric, one.filter, one.paired.n,
            *(None if value is None else (100 * value if one.paired.shares else value) for value in (
                one.paired.first, one.paired.second, one.paired.difference, one.paired.low, one.paired.high,
            )),
            one.paired.wins, one.paired.losses, one.paired.p, one.adjusted,
        )
        for one in found
    )  # fmt: skip
    note = (
        "Scores in percent, differences in points (second − first) with 95 % intervals; higher, lower: documents, in the second "
        "run."
    )
    return Table("Comparisons", columns, rows, note, MOST_TASKS)


def _cause_table(differences: Sequence[Cause]) -> Table | None:
    if not differences:
        return None
    columns = (Column("what"), Column("first"), Column("second"), Column("changes"))
    rows = tuple((cause.field, cause.first, cause.second, cause.kind) for cause in differences)
    return Table("What differs between the runs", columns, rows, "Of long values: from where they begin to differ.", 25)


def _change_table(tasks: Sequence[TaskPair], lead: Comparison) -> Table | None:
    """The first documents that score otherwise under the lead's metric, with what the filter made of the answers."""
    rows: list[tuple[Scalar, ...]] = []
    total = 0
    for task in tasks if lead.task == ALL else (task for task in tasks if task.task == lead.task):
        for a, b in (rows for each in task.documents.get(lead.filter, ()) for rows in each):
            before, after = (sum(one.scores.get(lead.metric, ())) for one in (a, b))
            if before != after:
                total += 1
                if len(rows) < MOST_CHANGES:
                    rows.append(
                        (*((task.task,) if lead.task == ALL else ()), a.doc_id, before, after, a.answer, b.answer)
                    )
    if not rows:
        return None
    columns = (
        *((Column("task"),) if lead.task == ALL else ()), Column("document"), Column("first", format=".3g"),
        Column("second", format=".3g"), Column("answer in the first"), Column("answer in the second"),
    )  # fmt: skip
    note = f"The first {len(rows)} of {total:,}." if total > len(rows) else ""
    return Table(f"Documents that score otherwise: {lead.label}", columns, tuple(rows), note)


def _caveats(differences: Sequence[Cause], lead: Comparison) -> tuple[str, ...]:
    found = (
        ["A setting that differs may be the cause, and need not be: change one at a time, and ask again."]
        if differences
        else []
    )
    found.append("The test covers the choice of documents; sampled answers and other few-shot examples vary beyond it.")
    return tuple(found)


def _next_steps(lead: Comparison, first: LoggedRun, second: LoggedRun, differences: Sequence[Cause]) -> tuple[str, ...]:
    steps: list[str] = []
    if any(cause.field == "chat_template_sha" for cause in differences):
        steps.append("Run both with, or both without, lm-eval's apply_chat_template, and compare again.")
    if lead.adjusted >= LEVEL and lead.paired.needed:
        there = max(run.n_documents(lead.task) for run in (first, second))
        if there > lead.paired.n:
            steps.append(f"The task has {there:,} documents: run both without lm-eval's limit.")
        else:
            steps.append("More documents decide: add tasks of the same kind, or repeat with other few-shot seeds.")
    return tuple(steps)


def _data(
    tasks: Sequence[TaskPair], found: Sequence[Comparison], differences: Sequence[Cause], lead: Comparison
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "lead": lead.label,
        "comparisons": [
            {
                "task": one.task,
                "metric": one.metric,
                "filter": one.filter,
                "p_holm": one.adjusted,
                "difference": one.paired.difference,
                **asdict(one.paired),
            }
            for one in found
        ],
        "prompts_differ": {task.task: len(task.other_prompts) for task in tasks},
        "causes": [cause._asdict() for cause in differences],
    }


def _size(one: Comparison) -> str:
    size = abs(one.paired.difference)
    return f"{100 * size:.3g} points" if one.paired.shares else f"{size:.3g}"


def _interval(one: Comparison) -> str:
    assert one.paired.low is not None and one.paired.high is not None
    scale = 100 if one.paired.shares else 1
    return f"{scale * one.paired.low:+.3g} to {scale * one.paired.high:+.3g}".replace("-", "−")
