"""A card: what a model's files, the count of its memory, the roofline and published scores say of one use of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ropescope.checks.reading.files.tables import short_hash
from ropescope.checks.reading.layer_groups import is_wide
from ropescope.checks.serving.devices.device import GIB
from ropescope.checks.serving.fitting.fit import Fit, fit
from ropescope.checks.serving.fitting.on_devices import on_devices
from ropescope.checks.serving.inputs import HeldInputs, read_serving, refuse_unreadable
from ropescope.checks.serving.serving import MOST_SEQUENCES
from ropescope.checks.serving.speed.roofline import Pass, decode, prefill
from ropescope.errors import DomainError
from ropescope.models.model import Model
from ropescope.published.benchmarks import BENCHMARKS, RULER, Benchmark, Row, tokens
from ropescope.published.changes import effective_length, interval
from ropescope.published.lookup import Lookup, lookup
from ropescope.questions.domains import Whole
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Device, Text, Tokens
from ropescope.report.dated import dated
from ropescope.report.report import Fact, Scalar

NOT_KNOWN: Final = "not known"
_OUTCOMES: Final = {
    "fits": "yes",
    "tight": "yes, with less than 10 % to spare",
    "may fit": "may: a lower bound was counted",
    "cache-bound": "no: the cache",
    "weights-bound": "no: the weights",
}


@dataclass(frozen=True, kw_only=True)
class UseInputs:
    """What a model shall be used for: a device, a context, and how many sequences at once."""

    gpu: str | None = asked(
        Device(), "A device (4090, h100-sxm, …), its memory (24GiB), or this machine: this.", default=None, group="use"
    )
    context: int | None = asked(
        Tokens(metavar="T"),
        "Tokens a sequence, as 32k (32,768); default: what the files state.",
        default=None,
        group="use",
    )
    batch: int = asked(Whole(1, MOST_SEQUENCES), "Sequences at once.", default=1, group="use")
    precision: str = asked(
        Text(),
        "Of weights: stored, bf16, fp8, awq, Q4_K_M, …",
        default="stored",
        group="use",
        only_with=("gpu",),
    )
    engine: str | None = asked(
        Text(), "llama.cpp, ollama, vllm, sglang or transformers.", default=None, group="use", only_with=("gpu",)
    )

    def serving(self, source: str) -> HeldInputs | None:
        """The same as `fit` takes it; None without a device."""
        if self.gpu is None:
            return None
        return HeldInputs(
            source=source,
            gpu=self.gpu,
            context=self.context,
            batch=self.batch,
            precision=self.precision,
            engine=self.engine,
        )


@dataclass(frozen=True, slots=True)
class Card:
    """One model and one use of it. `context` is None where the files state none and none is asked for.

    `found` is its fit on the device, `step` and `reading` what decoding and reading a prompt take at least; each is None
    where it is not known, and `unknown` says why.
    """

    model: Model
    context: int | None
    batch: int
    found: Fit | None
    step: Pass | None
    reading: Pass | None
    evidence: Lookup
    unknown: str = ""

    @property
    def full_layers(self) -> int:
        """The layers that read every earlier token."""
        return sum(layer.kind == "full" or is_wide(self.model, layer) for layer in self.model.layers)

    @property
    def cache_bytes(self) -> int | None:
        """The cache of the whole batch: as the engine holds it, or in 16 bits where no device is named."""
        if self.found is not None:
            return self.found.demand.cache.n_bytes
        return None if self.context is None else self.batch * self.model.cache_bytes(self.context)

    @property
    def longest(self) -> int | None:
        """The most tokens that fit the device and that the files state; None where neither bounds them."""
        bounds = (None if self.found is None else self.found.longest_context, self.model.context.longest)
        return min((bound for bound in bounds if bound is not None), default=None)


def refuse_use(use: UseInputs, source: str) -> None:
    """Raise now, before a model is read, the DomainError of a device or a precision that cannot be read."""
    if (serving := use.serving(source)) is not None:
        refuse_unreadable(serving)


def card_of(model: Model, use: UseInputs, source: str) -> Card:
    """The card of `model`, which `source` named. What cannot be counted is not known on it."""
    context = use.context or model.context.longest
    evidence = lookup(model.source.repo_id or source)
    asked_for, found, step, reading, unknown = use.serving(source), None, None, None, ""
    if asked_for is not None:
        try:
            serving = read_serving(model, asked_for)
            found, context = fit(serving), serving.context_tokens
            if model.causal and found.answer is not False:
                step = decode(serving)
                reading = None if step.compute_seconds is None else prefill(serving)
        except DomainError as error:
            unknown = str(error)
    return Card(model, context, use.batch, found, step, reading, evidence, unknown)


def card_facts(card: Card) -> Iterator[Fact]:
    """The lines of a card, each with what it rests on. Models are compared by the names of these."""
    layers = f"{card.full_layers} of {len(card.model.layers)}"
    yield Fact("layers that read every token", layers, basis="config")
    yield from _memory(card)
    yield from _speed(card)
    yield from _evidence(card.evidence, card.context)
    tokenizer = card.model.tokenizer
    template = None if tokenizer is None else tokenizer.chat_template
    told = "the start of its SHA-256" if template else "the files hold none"
    yield Fact("chat template, hash", short_hash(template) if template else None, basis="config", source=told)


def _memory(card: Card) -> Iterator[Fact]:
    at = "" if card.context is None else f" at {card.context:,} tokens{f' × {card.batch:,}' if card.batch > 1 else ''}"
    found = card.found
    if card.cache_bytes is not None:
        how = (
            "in 16 bits"
            if found is None
            else f"as {found.serving.engine.name} holds it, {found.serving.cache_type.label}"
        )
        yield Fact(f"cache{at}", card.cache_bytes / GIB, "GiB", "formula", how)
    if found is None:
        if card.unknown:
            yield Fact("fits", NOT_KNOWN, basis="formula", note=card.unknown)
        return
    bound = "a lower bound" if found.demand.lacks else ""
    weights = f"with weights {found.serving.weights_as}, activations and overhead"
    yield Fact(f"memory{at}", found.demand.total / GIB, "GiB", "formula", weights, note=bound)
    yield Fact("may be used", found.budget.n_bytes / GIB, "GiB", found.budget.basis, found.budget.source)
    where = f"{on_devices(found.serving)}, {found.serving.engine.name}"
    yield Fact("fits", _OUTCOMES.get(found.outcome, f"no: {found.outcome}"), basis="formula", source=where)
    longest = found.longest_context
    said: Scalar = "nothing here bounds it" if longest is None else longest
    unit = "" if longest is None else "tokens"
    yield Fact("longest context that fits", said, unit, "formula", note=bound)


def _speed(card: Card) -> Iterator[Fact]:
    if card.found is None or not card.model.causal:
        return
    if card.step is None:
        why = f"{card.unknown.partition(':')[0]}; `speed` takes it" if card.unknown else "it does not fit"
        yield Fact("decoding, at most", NOT_KNOWN if card.unknown else None, basis="formula", note=why)
        return
    how = f"{card.step.bound}-bound{f', of all {card.batch:,} together' if card.batch > 1 else ''}"
    yield Fact("decoding, at most", card.step.tokens_per_second, "tokens/s", "formula", how)
    if card.reading is not None:
        how = f"{card.reading.bound}-bound"
        yield Fact("reading such a prompt, at least", card.reading.seconds, "s", "formula", how)


def column_for(benchmark: Benchmark, context: int | None) -> str:
    """The column of a benchmark that tells most of a context: the first that is as long, else the last."""
    if not benchmark.by_length:
        return benchmark.columns[0]
    longer = (column for column in benchmark.columns if context is not None and tokens(column) >= context)
    return next(longer, benchmark.columns[-1])


def _evidence(found: Lookup, context: int | None) -> Iterator[Fact]:
    for mark in BENCHMARKS:
        row, column = found.row(mark), column_for(mark, context)
        score = None if row is None else row.score(column)
        name = f"{mark.name} {'at ' if mark.by_length else ''}{column}"
        if row is not None and score is not None:
            yield Fact(name, score, "%", "published", _source(row), interval(row, column), dated(row.source_date))
        elif mark is RULER or row is not None:
            yield Fact(name, NOT_KNOWN, basis="published", note=longest_published(row) or _near(found))
        if row is not None and mark is RULER:
            length = row.effective_length or effective_length(row)
            yield Fact(
                "RULER effective length", length, basis="published", source=_source(row), note=dated(row.source_date)
            )


def longest_published(row: Row | None) -> str:
    """The longest length that a row has a score of, as `96.1 at 64K`; "" without one."""
    given = (
        []
        if row is None
        else [pair for pair in zip(row.benchmark.columns, row.scores, strict=True) if pair[1] is not None]
    )
    return f"{given[-1][1]:g} at {given[-1][0]}" if given else ""


def _near(found: Lookup) -> str:
    near = next(iter(found.near[RULER.name]), None)
    return "" if near is None else f"the nearest is {near.row.label}, another model ({near.difference})"


def _source(row: Row) -> str:
    return f"{row.run_by}, {row.citation}, {row.source_date}"


def card_data(card: Card) -> dict[str, Any]:
    """The card as plain data."""
    row, column, found = card.evidence.row(RULER), column_for(RULER, card.context), card.found
    return {
        "model": card.model.name,
        "context_tokens": card.context,
        "batch": card.batch,
        "layers": len(card.model.layers),
        "full_layers": card.full_layers,
        "cache_bytes": card.cache_bytes,
        "fits": None if found is None else found.answer,
        "outcome": None if found is None else found.outcome,
        "total_bytes": None if found is None else found.demand.total,
        "budget_bytes": None if found is None else found.budget.n_bytes,
        "longest_context_that_fits": None if found is None else found.longest_context,
        "stated_context": card.model.context.longest,
        "decode_tokens_per_second": None if card.step is None else card.step.tokens_per_second,
        "prefill_seconds": None if card.reading is None else card.reading.seconds,
        "ruler": {"length": column, "score": None if row is None else row.score(column)},
        "licence": card.model.licence,
        "not_known": card.unknown or None,
    }
