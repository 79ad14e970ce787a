"""What languages cost, as a Report: the premium in the first line, a row for each language and tokenizer, and a figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ropescope.checks.reading.tokens.costs import Cost
from ropescope.checks.reading.tokens.counting import Closed, Tokenizer
from ropescope.checks.reading.tokens.figure import premium_figure
from ropescope.checks.reading.tokens.parallel import ADDRESS, ParallelText
from ropescope.quality.intervals import Interval
from ropescope.report.numbers import interval as ends
from ropescope.report.report import Column, Fact, Report, Scalar, Table


def tokens_report(
    text: ParallelText,
    base: str | None,
    counting: Sequence[Tokenizer],
    closed: Sequence[Closed],
    costs: Sequence[Cost],
    context: int | None = None,
    price: float | None = None,
) -> Report:
    """What each language of `text` costs by each tokenizer; `price` is of a million tokens."""
    ordered = _ordered(costs)
    baseline = None if base is None else text.names[base]
    return Report(
        title=f"{text.what} · {', '.join(one.name for one in counting) or 'no tokenizer'} · {_extent(text, costs)}",
        verdict=_verdict(text, baseline, ordered, closed),
        facts=(
            *(Fact(f"vocabulary of {one.name}", one.vocab_size, "tokens", "config", one.source) for one in counting),
        ),
        tables=tuple(filter(None, (_table(text, baseline, ordered, context, price),))),
        figures=(premium_figure(text, baseline, ordered),) if baseline is not None and len(ordered) > 1 else (),
        caveats=(*(f"Not known: {_why_closed(one)}" for one in closed if counting), *_caveats(text, baseline, ordered)),
        data={
            "text": text.what,
            "unit": text.unit,
            "baseline": base,
            "costs": [_data(one, text, context, price) for one in costs],
            "not_known": {one.name: _why_closed(one) for one in closed},
        },
    )


def _extent(text: ParallelText, costs: Sequence[Cost]) -> str:
    if not costs:
        return text.unit
    numbers = {len(one.counts) for one in costs}
    unit = text.unit.removesuffix("s") if numbers == {1} else text.unit
    return f"{min(numbers)} {unit}" if len(numbers) == 1 else f"{min(numbers)} to {max(numbers)} {unit}"


def _verdict(text: ParallelText, baseline: str | None, ordered: Sequence[Cost], closed: Sequence[Closed]) -> str:
    if not ordered:
        return f"Not known: {' '.join(_why_closed(one) for one in closed)}"
    if baseline is None:
        return _between_tokenizers(ordered)
    dearest, least = max(ordered, key=_premium), min(ordered, key=_premium)
    name = text.names[dearest.language]
    times = f"{_times(dearest.premium)} the tokens of {baseline}{_ends(dearest.premium)} by {dearest.tokenizer}"
    if dearest is least:
        return f"{name} takes {times}: a context window holds {_share(dearest)} as much text."
    if len({one.language for one in ordered}) == 1:
        return f"{name} takes {times}, and {_times(least.premium)}{_ends(least.premium)} by {least.tokenizer}."
    return (
        f"{name} is the dearest: {times}, so a context window holds {_share(dearest)} as much text. "
        f"{text.names[least.language]} by {least.tokenizer} is the cheapest: {_times(least.premium)}."
    )


def _ordered(costs: Sequence[Cost]) -> list[Cost]:
    """By language, the dearest first; within a language as the tokenizers were given."""
    most: dict[str, float] = {}
    for one in costs:
        most[one.language] = max(most.get(one.language, 0.0), _premium(one))
    return sorted(costs, key=lambda one: -most[one.language])


def _premium(one: Cost) -> float:
    return one.premium.value if one.premium is not None else 0.0


def _share(one: Cost) -> str:
    return f"{100 / _premium(one):.0f} %"


def _between_tokenizers(costs: Sequence[Cost]) -> str:
    first, *others = costs
    if not others:
        each = first.n_bytes / first.n_tokens if first.n_tokens else 0
        return f"The text takes {first.n_tokens:,} tokens by {first.tokenizer}, {each:.2f} bytes a token."
    least = min(costs, key=lambda one: one.n_tokens)
    if least is first:
        least = min(others, key=lambda one: one.n_tokens)
    ratio = least.against
    assert ratio is not None
    told = f"{least.tokenizer} takes {_times(ratio)} the tokens of {first.tokenizer} on this text{_ends(ratio)}"
    if ratio.low is None or ratio.high is None or ratio.low == ratio.high == 1 or not ratio.low <= 1 <= ratio.high:
        return f"{told}."
    half, away = (ratio.high - ratio.low) / 2, abs(ratio.value - 1)
    more = f"about {(half / away) ** 2:,.0f} times as much text" if away > half / 30 else "far more text"
    return f"Undecided: {told}; {more} of this kind would decide."


def _times(found: Interval | None) -> str:
    return "" if found is None else f"{found.value:.{2 if found.value < 10 else 1}f} times"


def _ends(found: Interval | None) -> str:
    return "" if found is None or found.low is None or found.high is None else f" {ends(found.low, found.high)}"


def _why_closed(one: Closed) -> str:
    return f"The tokenizer of {one.name} is not published; {one.instead} ({one.vendor})."


def _table(
    text: ParallelText, baseline: str | None, ordered: Sequence[Cost], context: int | None, price: float | None
) -> Table | None:
    if not ordered:
        return None
    columns = [
        Column("language"),
        Column("tokenizer"),
        Column("tokens", "", ",d"),
        Column("bytes a token", "", ".2f"),
        Column("premium", "×", ".2f"),
        Column("low", "", ".2f"),
        Column("high", "", ".2f"),
        Column(f"vs {ordered[0].tokenizer}", "×", ".2f"),
        Column(f"of {context:,} tokens" if context else "window", "", ",d"),
        Column("price", "a million", ",.3f"),
    ]
    rows = [_row(one, text, context, price) for one in ordered]
    kept = [place for place in range(len(columns)) if any(row[place] is not None for row in rows)]
    return Table(
        "Tokens by language and tokenizer",
        tuple(columns[place] for place in kept),
        tuple(tuple(row[place] for place in kept) for row in rows),
        note=_note(
            text, baseline, context, price, ordered[0].tokenizer if any(one.against for one in ordered) else None
        ),
    )


def _row(one: Cost, text: ParallelText, context: int | None, price: float | None) -> tuple[Scalar, ...]:
    premium, against = one.premium, one.against
    return (
        text.names[one.language],
        one.tokenizer,
        one.n_tokens,
        one.n_bytes / one.n_tokens if premium is None and one.n_tokens else None,
        None if premium is None else premium.value,
        None if premium is None else premium.low,
        None if premium is None else premium.high,
        None if against is None else against.value,
        _effective(one, context),
        _price(one, price),
    )


def _effective(one: Cost, context: int | None) -> int | None:
    """The tokens of the baseline language whose text a window of `context` tokens holds in this one."""
    return None if context is None or one.premium is None or not one.premium.value else int(context / one.premium.value)


def _price(one: Cost, price: float | None) -> float | None:
    """What the text of a million tokens of the baseline costs in this language."""
    return None if price is None or one.premium is None else price * one.premium.value


def _note(text: ParallelText, baseline: str | None, context: int | None, price: float | None, first: str | None) -> str:
    said = [
        "Tokens: without special ones.",
        *([f"vs {first}: tokens / tokens of {first} on the same text."] if first else []),
    ]
    if baseline is not None:
        said.append(
            f"Premium: tokens / tokens of {baseline} in the same {text.unit}; low, high: 95 %, by bootstrap over them."
        )
        if context is not None:
            said.append(f"Of {context:,} tokens: a window of that size holds the text of so many tokens of {baseline}.")
        if price is not None:
            said.append(f"Price: of the text that a million tokens hold in {baseline}.")
    return " ".join(said)


def _caveats(text: ParallelText, baseline: str | None, costs: Sequence[Cost]) -> Iterator[str]:
    for one in costs:
        if one.unknown:
            yield (
                f"{one.tokenizer} does not know {one.unknown:,} pieces of {text.names[one.language]}: that text is lost, and its "
                "count is too low."
            )
    if baseline is not None and any(one.premium is not None and one.premium.low is None for one in costs):
        yield f"Fewer than 5 {text.unit} correspond, so there is no interval."
    if baseline is not None and text.unit == "articles":
        yield "The text is legal prose of some 1,400 words; the interval does not cover other kinds of text."
        yield f"Translations of the declaration carry no licence: they are read from the package ({ADDRESS}) and not shipped."


def _data(one: Cost, text: ParallelText, context: int | None, price: float | None) -> dict[str, Any]:
    premium, against = one.premium, one.against
    return {
        "tokenizer": one.tokenizer,
        "language": one.language,
        "name": text.names[one.language],
        "parts": len(one.counts),
        "tokens": one.n_tokens,
        "bytes": one.n_bytes,
        "unknown": one.unknown,
        "premium": None if premium is None else premium.value,
        "premium_ci": None if premium is None or premium.low is None else [premium.low, premium.high],
        "against_first": None if against is None else against.value,
        "against_first_ci": None if against is None or against.low is None else [against.low, against.high],
        "effective_context": _effective(one, context),
        "price_of_a_baseline_million": _price(one, price),
    }
