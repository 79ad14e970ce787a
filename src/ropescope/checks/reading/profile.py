"""Profile: one card of a model for a device, a context and a batch. Each line stands for itself: there is no total score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from ropescope.checks.fit_caveats import at_least, gib
from ropescope.checks.reading.card import (
    Card,
    UseInputs,
    card_data,
    card_facts,
    card_of,
    column_for,
    longest_published,
    refuse_use,
)
from ropescope.checks.reading.layer_map import layer_map
from ropescope.checks.reading.model_facts import model_facts
from ropescope.checks.reading.show import assumptions
from ropescope.checks.serving.fitting.on_devices import on_devices
from ropescope.checks.serving.opening import open_one
from ropescope.models.model import Model
from ropescope.models.opening import open as open_model
from ropescope.published.benchmarks import RULER
from ropescope.questions.question import Run
from ropescope.questions.shared import OneModel
from ropescope.report.numbers import binary_size
from ropescope.report.report import Report, Step

_FIRST: Final = (
    "layers",
    "context, configured",
    "context, before scaling",
    "context, extended",
    "parameters",
    "parameters a token uses",
    "weights",
    "precision",
    "quantisation",
)
"""Facts of the files that a card begins with."""


@dataclass(frozen=True, kw_only=True)
class ProfileInputs(OneModel, UseInputs):
    """A model, and what it shall be used for."""


def answer(inputs: ProfileInputs, run: Run) -> Report:
    """What is known of a model for a use: its files, its memory and speed, published scores, template and licence."""
    refuse_use(inputs, inputs.source)
    return profile_report(card_of(_opened(inputs), inputs, inputs.source))


def _opened(inputs: ProfileInputs) -> Model:
    serving = inputs.serving(inputs.source)
    if serving is None:
        return open_model(inputs.source, revision=inputs.revision)
    return open_one(replace(serving, revision=inputs.revision))[0]


def profile_report(card: Card) -> Report:
    """The card as a Report."""
    told = {fact.name: fact for fact in model_facts(card.model) if fact.value is not None or fact.name == "licence"}
    facts = (*(told[name] for name in _FIRST if name in told), *card_facts(card), told["licence"])
    where = "" if card.found is None else f" · {on_devices(card.found.serving)}"
    length = "" if card.context is None else f" · {card.context:,} tokens × {card.batch:,}"
    return Report(
        title=f"{card.model.name}{where}{length}",
        verdict="; ".join(filter(None, (_fits(card), _reads(card), _ruler(card)))) + ".",
        facts=facts,
        figures=(layer_map(card.model),),
        caveats=tuple(_caveats(card)),
        next_steps=tuple(_next_steps(card)),
        data=card_data(card),
    )


def _fits(card: Card) -> str:
    name, found = card.model.name, card.found
    if found is None:
        if card.unknown:
            return f"Whether {name} fits is not known ({card.unknown.rstrip('.')})"
        if not card.model.causal:
            return f"{name} is an encoder: it keeps no KV cache"
        if card.cache_bytes is None:
            return f"{name} states no context"
        held = f" × {card.batch:,}" if card.batch > 1 else ""
        return f"{name} takes {binary_size(card.cache_bytes)} of cache at {card.context:,} tokens{held}"
    where = on_devices(found.serving)
    batch = f" × {card.batch:,}" if card.batch > 1 else ""
    if found.problem:
        return f"{name} {found.outcome_in_words} {where} ({found.problem.rstrip('.')})"
    if found.ok:
        if card.longest is None:
            return f"{name} fits {where} at any length{batch}"
        stated = ", which is all that it states" if card.longest == card.model.context.longest else ""
        return f"{name} fits {where} up to {card.longest:,} tokens{batch}{stated}"
    need = f"{'each' if found.serving.count > 1 else 'it'} needs {at_least(found.demand)}; {gib(found.budget.n_bytes)} may be used"
    verb = "may fit" if found.answer is None else "does not fit"
    text = f"{name} {verb} {where} at {card.context:,} tokens{batch} ({need})"
    return (
        f"{text}, but fits up to {found.longest_context:,}" if found.longest_context and found.answer is False else text
    )


def _reads(card: Card) -> str:
    if not card.model.causal:
        return "" if card.found is None and not card.unknown else "it is an encoder"
    full, layers = card.full_layers, len(card.model.layers)
    if full == 0:
        return f"none of its {layers} layers reads every earlier token"
    return f"{f'all {layers}' if full == layers else f'{full} of {layers}'} layers read every earlier token"


def _ruler(card: Card) -> str:
    if not card.model.causal:
        return ""
    row, column = card.evidence.row(RULER), column_for(RULER, card.context)
    score = None if row is None else row.score(column)
    if score is not None:
        return f"RULER at {column}: {score:g} %"
    other = longest_published(row)
    return f"RULER at {column}: not known{f' ({other})' if other else ''}"


def _caveats(card: Card) -> Iterator[str]:
    for note in (*card.model.notes, *assumptions(card.model)):
        yield note[0].upper() + note[1:]
    stated = card.model.context.longest
    if card.context is not None and stated is not None and card.context > stated:
        yield f"{card.context:,} tokens are more than the {stated:,} that the model states."
    yield from (match.note for match in card.evidence.matches[RULER.name] if match.note)
    if card.step is not None:
        yield "Speed is a ceiling: kernels, scheduling and sampling take time that is not counted."
    if card.evidence.all_matches:
        yield "Scores are of the published weights: other number types and quantisations may score otherwise."
    yield "Each line stands for itself: no total score is made of them."


def _next_steps(card: Card) -> Iterator[Step]:
    source = card.model.source.spelled
    device = {"source": source, "gpu": "…"}
    listed = {"source": source} if card.found is None else device
    yield Step("fit", device, "Its memory part by part, and the ways out")
    if card.model.causal:
        yield Step("launch", device, "The command that serves it")
    if card.model.causal and not card.evidence.all_matches:
        yield Step("evidence", {"model": card.evidence.name}, "What to run, since no score is published here")
    yield Step("files", listed, "Its weight files, and other quantisations beside them")
