"""What is published about a model at length: its RULER scores, who ran them, and how far they fall. A Report."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from ropescope.evidence.ruler.figure import field_figure
from ropescope.evidence.ruler.names import Match, NearMatch, find
from ropescope.evidence.ruler.scores import (
    AS_OF,
    DROP_FORMULA,
    LEADERBOARD,
    LENGTHS,
    SAMPLES,
    SOURCE,
    THRESHOLD,
    RulerRow,
    base_score,
    effective_length,
    mean_drop,
    place,
    relative_drops,
    reported_rows,
    ruler_rows,
    score_interval,
)
from ropescope.evidence.ruler.source import HUB_ID, asked_name
from ropescope.evidence.tables import table
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Text
from ropescope.questions.question import Run
from ropescope.report.report import Fact, Report, Step, Table

SCHEMA = "ropescope.evidence/1"

_CAVEATS = (
    "RULER is synthetic (retrieval, tracing, aggregation, two question-answering sets); its authors call it a check that "
    "cannot replace realistic tasks.",
    "Scores of the model authors come from their own harness; only those of the RULER authors share one.",
)


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
    name, taken_from = asked_name(source)
    matches, near = find(name, (*ruler_rows(), *reported_rows()))
    title = f"Published evidence for {name} at length" + (f" (named after {taken_from})" if taken_from else "")
    data: dict[str, Any] = {
        "schema": SCHEMA,
        "asked": source,
        "name": name,
        "source": SOURCE,
        "as_of": AS_OF,
        "drop_formula": DROP_FORMULA,
        "matches": [{"how": match.how, "note": match.note, **_row_data(match.row)} for match in matches],
        "near": [{"difference": item.difference, **_row_data(item.row)} for item in near],
    }
    if not matches:
        return Report(
            title=title,
            verdict=_nothing(name, near),
            tables=(_near_table(near),) if near else (),
            figures=(field_figure(()),),
            next_steps=_run_it_yourself(name),
            data=data,
        )
    rows = tuple(match.row for match in matches)
    return Report(
        title=title,
        verdict=_verdict(matches[0]),
        facts=tuple(fact for row in rows for fact in _facts(row)),
        tables=tuple(_score_table(row) for row in rows),
        figures=(field_figure(rows),),
        caveats=tuple(match.note for match in matches if match.note)
        + tuple(f"{row.label}: {row.note}." for row in rows if row.note)
        + _CAVEATS,
        next_steps=_run_it_yourself(name),
        data=data,
    )


def all_report() -> Report:
    """Every published row, in the order of the leaderboard."""
    rows = ruler_rows()
    drops = [relative_drops(row) for row in rows]
    at_full = [drop[128] for drop in drops if drop[128] is not None]
    return Report(
        title=SOURCE,
        verdict=f"RULER scores of {len(rows)} models; from 4–8K to 128K the {len(at_full)} that were run there lose "
        f"{-100 * max(at_full):.0f} % to {-100 * min(at_full):.0f} %.",
        tables=(
            table(
                "RULER score by length",
                "model | claimed | "
                + " | ".join(f"{n}K :.1f" for n in LENGTHS)
                + " | drop at 128K :+.1% | run by | source | date",
                (
                    (row.label, row.claimed_length, *row.scores, drop[128], row.run_by, row.citation, row.source_date)
                    for row, drop in zip(rows, drops, strict=True)
                ),
                note=f"Percent. Drop: {DROP_FORMULA}.",
            ),
        ),
        figures=(field_figure(()),),
        caveats=_CAVEATS,
        next_steps=(Step("evidence", {"model": "MODEL"}, "What is published about one model"),),
        data={
            "schema": SCHEMA,
            "source": SOURCE,
            "as_of": AS_OF,
            "drop_formula": DROP_FORMULA,
            "rows": [_row_data(row) for row in rows],
        },
    )


def _verdict(match: Match) -> str:
    row = match.row
    base, drops = base_score(row), relative_drops(row)
    last = max((length for length, score in zip(LENGTHS, row.scores, strict=True) if score is not None), default=None)
    by_name = "" if match.how == "id" else " (found by name)"
    who = _who(row)
    if base is None or last is None or drops.get(last) is None:
        return f"{row.label}{by_name} scores {row.scores[0]:g} on RULER at 4K, {who}; no longer length is published."
    score, drop = row.scores[LENGTHS.index(last)], drops[last]
    assert drop is not None
    change = f"{abs(100 * drop):.0f} % {'less' if drop < 0 else 'more'}"
    beyond = "" if row.claims(last) else f" (it claims {row.claimed_length})"
    return f"{row.label}{by_name} scores {score:g} on RULER at {last}K{beyond}, {change} than its {base:.1f} at 4–8K; {who}."


def _facts(row: RulerRow) -> list[Fact]:
    drops = relative_drops(row)
    claimed = [drop for length, drop in drops.items() if row.claims(length)]
    as_stated = row.effective_length.upper() in ("", effective_length(row))
    found = [
        Fact("claimed length", row.claimed_length, basis="published", source=_told_by(row)),
        Fact(
            "effective length",
            row.effective_length or effective_length(row),
            basis="published" if row.effective_length else "formula",
            source=f"{_told_by(row)}: the longest that scores above Llama-2-7b-chat at 4K ({THRESHOLD})",
            note="" if as_stated else f"stated so, but by this rule its scores give {effective_length(row)}",
        ),
        Fact("mean of 4K and 8K", base_score(row), "%", "published", _row_source(row)),
    ]
    derived = f"{DROP_FORMULA}, from the published scores"
    if (mean := mean_drop(tuple(drops.values()))) is not None:
        found.append(Fact("mean drop, 16K to 128K", round(mean, 4), basis="formula", source=derived))
    if len(claimed) < len(drops) and (mean := mean_drop(claimed)) is not None:
        longest = max(length for length in drops if row.claims(length))
        found.append(
            Fact(f"mean drop, 16K to {longest}K", round(mean, 4), basis="formula", source="claimed lengths only")
        )
    return found


def _told_by(row: RulerRow) -> str:
    return _row_source(row) if row in reported_rows() else SOURCE


def _who(row: RulerRow) -> str:
    return "run by the RULER authors" if row.run_by == "RULER authors" else "reported by the model authors"


def _row_source(row: RulerRow) -> str:
    return f"{_who(row)}, {row.citation}, {row.source_date}"


def _score_table(row: RulerRow) -> Table:
    drops = relative_drops(row)
    lines = []
    for length, score in zip(LENGTHS, row.scores, strict=True):
        where = place(row, length)
        standing = None if where is None else f"{where[0]} of {where[1]}"
        lines.append((f"{length}K", score, *_bounds(row, score), drops.get(length), standing, row.claims(length)))
    sampling = (
        f"Low, high: 95 % sampling interval of {SAMPLES:,} samples (13 tasks of 500), at its widest."
        if row.samples
        else "The report does not say how many samples stand behind a score, so no interval is given."
    )
    return table(
        f"RULER score of {row.label}",
        "length | score [%] :.1f | low :.1f | high :.1f | drop :+.1% | place | within claim",
        lines,
        note=f"Scores: {_row_source(row)}. Drop: {DROP_FORMULA}. {sampling} Place: by score on the leaderboard, as of {AS_OF}.",
    )


def _bounds(row: RulerRow, score: float | None) -> tuple[float | None, float | None]:
    return (None, None) if score is None or row.samples is None else score_interval(score, row.samples)


def _near_table(near: tuple[NearMatch, ...]) -> Table:
    shown = [LENGTHS.index(length) for length in (4, 32, 128)]
    return table(
        "Near, but another model",
        "published model | how it differs | 4K :.1f | 32K :.1f | 128K :.1f | run by | source | date",
        (
            (row.label, difference, *(row.scores[at] for at in shown), row.run_by, row.citation, row.source_date)
            for row, difference in ((item.row, item.difference) for item in near)
        ),
        note="None of these scores is of the model that you asked for.",
    )


def _nothing(name: str, near: tuple[NearMatch, ...]) -> str:
    sentence = (
        f"Nothing is published about {name} among the {len(ruler_rows())} models of the RULER leaderboard "
        f"(as of {AS_OF}) and {len(reported_rows())} in reports of their authors"
    )
    if not near:
        return f"{sentence}."
    return f"{sentence}; the nearest is {near[0].row.label}, which is another model ({near[0].difference})."


def _run_it_yourself(name: str) -> tuple[Step | str, ...]:
    model = shlex.quote(name) if HUB_ID.fullmatch(name) else "MODEL"
    return (
        f"Run RULER: lm_eval --model hf --model_args pretrained={model},max_length=32768 --tasks ruler "
        "--metadata '{\"max_seq_lengths\":[4096,8192,16384,32768]}' (pip install 'lm_eval[ruler]').",
        Step("measure", {"source": model, "control": "random-init"}, "Measure how far it attends, in minutes"),
        f"Look for later results: {LEADERBOARD} and the model's card.",
    )


def _row_data(row: RulerRow) -> dict[str, Any]:
    drops = relative_drops(row)
    return {
        "name": row.name,
        "hub_id": row.hub_id or None,
        "size": row.size,
        "claimed_length": row.claimed_length,
        "effective_length": row.effective_length or None,
        "effective_length_by_rule": effective_length(row),
        "scores": {str(1024 * length): score for length, score in zip(LENGTHS, row.scores, strict=True)},
        "score_ci": {
            str(1024 * length): None if None in (ends := _bounds(row, score)) else list(ends)
            for length, score in zip(LENGTHS, row.scores, strict=True)
        },
        "relative_drop": {str(1024 * length): drop for length, drop in drops.items()},
        "mean_drop": mean_drop(tuple(drops.values())),
        "mean_drop_claimed": mean_drop([drop for length, drop in drops.items() if row.claims(length)]),
        "average": row.average,
        "samples": row.samples,
        "run_by": row.run_by,
        "source": row.source,
        "source_date": row.source_date,
        "note": row.note,
    }
