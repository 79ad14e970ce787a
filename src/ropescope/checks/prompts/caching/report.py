"""The prompt cache as a Report: what the edit costs, where it begins, what is cached, and from how many requests on it pays."""

from __future__ import annotations

import math
from typing import Any

from ropescope.checks.prompts.caching.blocks import Prompt
from ropescope.checks.prompts.caching.case import Case
from ropescope.checks.prompts.caching.cost import Range
from ropescope.checks.prompts.caching.figures import cost_figure, prefix_figure
from ropescope.questions.durations import written
from ropescope.report.report import Column, Fact, Report, Table

SHOWN = 20
"""Characters shown of each side of a change."""


def case_report(case: Case) -> Report:
    """What `case` says, for people and as data."""
    figures = (cost_figure(case), *((prefix_figure(case),) if case.after is not None else ()))
    return Report(
        title=f"{(case.after or case.before).model} · {case.requests:,} requests, one every {written(case.gap_seconds)}",
        verdict=_verdict(case),
        facts=_facts(case),
        tables=(_block_table(case),),
        figures=figures,
        caveats=_caveats(case),
        next_steps=_next_steps(case),
        data=_data(case),
    )


def money(amount: float) -> str:
    """`$3.00`, `$0.3345`: dollars with four digits, and at least two decimals."""
    if amount >= 1 or amount == 0:
        return f"${amount:,.2f}"
    text = f"{amount:.{min(3 - math.floor(math.log10(amount)), 12)}f}".rstrip("0")
    return f"${text}{'0' * max(0, 2 - len(text.partition('.')[2]))}"


def _sum(cost: Range) -> str:
    return f"{money(cost.low)} to {money(cost.high)}" if cost.open else money(cost.high)


def _verdict(case: Case) -> str:
    model = (case.after or case.before).model
    if case.unsure:
        return (
            f"Undecided: the prompt takes about {case.sent_after.tokens:,} tokens by an estimate, and {model} caches from "
            f"{case.rule.minimum_tokens:,}: give `tokens` or `tokenizer`."
        )
    without = money(case.sent_after.uncached() * case.requests)
    if not case.sent_after.entries:
        return f"Nothing is cached: {_why_nothing(case)}. {case.requests:,} requests cost {without}."
    if case.after is None:
        pays = case.sent.pays_from(case.gap_seconds)
        when = "it never pays" if pays is None else f"it pays from request {pays:,} on"
        if case.hit is False:
            when = f"no request finds the entry of the one before, {written(case.gap_seconds)} earlier"
        return f"{case.requests:,} requests cost {_sum(case.run_before)} with the prompt cache and {without} without: {when}."
    n, before, after = f"{case.requests:,}", _sum(case.run_before), _sum(case.run_after)
    cost = f"{n} requests cost {before} before and {after} after it ({without} uncached)."
    if case.change is not None and case.written_again and case.hit is not False:
        each = _sum(case.run_changing)
        cost = f"If every request differs there, {n} requests cost {each}, not {after} ({without} uncached)."
    return f"{_edit(case)} {cost}"


def _edit(case: Case) -> str:
    change, cached = case.change, case.sent_after.cached_tokens
    if case.hit is False:
        return f"The edit costs nothing more: requests come {written(case.gap_seconds)} apart, and each writes the cache again."
    if change is None:
        return "The edit costs nothing: the cache sees no difference."
    if not case.written_again:
        return f"The edit costs nothing: {change.place} comes after the {cached:,} cached tokens."
    where = change.place if change.kind != "changed" else f"{change.place}, character {change.character:,},"
    again = f"{case.written_again:,} of {cached:,} cached tokens are written again"
    return f"The edit at {where} costs {_sum(case.edit_once)} once: {again}."


def _why_nothing(case: Case) -> str:
    if not case.marked:
        name = "prompt_cache_breakpoint" if case.rule.provider == "openai" else "cache_control"
        return f"no block has a {name} marker"
    return f"the prefix is shorter than the {case.rule.minimum_tokens:,} tokens that {(case.after or case.before).model} caches"


def _facts(case: Case) -> tuple[Fact, ...]:
    rule, counter, prices = case.rule, case.counter, case.sent_after.prices
    model = (case.after or case.before).model
    found = []
    if case.change is not None:
        change = case.change
        before, now = (f"“{change.ahead}{text[:SHOWN]}”" for text in (change.before, change.after))
        shown = f"{before} → {now}" if change.kind in ("changed", "setting") else change.kind
        found.append(Fact("first change", f"{change.place}, character {change.character:,}", "", "config", shown))
    if case.after is not None:
        found += [
            Fact("tokens before", case.sent.tokens, "tokens", counter.basis, counter.source),
            Fact(
                "still read", case.read_tokens, "tokens", counter.basis, "from entries of the request before the edit"
            ),
            Fact("written again", case.written_again, "tokens", counter.basis, "by the first request after the edit"),
        ]
    lifetimes = " and ".join(dict.fromkeys(str(entry.lifetime) for entry in case.sent_after.entries))
    date = f"since {prices.date}" if prices.date else "not dated" if prices.basis == "published" else ""
    found += [
        Fact("tokens", case.sent_after.tokens, "tokens", counter.basis, counter.source),
        Fact(
            "cached prefix", case.sent_after.cached_tokens, "tokens", counter.basis, f"{rule.provider}: {rule.matching}"
        ),
        Fact(
            "minimum",
            rule.minimum_tokens,
            "tokens",
            "assumed" if rule.minimum_given else "published",
            "as given" if rule.minimum_given else f"{model}; {rule.cited}",
        ),
        *(
            (Fact("lifetime", lifetimes, "", "published", f"after the last write or read; {rule.cited}"),)
            if lifetimes
            else ()
        ),
        Fact("input price", prices.input, "$/M tokens", prices.basis, prices.source, note=date),
        Fact("write price", _write_price(case), "$/M tokens", prices.basis, prices.source, note=date),
        Fact("read price", prices.read, "$/M tokens", prices.basis, prices.source, note=date),
    ]
    for name, cost, source in _costs(case):
        interval = (cost.low, cost.high) if cost.open else None
        found.append(Fact(name, cost.high, "$", "formula", source, interval, "at most" if cost.open else ""))
    pays = case.sent_after.pays_from(case.gap_seconds)
    found.append(
        Fact("pays from", pays or "never", "requests" if pays else "", "formula", "write + (N − 1) · read < N · input")
    )
    return tuple(found)


def _write_price(case: Case) -> float:
    prices = case.sent_after.prices
    return max((prices.write_for(entry.lifetime.name) for entry in case.sent_after.entries), default=prices.write)


def _costs(case: Case) -> list[tuple[str, Range, str]]:
    """(name, cost, what it is) of each amount, input tokens only."""
    n, formula = case.requests, "write + (N − 1) · read + N · the rest"
    without = case.sent_after.uncached() * n
    found = [(f"{n:,} requests uncached", Range(without, without), "N · tokens · input price")]
    if case.after is None:
        return [(f"{n:,} requests", case.run_before, formula), *found]
    return [
        ("the edit, once", case.edit_once, "the first request after the edit against those that follow"),
        (f"{n:,} requests before", case.run_before, formula),
        (f"{n:,} requests after", case.run_after, formula),
        (
            f"{n:,} requests, each edited there",
            case.run_changing,
            "every request differs from the last where the edit begins",
        ),
        *found,
    ]


def _block_table(case: Case) -> Table:
    prompt = case.after or case.before
    ends, cached = case.counter.ends(prompt), case.sent_after.cached_tokens
    marks = {entry.end: entry.lifetime.name for entry in case.sent_after.entries if entry.end is not None}
    rows, start = [], 0
    for at, (block, end) in enumerate(zip(prompt.blocks, ends, strict=True)):
        changed = case.change is not None and at == case.change.index
        if not block.setting or changed:
            state = (
                "not cached"
                if end > cached
                else "read"
                if case.after is None or end <= case.read_tokens
                else "written again"
            )
            rows.append(
                (
                    block.place,
                    block.kind,
                    "change" if changed else "",
                    None if block.setting else end - start,
                    end,
                    state,
                    marks.get(at),
                )
            )
        start = end
    columns = (
        Column("block"),
        Column("kind"),
        Column("edit"),
        Column("tokens", "", ",d"),
        Column("up to here", "", ",d"),
        Column("cache"),
        Column("entry ends"),
    )
    return Table("The prompt in the order in which it is cached", columns, tuple(rows), limit=24)


def _caveats(case: Case) -> tuple[str, ...]:
    prompt, prices = case.after or case.before, case.sent_after.prices
    skipped = [block.kind.rpartition(" ")[2] for block in prompt.blocks if not block.setting and not block.counted]
    found = ["Input tokens only: output tokens cost the same with and without a cache."]
    if case.counter.basis == "assumed":
        found.append("Tokens are an estimate; a prompt's real count may differ by half.")
    if skipped:
        found.append(
            f"Not counted: {len(skipped)} blocks ({', '.join(sorted(set(skipped)))}), whose tokens do not follow from text."
        )
    if prices.basis == "published" and not prices.date:
        found.append(f"The prices are not dated: {prices.source} gives no day from which they hold.")
    if case.sent_after.run(2, case.gap_seconds).open:
        found.append(
            f"The provider leaves open whether an entry still lives after {written(case.gap_seconds)}: the low amounts assume that "
            "it does, the high ones that it does not."
        )
    if case.change is not None and case.change.kind == "setting":
        found.append(
            f"{case.change.place} is part of what the cached prefix depends on, though it is no text of the prompt."
        )
    if prompt.options.get("previous_response_id") or prompt.options.get("conversation"):
        found.append(
            "The request continues a stored conversation, whose earlier turns are not in the file and not counted."
        )
    if case.rule.matching == "tokens":
        found.append(
            "On models before GPT-5.6 the minimum varies with the request's settings, and above about 15 requests a minute some "
            "requests miss the cache."
        )
    found.append("Requests that start before the first response begins find no entry, and write their own.")
    return tuple(found)


def _next_steps(case: Case) -> tuple[str, ...]:
    if not case.marked:
        return ("Mark the end of what stays the same, and compare again: the provider caches up to a marker only.",)
    if case.change is not None and case.written_again and case.hit is not False:
        marker = "prompt_cache_breakpoint" if case.rule.matching == "message ends" else "marker"
        if case.rule.matching == "tokens":
            return (f"If {case.change.place} differs in every request, move it after what stays the same.",)
        return (
            f"If {case.change.place} differs in every request, put it after what stays the same, with a {marker} in between.",
        )
    if case.hit is False and case.rule.write_1h is not None and case.gap_seconds <= 3600:
        return ("Ask again with `lifetime` 1h: such entries cost more to write and outlive the gap.",)
    return ()


def _data(case: Case) -> dict[str, Any]:
    change, prices = case.change, case.sent_after.prices

    def costs(prompt: Prompt | None, cost: Range) -> list[float] | None:
        return None if prompt is None else [cost.low, cost.high]

    return {
        "api": case.before.api,
        "model": (case.after or case.before).model,
        "first_change": None
        if change is None
        else {"block": change.place, "character": change.character, "kind": change.kind},
        "tokens": {"before": case.sent.tokens, "after": case.sent_after.tokens, "basis": case.counter.basis},
        "cached_tokens": {"before": case.sent.cached_tokens, "after": case.sent_after.cached_tokens},
        "read_tokens": case.read_tokens,
        "written_again_tokens": case.written_again,
        "minimum_tokens": case.rule.minimum_tokens,
        "rule": {"source": case.rule.source, "date": case.rule.date},
        "lifetime_hit": case.hit,
        "undecided": case.unsure,
        "prices_per_million": {
            "input": prices.input,
            "write": _write_price(case),
            "read": prices.read,
            "source": prices.source,
            "since": prices.date or None,
        },
        "requests": case.requests,
        "gap_seconds": case.gap_seconds,
        "pays_from_requests": case.sent_after.pays_from(case.gap_seconds),
        "dollars": {
            "uncached": case.sent_after.uncached() * case.requests,
            "before": costs(case.before, case.run_before),
            "after": costs(case.after, case.run_after),
            "edit_once": costs(case.after, case.edit_once),
            "edited_each_time": costs(case.after, case.run_changing),
        },
    }
