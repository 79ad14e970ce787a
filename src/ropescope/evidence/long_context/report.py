"""Does a model hold at length? Its published scores on each benchmark, how far they fall, and the reasoning gap. A Report."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from ropescope.evidence.long_context.facts import MEAN_FROM, facts_of, gap_fact
from ropescope.evidence.long_context.figure import figure
from ropescope.evidence.long_context.tables import all_table, gap_table, near_table, score_table
from ropescope.published.asked_name import HUB_ID
from ropescope.published.benchmarks import (
    BENCHMARKS,
    HELMET,
    LONGBENCH,
    NOLIMA,
    RULER,
    Benchmark,
    Row,
    ranked_rows,
    rows,
    tokens,
)
from ropescope.published.changes import (
    DROP_FORMULA,
    Gap,
    base_score,
    effective_length,
    interval,
    mean_change,
    relative_changes,
)
from ropescope.published.lookup import Lookup, lookup
from ropescope.published.names import Match
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Text
from ropescope.questions.question import Run
from ropescope.report.dated import FRESH_DAYS, dated
from ropescope.report.report import Report, Step

SCHEMA = "ropescope.evidence/2"
_DATED = f"Dated: published more than {FRESH_DAYS} days ago; newer versions and harnesses may score otherwise."


@dataclass(frozen=True, kw_only=True)
class EvidenceInputs:
    """One model, or all."""

    model: str | None = asked(
        Text(),
        "A Hub id (org/name), a model's name, a folder or a .gguf file; left out: every model.",
        default=None,
        placed=True,
    )


def answer(inputs: EvidenceInputs, run: Run) -> Report:
    """What is published about a model at length."""
    return all_report() if inputs.model is None else evidence_report(inputs.model)


def evidence_report(source: str) -> Report:
    """What is published about the model `source`; that nothing is, is an answer. Raises SourceError for an empty name."""
    found = lookup(source)
    matches, gaps = found.all_matches, found.gaps
    near = near_table(found)
    of = tuple(match.row for match in matches)
    tables = (*((gap_table(gaps),) if gaps else ()), *map(score_table, of), *((near,) if near else ()))
    notes = [match.note for match in matches if match.note] + [f"{row.title}: {row.note}." for row in of if row.note]
    return Report(
        title=f"Published evidence for {found.name} at length"
        + (f" (named after {found.taken_from})" if found.taken_from else ""),
        verdict=_verdict(found) if matches else _nothing(found),
        facts=(*((gap_fact(found),) if matches else ()), *(fact for row in of for fact in facts_of(row))),
        tables=tables,
        figures=(figure(of),),
        caveats=(
            *dict.fromkeys(notes),
            *(mark.worth for mark in BENCHMARKS if found.matches[mark.name] or not matches),
            *((_DATED,) if any(dated(row.source_date) for row in of) else ()),
        ),
        next_steps=_next_steps(found),
        data={
            "schema": SCHEMA,
            "asked": source,
            "name": found.name,
            "drop_formula": DROP_FORMULA,
            "benchmarks": {mark.name: _about(mark) for mark in BENCHMARKS},
            "matches": [{"how": match.how, "note": match.note, **_row_data(match.row)} for match in matches],
            "near": [
                {"difference": item.difference, **_row_data(item.row)}
                for mark in BENCHMARKS
                for item in found.near[mark.name]
            ],
            "reasoning_gap": [_gap_data(gap) for gap in gaps],
        },
    )


def all_report() -> Report:
    """Every published row, a table for each benchmark, in the order of its own."""
    ruler = [relative_changes(row)["128K"] for row in ranked_rows(RULER)]
    at_full = [drop for drop in ruler if drop is not None]
    counts = ", ".join(f"{mark.name} {len({row.label for row in rows(mark)})}" for mark in BENCHMARKS)
    return Report(
        title="Published scores at length",
        verdict=f"Models by benchmark: {counts}. From 4–8K to 128K the {len(at_full)} of RULER's leaderboard that were run there "
        f"lose {-100 * max(at_full):.0f} % to {-100 * min(at_full):.0f} %.",
        tables=tuple(map(all_table, BENCHMARKS)),
        figures=(figure(()),),
        caveats=tuple(mark.worth for mark in BENCHMARKS),
        next_steps=(Step("evidence", {"model": "MODEL"}, "What is published about one model"),),
        data={
            "schema": SCHEMA,
            "drop_formula": DROP_FORMULA,
            "benchmarks": {mark.name: _about(mark) for mark in BENCHMARKS},
            "rows": [_row_data(row) for mark in BENCHMARKS for row in rows(mark)],
        },
    )


def _verdict(found: Lookup) -> str:
    first = found.all_matches[0]
    others = (found.row(mark) for mark in BENCHMARKS if mark != first.row.benchmark)
    return " ".join((_sentence(first), *(_short(row) for row in others if row is not None)))


def _sentence(match: Match) -> str:
    row, mark = match.row, match.row.benchmark
    named = f"{row.title}{'' if match.how == 'id' else ' (found by name)'} scores"
    last = row.longest
    change = relative_changes(row).get(last)
    if mark is LONGBENCH:
        return f"{named} {row.score(last):g} on {mark.name}, where guessing scores {mark.chance:g}; {row.ran}."
    claim = "" if row.claims(last) else f" (it claims {row.claimed_length})"
    if change is None:
        missing = "no longer length" if last == mark.columns[0] else f"no score to compare with ({mark.base})"
        return f"{named} {row.score(last):g} on {mark.name} at {last}{claim}, {row.ran}; {missing} is published."
    base = base_score(row)
    less = f"{abs(100 * change):.0f} % {'less' if change < 0 else 'more'}"
    at = {"RULER": f"{base:.1f} at 4–8K", "HELMET": f"{base:.1f} at 8K"}.get(mark.name, f"{mark.base} {base:.1f}")
    return f"{named} {row.score(last):g} on {mark.name} at {last}{claim}, {less} than its {at}; {row.ran}."


def _short(row: Row) -> str:
    mark, last = row.benchmark, row.longest
    if mark is LONGBENCH:
        setting = f" ({row.setting})" if row.setting else ""
        return f"{mark.name}{setting}: {row.score(last):g} (guessing: {mark.chance:g})."
    change = relative_changes(row).get(last)
    of_base = "" if change is None else f", {100 * change:+.1f} %".replace("-", "−")
    effective = f"; effective to {effective_length(row)}" if mark is NOLIMA else ""
    return f"{mark.name} at {last}: {row.score(last):g}{of_base}{effective}."


def _nothing(found: Lookup) -> str:
    counts = ", ".join(f"{mark.name} ({len(rows(mark))} rows, as of {mark.as_of})" for mark in BENCHMARKS)
    sentence = f"Not known: nothing is published about {found.name} in {counts}"
    near = next((item for mark in BENCHMARKS for item in found.near[mark.name]), None)
    return (
        f"{sentence}."
        if near is None
        else f"{sentence}; the nearest is {near.row.label}, which is another model ({near.difference})."
    )


def _next_steps(found: Lookup) -> tuple[Step | str, ...]:
    model = shlex.quote(found.name) if HUB_ID.fullmatch(found.name) else "MODEL"
    steps: list[Step | str] = []
    if found.row(RULER) is None:
        steps += [
            f"Run RULER: lm_eval --model hf --model_args pretrained={model},max_length=32768 --tasks ruler "
            "--metadata '{\"max_seq_lengths\":[4096,8192,16384,32768]}' (pip install 'lm_eval[ruler]').",
            Step(
                "extend lm-eval",
                {"source": model, "to": "32k", "tasks": "ruler", "lengths": "4k,8k,16k,32k", "methods": "none"},
                "The same from here",
            ),
        ]
    if found.row(NOLIMA) is None:
        steps.append(
            "NoLiMa is not in lm-eval 0.4.13: its authors' code is at github.com/adobe-research/NoLiMa, for non-commercial use."
        )
    if found.row(LONGBENCH) is None:
        steps.append(f"Run LongBench v2: lm_eval --model hf --model_args pretrained={model} --tasks longbench2.")
    steps.append(Step("measure", {"source": model, "control": "random-init"}, "Measure how far it attends, in minutes"))
    return (*steps, f"Look for later results on the model's card, {RULER.address} and {HELMET.address}.")


def _about(mark: Benchmark) -> dict[str, Any]:
    return {
        "as_of": mark.as_of,
        "dated": bool(dated(mark.as_of)),
        "source": mark.address,
        "columns": list(mark.columns),
    }


def _key(column: str) -> str:
    return str(tokens(column)) if column.endswith("K") else column


def _row_data(row: Row) -> dict[str, Any]:
    columns, changes = row.benchmark.columns, relative_changes(row)
    bounds = {column: interval(row, column) for column in columns}
    return {
        "benchmark": row.benchmark.name,
        "name": row.name,
        "hub_id": row.hub_id or None,
        "setting": row.setting,
        "size": row.size,
        "claimed_length": row.claimed_length,
        "effective_length": row.effective_length or None,
        "effective_length_by_rule": effective_length(row) or None,
        "base": base_score(row),
        "average": row.average,
        "scores": {_key(column): score for column, score in zip(columns, row.scores, strict=True)},
        "score_ci": {_key(column): None if ends is None else list(ends) for column, ends in bounds.items()},
        "samples": {_key(column): n for column, n in zip(columns, row.samples, strict=True)},
        "relative_drop": {_key(column): drop for column, drop in changes.items()},
        "mean_drop": mean_change([changes[c] for c in MEAN_FROM]) if row.benchmark is RULER else None,
        "run_by": row.run_by,
        "source": row.source,
        "source_date": row.source_date,
        "dated": bool(dated(row.source_date)),
        "licence": row.licence,
        "note": row.note,
    }


def _gap_data(gap: Gap) -> dict[str, Any]:
    return {
        "tokens": tokens(gap.length),
        "ruler": gap.literal,
        "nolima": gap.latent,
        "points": gap.points,
        "interval": None if gap.interval is None else list(gap.interval),
        "kept": {"RULER": gap.kept[0], "NoLiMa": gap.kept[1]},
    }
