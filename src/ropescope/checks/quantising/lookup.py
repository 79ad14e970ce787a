"""What is published about a model in a format; of another model nothing is concluded, and the report says what to run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from ropescope.checks.quantising.figure import cost_figure
from ropescope.checks.quantising.published import (
    Cost,
    Recovery,
    costs,
    format_in,
    published_model,
    read_format,
    recoveries,
)
from ropescope.checks.serving.weights.files import exists, stored_mix
from ropescope.checks.serving.weights.precisions import is_gguf, weight_size
from ropescope.errors import RopescopeError
from ropescope.models.model import Model
from ropescope.models.opening import open as open_model
from ropescope.report.dated import dated
from ropescope.report.report import Column, Fact, Report, Step, Table

_HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
CAVEATS: Final = (
    "Perplexity and divergence are on Wikitext-2 (second half of windows of 512 tokens), without a chat: other text and "
    "longer answers may lose more.",
    "Formats of one name differ by who made the file: importance matrix, exceptions by tensor, version of llama.cpp.",
)


def lookup_report(source: str | None, revision: str | None, asked_format: str | None) -> Report:
    """The published cost of `source` (None: of every published model) in a format, with the size of the model at hand.

    Raises what opening `source` raises, where nothing is published under its name.
    """
    if source is None:
        rows = [row for row in costs() if asked_format in (None, row.format)]
        others = [one for one in recoveries() if asked_format in (None, one.format)]
        return _report("Published costs of quantisation", _all(rows, others, asked_format), rows, others, asked_format)
    model, named, unread = _opened(source, revision, asked_format)
    names = [source, *([] if model is None else [model.name, model.source.spelled])]
    form = asked_format or _format_of(source, model)
    rows = [row for row in costs() if row.model == named and form in (None, row.format)]
    found = [one for one in recoveries() if one.model == named and form in (None, one.format)]
    title = f"Quantisation of {named or (model.name if model is not None else names[0])}" + (
        f" in {form}" if form else ""
    )
    if rows or found:
        verdict = _published(rows, found, form)
        return _report(title, verdict, rows, found, form, model, source)
    near = [row for row in costs() if row.format == form] or [
        row for row in costs() if named is None or row.model == named
    ]
    verdict = _not_known(named or (model.name if model is not None else source), form, near)
    return _report(
        title, verdict, near, [one for one in recoveries() if one.format == form], form, model, source, False, unread
    )


def _opened(source: str, revision: str | None, form: str | None) -> tuple[Model | None, str | None, str]:
    """(the model at hand, the published model that it is, why its files were not read); of what is on the Hub the name tells
    enough, so that no Hub is asked for a published model, and none is needed for a format that is named."""
    named = published_model([source])
    if named is not None and not exists(source):
        return None, named, ""
    try:
        model = open_model(source, revision)
    except RopescopeError as error:
        if form is None or exists(source) or not _HUB_ID.fullmatch(source.strip()):
            raise
        return None, None, str(error)
    return model, named or published_model([model.name, model.source.spelled]), ""


def _format_of(source: str, model: Model | None) -> str | None:
    stated = format_in(source)
    if stated is None and model is not None:
        stated = format_in(model.source.name) or stored_mix(model) or None
    try:
        return None if stated is None else read_format(stated)
    except RopescopeError:
        return stated


def _published(rows: Sequence[Cost], found: Sequence[Recovery], form: str | None) -> str:
    if not rows:
        told = ", ".join(f"{one.percent:.1f} % of {one.benchmark}" for one in found if form in (None, one.format))
        one = found[0]
        return f"{one.model} in {one.format} keeps {told}, by the makers of the checkpoint ({_when(one.date)})."
    first = _plain(rows)
    if form is None:
        ends = [_plain([row for row in rows if row.format == name]) for name in ("Q8_0", "Q4_K_M", "Q2_K") if any(
            row.format == name for row in rows)]  # fmt: skip
        told = ", ".join(f"{_cost(row)} in {row.format}" for row in ends)
        what = "KL divergence" if first.kld is not None else "added perplexity"
        return f"{first.model}: {what} {told}; {len({row.format for row in rows})} formats are published ({_when(first.date)})."
    told = f"{first.model} in {first.format}: perplexity +{_pm(first.delta_ppl, first.delta_ppl_se)}"
    told += f" ({100 * first.added_share:+.1f} %)"
    if first.kld is not None:
        told += f", KL divergence {first.kld:.4f}"
    if first.same_top is not None:
        told += f", same top token {first.same_top:.2f} %"
    return f"{told} ({_when(first.date)})."


def _not_known(name: str, form: str | None, near: Sequence[Cost]) -> str:
    if form is None:
        return (
            f"Not known: nothing is published here about {name}, and its file names no format; others are in the table."
        )
    told = [_plain([row for row in near if row.model == model]) for model in dict.fromkeys(row.model for row in near)]
    words = " and ".join(f"{row.kld:.2g} on {row.model}" for row in told if row.kld is not None and row.format == form)
    published = [*((row.model, row.format) for row in costs()), *((one.model, one.format) for one in recoveries())]
    others = dict.fromkeys(has for model, has in published if model == name)
    besides = f", only in {', '.join(others)}" if others else ""
    text = f"Not known: no figure is published here for {name} in {form}{besides}"
    return f"{text}. The KL divergence of {form} is {words}." if words else f"{text}."


def _all(rows: Sequence[Cost], found: Sequence[Recovery], form: str | None) -> str:
    if form is not None and not rows and not found:
        return f"Not known: no figure is published here for {form}."
    if form is not None and rows:
        told = [
            _plain([row for row in rows if row.model == model]) for model in dict.fromkeys(row.model for row in rows)
        ]
        words = ", ".join(f"{100 * row.added_share:+.1f} % on {row.model}" for row in told)
        return f"{form} changes perplexity by {words}."
    models = dict.fromkeys([*(row.model for row in rows), *(one.model for one in found)])
    return f"Figures of {len(models)} models: {', '.join(models)}."


def _plain(rows: Sequence[Cost]) -> Cost:
    """Of several rows of a format, the one without an importance matrix."""
    return next((row for row in rows if not row.imatrix), rows[0])


def _when(date: str) -> str:
    return ", ".join(filter(None, (date, dated(date))))


def _cost(row: Cost) -> str:
    return f"{row.kld:.4f}" if row.kld is not None else f"{row.delta_ppl:+.4f}"


def _pm(value: float, error: float | None) -> str:
    return f"{value:.4f}" if error is None else f"{value:.4f} ± {error:.4f}"


def _report(
    title: str,
    verdict: str,
    rows: Sequence[Cost],
    found: Sequence[Recovery],
    form: str | None,
    model: Model | None = None,
    source: str | None = None,
    known: bool = True,
    unread: str = "",
) -> Report:
    tables = (
        *((_cost_table(rows, known),) if rows else ()),
        *((_recovery_table(found),) if found else ()),
    )
    return Report(
        title=title,
        verdict=verdict,
        facts=(*(_cost_facts(_plain(rows)) if rows and known and form and source else ()), *_size_facts(model, form)),
        tables=tables,
        figures=(cost_figure(form),),
        caveats=(
            *dict.fromkeys(f"{row.model} {row.format}: {row.note}." for row in rows if row.note),
            *CAVEATS,
            *((f"The size of {source} is not told: {unread}",) if unread else ()),
        ),
        next_steps=_steps(source, model),
        data={
            "known": bool(known and (rows or found)),
            "format": form,
            "costs": [_plain_data(row) for row in rows],
            "recoveries": [_plain_data(one) for one in found],
        },
    )


def _cost_facts(row: Cost) -> list[Fact]:
    facts = [
        Fact("added perplexity", row.delta_ppl, "", "published", row.cited, _around(row.delta_ppl, row.delta_ppl_se))
    ]
    facts.append(Fact("perplexity of the original", row.base_ppl, "", "published", row.source))
    if row.kld is not None:
        facts.append(
            Fact("KL divergence", row.kld, "nats a token", "published", row.cited, _around(row.kld, row.kld_se))
        )
    if row.same_top is not None:
        facts.append(
            Fact("same top token", row.same_top, "%", "published", row.cited, _around(row.same_top, row.same_top_se))
        )
    if row.n_tokens is not None:
        facts.append(
            Fact("tokens scored", row.n_tokens, "", "published", "564 or 655 windows of 512 tokens, 255 of each")
        )
    return facts


def _around(value: float, error: float | None) -> tuple[float, float] | None:
    """A 95 % interval from a published standard error."""
    return None if error is None else (value - 1.96 * error, value + 1.96 * error)


def _size_facts(model: Model | None, form: str | None) -> list[Fact]:
    if model is None or model.parameters is None:
        return []
    facts: list[Fact] = []
    stored = weight_size(model, "stored")
    bits = 8 * stored.n_bytes / model.parameters.total
    facts.append(Fact("weights as stored", *_memory(stored.n_bytes), stored.basis, stored.source))
    facts.append(Fact("bits a weight as stored", bits, "", stored.basis, "bytes of all tensors over all parameters"))
    if form is not None and is_gguf(form) and form != stored_mix(model):
        size = weight_size(model, form)
        facts.append(Fact(f"weights in {form}", *_memory(size.n_bytes), size.basis, size.source))
    return facts


def _memory(n_bytes: int) -> tuple[float, str]:
    return (n_bytes / 2**30, "GiB") if n_bytes >= 2**30 else (n_bytes / 2**20, "MiB")


def _cost_table(rows: Sequence[Cost], known: bool) -> Table:
    columns = (
        Column("model"), Column("format"), Column("imatrix"), Column("bits", "", ".2f"), Column("added ppl", "", "+.4f"),
        Column("share", "%", "+.1f"), Column("KL", "nats", ".4f"), Column("same top", "%", ".2f"),
    )  # fmt: skip
    values = tuple(
        (
            row.model, row.format, row.imatrix or None, row.bits, row.delta_ppl, 100 * row.added_share, row.kld, row.same_top
        )
        for row in rows
    )  # fmt: skip
    note = (
        "Bits a weight; perplexity added to that of the original, and as a share of it; KL divergence from it; share of "
        f"positions with the same top token. Source: {'; '.join(dict.fromkeys(row.cited for row in rows))} (MIT)."
    )
    return Table("Published" if known else "Published of other models", columns, values, note, limit=12)


def _recovery_table(found: Sequence[Recovery]) -> Table:
    columns = (
        Column("model"), Column("format"), Column("benchmark"), Column("kept", "%", ".1f"), Column("date"), Column("source")
    )  # fmt: skip
    values = tuple((one.model, one.format, one.benchmark, one.percent, one.date, one.source) for one in found)
    note = "By the makers of the checkpoints; above 100 % is noise of the benchmark. No intervals are published."
    return Table("Benchmarks: score as a share of the original's", columns, values, note)


def _steps(source: str | None, model: Model | None) -> tuple[Step | str, ...]:
    shown = source or "QUANTISED"
    steps: list[Step | str] = [
        Step(
            "quantisation",
            {"source": shown, "against": "ORIGINAL"},
            "Measure it: divergence, flips and loss on held-out text",
        )
    ]
    if model is not None and model.quantization is None:
        steps.append(
            Step("quantisation", {"source": shown, "rounded": "Q4_0"}, "Measure what rounding these weights would cost")
        )
    steps.append(
        "With llama.cpp: llama-perplexity -m ORIGINAL.gguf -f wiki.test.raw --kl-divergence-base base.kld; then "
        "llama-perplexity -m QUANTISED.gguf --kl-divergence-base base.kld --kl-divergence."
    )
    return tuple(steps)


def _plain_data(row: Cost | Recovery) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__}
