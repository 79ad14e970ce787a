"""The tables of published scores: those of one model, its reasoning gap, rows of models near it, and all of a benchmark."""

from __future__ import annotations

from ropescope.evidence.tables import table
from ropescope.published.benchmarks import BENCHMARKS, LONGBENCH, RULER, Benchmark, Row, rows
from ropescope.published.changes import DROP_FORMULA, Gap, interval, place, relative_changes
from ropescope.published.lookup import Lookup
from ropescope.report.dated import dated
from ropescope.report.report import Table


def score_table(row: Row) -> Table:
    """The scores of a row by length, with their interval, their change and their place."""
    mark, changes = row.benchmark, relative_changes(row)
    lines = []
    for column, score in zip(mark.columns, row.scores, strict=True):
        if score is None:
            continue
        where = place(row, column)
        standing = None if where is None else f"{where[0]} of {where[1]}"
        low, high = interval(row, column) or (None, None)
        line = (column, score, low, high, changes.get(column), standing, row.claims(column))
        lines.append(line if mark.by_length else (*line[:4], standing))
    known = [n for n in row.samples if n]
    sampling = (
        f"Low, high: 95 % sampling interval ({' and '.join(f'{n:,}' for n in dict.fromkeys(known))} samples), at its widest."
        if known
        else "The source does not say how many samples stand behind a score, so no interval is given."
    )
    change = {"RULER": f" Drop: {DROP_FORMULA}."}.get(mark.name, f" Drop: from the {mark.base}." if mark.base else "")
    old = f" ({dated(row.source_date)})" if dated(row.source_date) else ""
    head = "length | score [%] :.1f | low :.1f | high :.1f | drop :+.1% | place | within claim"
    return table(
        f"{mark.name} score of {row.title}",
        head if mark.by_length else "class of length | score [%] :.1f | low :.1f | high :.1f | place",
        lines,
        note=f"Scores: {row.origin}{old}.{change} {sampling} Place: by score in the table of the benchmark ({mark.as_of}).",
    )


def gap_table(gaps: tuple[Gap, ...]) -> Table:
    """RULER and NoLiMa at each length that both have."""
    return table(
        "Reasoning gap: RULER against NoLiMa at the same length",
        "length | RULER [%] :.1f | NoLiMa [%] :.1f | gap [points] :.1f | low :.1f | high :.1f | RULER kept :.0% | NoLiMa kept :.0%",
        ((gap.length, gap.literal, gap.latent, gap.points, *(gap.interval or (None, None)), *gap.kept) for gap in gaps),
        note="Kept: the share of its own score at short length. Low, high: 95 %, from the sampling of prompts only.",
    )


def near_table(found: Lookup) -> Table | None:
    """Rows of models that are not the one asked for, and how these differ; None without any."""
    items = [item for mark in BENCHMARKS for item in found.near[mark.name]]
    if not items:
        return None
    return table(
        "Near, but another model",
        "benchmark | published model | how it differs | scores | run by | source | date",
        (
            (row.benchmark.name, row.title, difference, _ends(row), row.run_by, row.citation, row.source_date)
            for row, difference in ((item.row, item.difference) for item in items)
        ),
        note="None of these scores is of the model that you asked for.",
    )


def _ends(row: Row) -> str:
    """`95.5 at 4K, 77 at 128K`, or the overall score."""
    if row.benchmark is LONGBENCH:
        return f"{row.score('overall'):g} overall"
    return ", ".join(f"{row.score(column):g} at {column}" for column in dict.fromkeys((row.scored[0], row.longest)))


def all_table(mark: Benchmark) -> Table:
    """Every row of a benchmark."""
    shown = tuple(mark.columns)
    last = mark.columns[-1]
    unit = " :.1f" if mark.by_length else " [%] :.1f"
    drop = f" | drop at {last} :+.1%" if mark.by_length else ""
    return table(
        f"{mark.name} score by {'length' if mark.by_length else 'class of length'}",
        "model | claimed | " + " | ".join(f"{column}{unit}" for column in shown) + f"{drop} | run by | source | date",
        (
            (
                row.title,
                row.claimed_length,
                *row.scores,
                *((relative_changes(row).get(last),) if mark.by_length else ()),
                row.run_by,
                row.citation,
                row.source_date,
            )
            for row in rows(mark)
        ),
        note=f"Percent. {'Drop: ' + (DROP_FORMULA if mark is RULER else f'from the {mark.base}') + '.' if mark.by_length else ''}",
        limit=None if mark is RULER else 12,
    )
