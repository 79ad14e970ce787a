"""Contamination: whether a model could have seen a test, by overlap, by published reports and by a clean twin."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ropescope.checks.judging.contamination.ledger import DATABASE, TAKEN, Entry, entries, is_about, reports_of
from ropescope.checks.judging.contamination.searching import Searched, search
from ropescope.checks.judging.contamination.twins import Gap, gap
from ropescope.errors import InputError
from ropescope.questions.domains import Whole
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Count, File, ListOf, Share, Text
from ropescope.questions.names import few, shown
from ropescope.questions.question import Run
from ropescope.report.dated import dated
from ropescope.report.report import Column, Fact, Report, Table

_MONTH = re.compile(r"(\d{4})-(\d{2})(?:-\d{2})?")


@dataclass(frozen=True, kw_only=True)
class ContaminationInputs:
    """What is known: the test's items and a corpus, its name, scores on it and on a twin, or dates."""

    items: Path | None = asked(
        File(), "The test's items: .csv, .jsonl or .json, or a text with one item a line.", default=None, placed=True
    )
    corpus: tuple[Path, ...] = asked(
        ListOf(File(), repeats=True),
        "Training text, as files or folders: .txt, .md, .json, .jsonl, .csv, .tsv, .parquet, also .gz.",
        default=(),
        only_with=("items",),
    )
    item_column: str | None = asked(
        Text(), "Column of the items' text; default: text, question, prompt, problem, input, …", default=None
    )
    corpus_column: str = asked(Text(), "Column of the corpus's text, where it has columns.", default="text")
    n: int = asked(Whole(at_least=2, at_most=50), "Words in a row that count as a match.", default=8)
    skips: int = asked(Whole(at_least=0, at_most=10), "Words within a run that may differ.", default=0)
    benchmark: str | None = asked(Text(), "Name of the test, to look up published reports: gsm8k, mmlu.", default=None)
    model: str | None = asked(
        Text(), "Name of the model that the reports should be of.", default=None, only_with=("benchmark",)
    )
    score: float | None = asked(Share(zero=True), "Score on the test, as 80% or 0.8.", default=None, group="twin")
    score_n: int | None = asked(Count(), "Items of the test.", default=None, group="twin")
    twin_score: float | None = asked(Share(zero=True), "Score on its clean twin.", default=None, group="twin")
    twin_n: int | None = asked(Count(), "Items of the twin.", default=None, group="twin")
    released: str | None = asked(Text(), "Month when the test came out: YYYY-MM.", default=None, group="dates")
    cutoff: str | None = asked(Text(), "Month of the model's training cut-off: YYYY-MM.", default=None, group="dates")


def answer(inputs: ContaminationInputs, run: Run) -> Report:
    """What is known of whether the model could have seen the test."""
    months = _months(inputs)
    twin = _twin(inputs)
    if inputs.items is None and inputs.benchmark is None and twin is None and months is None:
        raise InputError(
            "items",
            "Nothing to go by: give `items` and `corpus`, `benchmark`, both scores, or `released` and `cutoff`.",
        )
    if inputs.items is not None and not inputs.corpus:
        raise InputError("corpus", "`corpus` is missing: name the files or folders that the items may stand in.")
    found = None
    if inputs.items is not None:
        found = search(
            inputs.items, inputs.item_column, inputs.corpus, inputs.corpus_column, inputs.n, inputs.skips, run
        )
    reports = reports_of(inputs.benchmark) if inputs.benchmark is not None else ()
    told = [
        *(found.sentences() if found else ()),
        *_reported(inputs, reports),
        *_gap_sentences(twin),
    ]
    evidence = any(sure for sure, _ in told)
    sentences = [sentence for sure, sentence in told if sure or not evidence] + _dates(months)
    start = "" if evidence else "No evidence either way: "
    verdict = start + (" ".join(sentences) if evidence else _joined(sentences))
    return Report(
        title="Contamination" + (f" of {inputs.benchmark}" if inputs.benchmark else ""),
        verdict=verdict,
        facts=(*(found.facts() if found else ()), *_gap_facts(inputs, twin), *_month_facts(inputs, months)),
        tables=(*(found.tables() if found else ()), *_ledger_tables(reports)),
        figures=(found.figure(),) if found else (),
        caveats=tuple(_caveats(inputs, found, reports, twin)),
        data={
            "overlap": found.data() if found else None,
            "reports": [_entry_data(entry, inputs.model) for entry in reports],
            "gap": None
            if twin is None
            else {"points": 100 * twin.value, "interval": [100 * twin.low, 100 * twin.high]},
            "months_before_cutoff": months,
        },
    )


def _joined(sentences: list[str]) -> str:
    """Sentences after a colon: the first begins small unless it begins with a name."""
    first, *rest = sentences
    return " ".join([first[0].lower() + first[1:], *rest])


def _reported(inputs: ContaminationInputs, reports: tuple[Entry, ...]) -> list[tuple[bool, str]]:
    if inputs.benchmark is None:
        return []
    model, name = inputs.model, inputs.benchmark
    own = [entry for entry in reports if model is not None and is_about(entry, model)]
    chosen = own if model is not None else list(reports)
    positive = [entry for entry in chosen if not entry.clean]
    if positive:
        told = "; by ".join(f"{one.cited}: {name} in {one.source} ({one.said})" for one in positive[:3])
        more = f"; and {len(positive) - 3} more" if len(positive) > 3 else ""
        return [(True, f"Reported by {told}{more}.")]
    if chosen:
        told = "; ".join(f"{entry.source} ({entry.approach}, {entry.cited})" for entry in chosen[:3])
        return [(False, f"Reports looked for {name} and did not find it: {told}.")]
    of = f" for {model}" if model is not None else ""
    others = f", only for {few(sorted({entry.source for entry in reports}), 4)}" if reports else ""
    return [(False, f"No report on {name}{of} is among the rows of the CONDA database that are here{others}.")]


def _ledger_tables(reports: tuple[Entry, ...]) -> list[Table]:
    if not reports:
        return []
    fields: dict[str, list[str | None]] = {
        "data set": [one.dataset for one in reports],
        "subset": [one.subset or None for one in reports],
        "found in": [one.source for one in reports],
        **{name: [getattr(one, name) or None for one in reports] for name in ("train", "dev", "test")},
        "approach": [one.approach for one in reports],
        "reference": [one.cited for one in reports],
        "note": [one.note or None for one in reports],
    }
    kept = {name: values for name, values in fields.items() if any(values)}
    columns = tuple(Column(name, "%" if name in ("train", "dev", "test") else "") for name in kept)
    rows = tuple(zip(*kept.values(), strict=True))
    age = f" ({old})" if (old := dated(TAKEN)) else ""
    note = f"As the CONDA database has them, {TAKEN}{age}, MIT, arXiv:2407.21530."
    return [Table("Reports", columns, rows, note, limit=12)]


def _entry_data(entry: Entry, model: str | None) -> dict[str, Any]:
    values = {name: getattr(entry, name) for name in entry.__slots__}
    return {**values, "of_the_model": None if model is None else is_about(entry, model)}


def _twin(inputs: ContaminationInputs) -> Gap | None:
    given = {name: getattr(inputs, name) for name in ("score", "score_n", "twin_score", "twin_n")}
    missing = [name for name, value in given.items() if value is None]
    if len(missing) == len(given):
        return None
    if missing:
        raise InputError(
            missing[0], f"`{missing[0]}` is missing: a gap takes `score`, `score_n`, `twin_score` and `twin_n`."
        )
    return gap(given["score"], given["score_n"], given["twin_score"], given["twin_n"])


def _gap_sentences(twin: Gap | None) -> list[tuple[bool, str]]:
    if twin is None:
        return []
    size, ends = f"{abs(100 * twin.value):.1f} points", f"[{100 * twin.low:.1f}, {100 * twin.high:.1f}]"
    if twin.low > 0:
        return [(True, f"The twin's score is {size} {ends} lower, as contamination or a harder twin would make it.")]
    if twin.high < 0:
        return [(False, f"The twin's score is {size} higher, which contamination does not explain.")]
    more = f"; about {twin.items_to_tell:,} items in each would tell" if twin.items_to_tell else ""
    return [(False, f"The gap of {100 * twin.value:+.1f} points {ends} to the twin may be chance{more}.")]


def _gap_facts(inputs: ContaminationInputs, twin: Gap | None) -> list[Fact]:
    if twin is None:
        return []
    source = f"score less the twin's, n = {inputs.score_n:,} and {inputs.twin_n:,}; Newcombe's interval"
    ends = (100 * twin.low, 100 * twin.high)
    return [Fact("gap to the twin", round(100 * twin.value, 2), "points", "formula", source, ends)]


def _months(inputs: ContaminationInputs) -> int | None:
    """Whole months from the test's release to the cut-off."""
    if inputs.released is None and inputs.cutoff is None:
        return None
    at = []
    for name in ("released", "cutoff"):
        value = getattr(inputs, name)
        match = None if value is None else _MONTH.fullmatch(value.strip())
        if match is None or not 1 <= int(match[2]) <= 12:
            raise InputError(name, f"`{name}` is {shown(value)}: give both dates as YYYY-MM, as 2023-12.")
        at.append(12 * int(match[1]) + int(match[2]))
    return at[1] - at[0]


def _dates(months: int | None) -> list[str]:
    if months is None:
        return []
    if months < 0:
        return [f"The test came out {-months} months after the cut-off, so only later training can have seen it."]
    return [f"The test is {months} months older than the cut-off, which says only that it was there to be read."]


def _month_facts(inputs: ContaminationInputs, months: int | None) -> list[Fact]:
    if months is None:
        return []
    return [
        Fact("test before cut-off", months, "months", "assumed", f"released {inputs.released}, cut-off {inputs.cutoff}")
    ]


def _caveats(
    inputs: ContaminationInputs, found: Searched | None, reports: tuple[Entry, ...], twin: Gap | None
) -> list[str]:
    caveats = []
    if found is not None:
        caveats.append(
            "Overlap is with this corpus. Whether the model was trained on it, the files do not say; and paraphrases, "
            "translations and other text are not found."
        )
        if found.touched:
            caveats.append(
                "Every n words of a run are in the corpus, perhaps in different texts. Quotations and set phrases match as well."
            )
    if inputs.benchmark is not None:
        caveats.append(
            f"{len(entries())} of the database's rows are here: that a report is missing says little. All of it: {DATABASE}"
        )
    if any(entry.approach == "model-based" for entry in reports):
        caveats.append("A model-based report infers from answers; it has not seen the training text.")
    if twin is not None:
        caveats.append("A gap tells of contamination only if the twin is as hard, and was scored alike.")
    return caveats
