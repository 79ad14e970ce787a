"""The facts of a model's published scores: where they start, how far they fall, to what length they hold."""

from __future__ import annotations

from ropescope.published.benchmarks import LONGBENCH, NOLIMA, RULER, Row, tokens
from ropescope.published.changes import (
    DROP_FORMULA,
    base_score,
    effective_length,
    interval,
    mean_change,
    relative_changes,
)
from ropescope.published.lookup import Lookup
from ropescope.report.dated import dated
from ropescope.report.report import Fact

MEAN_FROM = ("16K", "32K", "64K", "128K")
"""The lengths whose mean drop the published tool calls LongScore."""


def facts_of(row: Row) -> list[Fact]:
    """What a row says: its base, how far the scores change, and its effective length."""
    mark, source, old = row.benchmark, row.origin, dated(row.source_date)
    name = f"{mark.name}{f' ({row.setting})' if row.setting else ''}: "
    if mark is LONGBENCH:
        return [Fact(name + "overall", row.score("overall"), "%", "published", source, interval(row, "overall"), old)]
    found = []
    if mark is RULER:
        found.append(Fact(name + "claimed length", row.claimed_length, basis="published", source=source, note=old))
    if mark.threshold is not None:
        found.append(_effective(row, name))
    if (base := base_score(row)) is not None:
        found.append(Fact(name + mark.base, round(base, 4), "%", "published", source, note=old))
    last, changes = row.longest, relative_changes(row)
    if mark is not RULER:
        change = changes.get(last)
        if change is not None:
            found.append(
                Fact(f"{name}change at {last}", round(100 * change, 1), "%", "formula", f"of the {mark.base}", note=old)
            )
        return found
    derived = f"{DROP_FORMULA}, from the published scores"
    given = {column: changes[column] for column in MEAN_FROM}
    claimed = [drop for column, drop in given.items() if row.claims(column)]
    if (mean := mean_change(tuple(given.values()))) is not None:
        found.append(Fact(f"{name}mean drop, 16K to 128K", round(mean, 4), basis="formula", source=derived))
    if len(claimed) < len(given) and (mean := mean_change(claimed)) is not None:
        longest = [column for column in given if row.claims(column)][-1]
        found.append(
            Fact(f"{name}mean drop, 16K to {longest}", round(mean, 4), basis="formula", source="claimed lengths only")
        )
    return found


def _effective(row: Row, name: str) -> Fact:
    mark, by_rule = row.benchmark, effective_length(row)
    stated = row.effective_length
    rule = (
        f"the longest that scores above {mark.threshold:g} % of the {mark.base}"
        if mark.of_base
        else f"the longest that scores above Llama-2-7b-chat at 4K ({mark.threshold})"
    )
    as_stated = stated.upper() in ("", by_rule)
    return Fact(
        name + "effective length",
        stated or by_rule,
        basis="published" if stated else "formula",
        source=f"{row.origin}: {rule}",
        note=dated(row.source_date) if as_stated else f"stated so, but by this rule its scores give {by_rule}",
    )


def gap_fact(found: Lookup) -> Fact:
    """The gap at the longest length up to 32K that both benchmarks have, or that it is not known."""
    at = [gap for gap in found.gaps if tokens(gap.length) <= tokens("32K")]
    if not at:
        missing = " and ".join(mark.name for mark in (RULER, NOLIMA) if found.row(mark) is None) or "a length of both"
        return Fact("reasoning gap", "not known", "", "published", f"missing: {missing}")
    gap = at[-1]
    return Fact(
        f"reasoning gap at {gap.length}",
        round(gap.points, 1),
        "points",
        "formula",
        f"RULER {gap.literal:g} − NoLiMa {gap.latent:g}: right answers lost where no word of the question is in the text",
        gap.interval,
    )
