"""Reports on claims: one claim with everything behind it, and a line on each of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ropescope.evidence.tables import table
from ropescope.evidence.verdicts.claim import VERDICTS, Claim, Finding
from ropescope.evidence.verdicts.figures import finding_figure
from ropescope.evidence.verdicts.recompute import Entry
from ropescope.evidence.verdicts.tiles import verdicts_figure
from ropescope.questions.names import few
from ropescope.report.numbers import interval as ends_in_words
from ropescope.report.numbers import number, with_unit
from ropescope.report.report import Basis, Column, Fact, Report, Step, Table


def claim_report(entry: Entry, origin: str) -> Report:
    """One claim: its verdict and why, the number beside its rivals, and how it was had. `origin` names the data."""
    claim, finding = entry.claim, entry.finding
    if finding is None:
        return Report(
            title=f"{claim.id}: {claim.statement}",
            verdict=f"{claim.id} was not recomputed: {_missing(entry)}",
            tables=(_method(claim),),
            next_steps=("Leave `data` out to use the shipped figures.",),
            data={"claims": [entry_data(entry)], "data": origin},
        )
    figure = finding_figure(claim, finding)
    return Report(
        title=f"{claim.id}: {claim.statement}",
        verdict=f"{finding.verdict.capitalize()}. {finding.reason}",
        facts=_facts(claim, finding, origin),
        tables=(*_baselines(finding), *finding.tables, _method(claim)),
        figures=((figure,) if figure else ()) + finding.figures,
        caveats=_changed(entry),
        data={"claims": [entry_data(entry)], "data": origin},
    )


def claims_report(entries: Sequence[Entry], origin: str) -> Report:
    """Several claims: how many hold, and a line on each."""
    found = [(e.claim, e.finding) for e in entries if e.finding is not None]
    passed = [e for e in entries if e.finding is None]
    counts = {verdict: sum(f.verdict == verdict for _, f in found) for verdict in VERDICTS}
    said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    tables = [
        table(
            "Claims",
            "claim | statement | published | recomputed | verdict",
            [(c.id, c.statement, _published(f), _recomputed(f), f.verdict) for c, f in found],
            note="Recomputed: with its 95 % interval where there is one. `claims` with an ID shows how, and the baselines.",
        ),
        table("Why", "claim | reason", [(c.id, f.reason) for c, f in found]),
    ]
    if passed:
        tables.append(table("Not recomputed", "claim | missing", [(e.claim.id, _missing(e)) for e in passed]))
    return Report(
        title="The published claims, recomputed from the published measurements",
        verdict=f"{len(found)} claims recomputed: {said}." + (f" {len(passed)} could not be." if passed else ""),
        facts=(
            Fact("data", origin, basis="published"),
            Fact("time", sum(e.seconds for e in entries), "s", source="this run"),
        ),
        tables=tuple(tables),
        figures=(verdicts_figure(entries),) if found else (),
        caveats=tuple(dict.fromkeys(text for e in entries for text in _changed(e))),
        next_steps=(
            Step("claims", {"ids": ["ID"]}, "One claim with its baselines and its method"),
            Step("panel", {}, "The measurements"),
        ),
        data={"counts": counts, "claims": [entry_data(e) for e in entries], "data": origin},
    )


def entry_data(entry: Entry) -> dict[str, Any]:
    """A claim and its finding as plain data."""
    claim, finding = entry.claim, entry.finding
    data = _fields(claim, "id", "subject", "statement", "published_in", "data", "filter", "formula", "verdict_rule")
    data |= {"raw_files_missing": list(entry.missing), "raw_files_changed": list(entry.changed)}
    if finding is None:
        return data | {"verdict": None}
    tables = [
        {"title": t.title, "columns": [c.name for c in t.columns], "rows": [list(row) for row in t.rows]}
        for t in finding.tables
    ]
    own = ("quantity", "value", "unit", "interval_by", "published", "n", "verdict", "reason", "interval")
    return {
        **data,
        **_fields(finding, *own),
        "baselines": [_fields(one, "name", "value", "interval") for one in finding.baselines],
        "facts": [_fields(one, "name", "value", "unit", "interval", "note") for one in finding.facts],
        "tables": tables,
        "seconds": round(entry.seconds, 3),
    }


def _fields(record: Any, *names: str) -> dict[str, Any]:
    """Some fields of a record, its tuples as lists."""
    values = {name: getattr(record, name) for name in names}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _facts(claim: Claim, finding: Finding, origin: str) -> tuple[Fact, ...]:
    name, source = f"{finding.quantity}, recomputed", f"from {finding.n}"
    number = Fact(name, finding.value, finding.unit, _basis(claim), source, finding.interval, finding.interval_by)
    facts = [number]
    if finding.published is not None:
        facts.insert(0, Fact("as published", finding.published, finding.unit, "published", claim.published_in))
    if claim.measured_by:
        return (*facts, *finding.facts, Fact("data", "measured for ropescope", "", "measured", claim.measured_by))
    # Whatever a claim counts or fits, it does so on published measurements.
    facts += [replace(fact, basis="published") if fact.basis == "measured" else fact for fact in finding.facts]
    return (*facts, Fact("data", origin, basis="published"))


def _basis(claim: Claim) -> Basis:
    """A claim that reads no table is recomputed from formulas alone, unless its numbers are our own."""
    if claim.measured_by:
        return "measured"
    return "published" if claim.tables else "formula"


def _baselines(finding: Finding) -> tuple[Table, ...]:
    if not finding.baselines:
        return ()
    columns = (Column("baseline"), Column(finding.quantity, finding.unit), Column("low"), Column("high"))
    rows = tuple((b.name, b.value, *(b.interval or (None, None))) for b in finding.baselines)
    return (Table("The same for what knows nothing of the claim", columns, rows),)


def _method(claim: Claim) -> Table:
    steps = {"published in": claim.published_in, "data": claim.data, "filter": claim.filter, "formula": claim.formula}
    return table("How it is recomputed", "step | what", (*steps.items(), ("verdict", claim.verdict_rule)))


def _published(finding: Finding) -> str:
    return with_unit(number(finding.published), finding.unit)


def _recomputed(finding: Finding) -> str:
    if finding.value is None:
        return number(None)
    text = with_unit(number(finding.value), finding.unit)
    return text if finding.interval is None else f"{text} {ends_in_words(*finding.interval)}"


def _missing(entry: Entry) -> str:
    return f"these raw files are missing: {few(entry.missing, 3)}."


def _changed(entry: Entry) -> tuple[str, ...]:
    if not entry.changed:
        return ()
    return (f"Raw files that differ from the published ones went into {entry.claim.id}: {few(entry.changed, 3)}.",)


def list_report(claims: Sequence[Claim]) -> Report:
    """What the claims state and where, without recomputing any."""
    return Report(
        title="The published claims",
        verdict=f"{len(claims)} claims can be recomputed.",
        tables=(
            table(
                "Claims",
                "claim | subject | statement | published in",
                [(c.id, c.subject, c.statement, c.published_in) for c in claims],
            ),
        ),
        next_steps=(Step("claims", {}, "Recompute them all"), Step("claims", {"ids": ["ID"]}, "Recompute one")),
        data={"claims": [{"id": c.id, "subject": c.subject, "statement": c.statement} for c in claims]},
    )
