"""An evaluation as a Report: which budget is enough, by which method, and what every method costs at every budget."""

from __future__ import annotations

from ropescope.compress.evaluate.results import summary
from ropescope.compress.evaluate.results.figures import figures
from ropescope.compress.evaluate.results.result import Times, TradeoffResult
from ropescope.compress.evaluate.results.retrieved import WHOLE, grouped, shares
from ropescope.compress.evaluate.results.summary import Knee, Recommended
from ropescope.network.type_words import number_type_fact
from ropescope.quality.intervals import Interval
from ropescope.report.report import Basis, Column, Fact, Report, Scalar, Step, Table

REFERENCE = "uniform window"
"""The null of every other method; without it the first method is the reference."""
_PLANS = {"planned": {}, "planned windows": {"windows_only": True}, REFERENCE: {"uniform": True}}
"""Methods that `compress plan` makes, with the input that it needs."""


def tradeoff_report(result: TradeoffResult, *, limit: float = 0.01, kept_in: str | None = None) -> Report:
    """The report of an evaluation for an added loss of at most `limit` (a share of the loss with the whole cache);
    `kept_in` is the file the result was saved in."""
    best = summary.recommended(result, limit)
    return Report(
        title=f"What a smaller cache costs {result.model} at {result.length:,} tokens",
        verdict=_verdict(result, best, limit),
        facts=_facts(result, best),
        tables=_tables(result, limit),
        figures=figures(result, limit),
        caveats=_caveats(result),
        next_steps=_next_steps(result, best, kept_in),
        data=result.to_dict(),
    )


def _verdict(result: TradeoffResult, best: Recommended | None, limit: float) -> str:
    n, share = len(result.texts), _percent(limit)
    if best is not None:
        return (
            f"{_percent(best.budget)} of the cache is enough with {best.method}: it adds {_shares(best.share)} to the loss of "
            f"{result.model} on {n} texts of {result.length:,} tokens, and no smaller budget that was tried stays surely "
            f"under {share}{_still_found(result, best)}."
        )
    if n == 1:
        return f"One text tells no interval, so no budget is recommended for {result.model}: evaluate on more texts."
    loss = summary.full_loss(result)
    tried = [
        (mean.high, method, budget, mean)
        for method in result.methods
        for budget, mean in zip(result.budgets, summary.added(result, method), strict=True)
        if mean is not None and mean.high is not None
    ]
    _, method, budget, mean = min(tried, key=lambda entry: entry[0])
    return (
        f"No budget that was tried keeps the added loss of {result.model} surely under {share} on {n} texts of "
        f"{result.length:,} tokens: the nearest, {method} at {_percent(budget)} of the cache, adds "
        f"{_shares(summary.scaled(mean, 1 / loss))}."
    )


def _still_found(result: TradeoffResult, best: Recommended) -> str:
    """What loss does not tell: the facts that this cache finds when it is asked after the cut."""
    after = [cell for cell in result.retrieval if cell.asked == "after"]
    kept = [cell for cell in after if (cell.method, cell.budget) == (best.method, best.budget)]
    if not kept:
        return ""
    whole = sum(cell.right for cell in after if cell.method is None)
    n = sum(cell.trials for cell in kept)
    return (
        f"; asked afterwards, it finds {sum(cell.right for cell in kept)} of {n} planted facts, the whole cache {whole}"
    )


def _facts(result: TradeoffResult, best: Recommended | None) -> tuple[Fact, ...]:
    kinds = ", ".join(f"{sum(t.kind == kind for t in result.texts)} {kind}" for kind in summary.kinds(result))
    facts = [
        Fact("texts", len(result.texts), basis="measured", source=kinds),
        Fact(
            "loss with the whole cache",
            round(summary.full_loss(result), 4),
            "nats a token",
            "measured",
            f"of the last {result.new - 1} of {result.length:,} tokens; those before are prefilled in full",
        ),
    ]
    if best is not None:
        facts.insert(0, Fact("budget to take", best.budget, "of the cache", "measured", best.method))
        facts.append(
            Fact(
                "added loss there",
                round(best.share.value, 5),
                "of the loss",
                "measured",
                "paired with the whole cache, Student's t over texts",
                _bounds(best.share),
            )
        )
    if result.named is not None:
        limit = result.named.max_loss
        source = (
            "as it was asked for"
            if limit is None
            else f"named for an added loss of {_percent(limit)}, on calibration text"
        )
        basis: Basis = "assumed" if limit is None else "measured"
        facts.append(Fact("budget the plan names", round(result.named.budget, 4), "of the cache", basis, source))
    if result.times is not None:
        facts += _time_facts(result.times)
    facts.append(number_type_fact(result.provenance, "loss in float32"))
    return tuple(facts)


def _time_facts(times: Times) -> list[Fact]:
    where = f"at {times.length:,} tokens and {_percent(times.budget)} of the cache, quartiles of"
    return [
        Fact(
            f"{name} time",
            round(middle, 3),
            "× DynamicCache's",
            "measured",
            f"{where} {count} pairs",
            (round(low, 3), round(high, 3)),
        )
        for name, (low, middle, high), count in (
            ("prefill", times.prefill, times.prefills),
            ("decode", times.decode, times.steps),
        )
    ]


def _tables(result: TradeoffResult, limit: float) -> tuple[Table, ...]:
    reference = REFERENCE if REFERENCE in result.methods else result.methods[0]
    headings = tuple(Column(_percent(budget)) for budget in result.budgets)
    tables = [
        Table(
            title="Added loss, nats a token",
            columns=(Column("method"), *headings),
            rows=tuple((name, *map(_cell, summary.added(result, name))) for name in result.methods),
            note="± half of the 95 % interval (Student's t over texts), each text paired with itself under the whole cache.",
        ),
        Table(
            title=f"Added loss less that of {reference}",
            columns=(Column("method"), *headings),
            rows=tuple(
                (name, *map(_marked, summary.against(result, name, reference)))
                for name in result.methods
                if name != reference
            ),
            note="Below zero: better. * the 95 % interval, paired over texts, excludes zero.",
        ),
        _knees(result, limit),
    ]
    if len(summary.kinds(result)) > 1:
        tables.append(_by_kind(result, headings))
    if result.retrieval:
        tables.append(_retrieval(result))
    return tuple(table for table in tables if table.rows)


def _knees(result: TradeoffResult, limit: float) -> Table:
    rows: list[tuple[Scalar, ...]] = []
    named = result.named
    for name in result.methods:
        found = summary.measured_knee(result, name, limit)
        held = [share for share in summary.held(result, name) if share is not None]
        looks = "no" if name in result.blind else "yes"
        shown = f"{_percent(min(held))} – {_percent(max(held))}" if held else ""
        off = () if named is None else ("" if found is None or found.edge else _points(named.budget - found.budget),)
        rows.append((name, looks, shown, *_knee(found), *off))
    columns = ("method", "looks at the text", "really held", "knee", "95 % interval")
    return Table(
        title=f"Where the sweep comes down to {_percent(limit)} of the loss",
        columns=tuple(map(Column, columns if named is None else (*columns, "named less knee"))),
        rows=tuple(rows),
        note=(
            "By straight lines between budgets, after the means over texts were made monotone; the interval by resampling "
            "texts. really held: bytes of the whole cache, in the mean over the scored tokens, sinks included."
        ),
    )


def _knee(found: Knee | None) -> tuple[str, str]:
    if found is None:
        return "", ""
    before = {"below": "≤ ", "above": "> "}.get(found.edge, "")
    bounds = "" if found.low is None or found.high is None else f"{_percent(found.low)} – {_percent(found.high)}"
    return before + _percent(found.budget), bounds


def _by_kind(result: TradeoffResult, headings: tuple[Column, ...]) -> Table:
    rows = tuple(
        (kind, name, *map(_cell, summary.added(result, name, kind=kind)))
        for kind in summary.kinds(result)
        for name in result.methods
    )
    return Table("Added loss by kind of text", (Column("kind"), Column("method"), *headings), rows)


def _retrieval(result: TradeoffResult) -> Table:
    rows: list[tuple[Scalar, ...]] = []
    for (task, asked, method), cells in grouped(result, "task", "asked", "method").items():
        by_budget = [[cell for cell in cells if cell.budget == budget] for budget in result.budgets]
        if method is None:
            by_budget = [cells for _ in result.budgets]
        rows.append((task, asked, method or WHOLE, *(_found(shares(found)) if found else "" for found in by_budget)))
    rows.sort(key=lambda row: (str(row[0]), str(row[1])))
    columns = (Column("task"), Column("asked"), Column("method"), *(Column(_percent(b)) for b in result.budgets))
    n = max(
        sum(cell.trials for cell in cells) for cells in grouped(result, "task", "asked", "method", "budget").values()
    )
    return Table(
        title="Planted facts still found",
        columns=columns,
        rows=tuple(rows),
        note=(
            f"Of {n} questions each, with Wilson's 95 % interval; guessing finds 10 %. asked: before the cut, so that methods "
            "which look at the text see the question, or after it."
        ),
    )


def _caveats(result: TradeoffResult) -> tuple[str, ...]:
    caveats = []
    if result.partial:
        caveats.append("Not everything was finished: `resume` scores the rest.")
    if any("(restated)" in name for name in result.methods):
        caveats.append(
            "Methods marked (restated) were written anew from their papers; their authors' code is in kvpress."
        )
    if not result.retrieval:
        caveats.append("Loss on running text asks little of far tokens: `needle` asks for single facts.")
    caveats.append("Other text, lengths and types may need more or less; your own text is scored with `text`.")
    return tuple(caveats)


def _next_steps(result: TradeoffResult, best: Recommended | None, kept_in: str | None) -> tuple[Step | str, ...]:
    steps: list[Step | str] = []
    if best is not None and best.method in _PLANS:
        share, source = _percent(best.budget, space=""), result.provenance.get("source", "SOURCE")
        given = {"source": source, **_PLANS[best.method], "budget": share, "length": result.length, "out": "plan.json"}
        steps.append(Step("compress plan", given, "Make that plan"))
    elif best is not None and best.method != "the plan":
        steps.append(
            f"{best.method.removesuffix(' (restated)')} is carried out by kvpress: pip install 'ropescope[peers]'."
        )
    if kept_in is None:
        steps.append("Keep the numbers: add `out`.")
    return tuple(steps)


def _cell(interval: Interval | None) -> str:
    if interval is None:
        return ""
    half = "" if interval.high is None else f" ± {interval.high - interval.value:.3f}"
    return f"{interval.value:.3f}".replace("-", "−") + half


def _marked(interval: Interval | None) -> str:
    if interval is None or interval.low is None or interval.high is None:
        return _cell(interval)
    return _cell(interval) + ("" if interval.low <= 0 <= interval.high else " *")


def _found(interval: Interval) -> str:
    return f"{interval.value:.0%} ({interval.low:.0%} – {interval.high:.0%})"


def _shares(interval: Interval) -> str:
    said = f"{100 * interval.value:.2f} %"
    if interval.low is not None and interval.high is not None:
        said += f" (95 % interval {100 * interval.low:.2f} … {100 * interval.high:.2f} %)"
    return said.replace("-", "−")


def _bounds(interval: Interval) -> tuple[float, float] | None:
    if interval.low is None or interval.high is None:
        return None
    return round(interval.low, 5), round(interval.high, 5)


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f} points".replace("-", "−")


def _percent(share: float, *, space: str = " ") -> str:
    return f"{100 * share:.3g}{space}%"
