"""What a published formula cannot tell, with the counterexample computed now, and the question that answers instead."""

from __future__ import annotations

from dataclasses import dataclass

from ropescope.checks.judging.cannot_tell.card import Card
from ropescope.checks.judging.cannot_tell.cards import CARDS
from ropescope.errors import InputError
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Text
from ropescope.questions.names import did_you_mean, shown
from ropescope.questions.question import Run
from ropescope.report.report import Column, Fact, Report, Step, Table


@dataclass(frozen=True, kw_only=True)
class CannotTellInputs:
    """One formula, or all."""

    name: str | None = asked(
        Text(), "A card, such as horizon or niah-sigmoid; left out: all.", default=None, placed=True
    )


def answer(inputs: CannotTellInputs, run: Run) -> Report:
    """One card, or the list of them."""
    return list_report() if inputs.name is None else card_report(_card(inputs.name))


def _card(name: str) -> Card:
    wanted = name.strip().lower().replace(" ", "-").replace("_", "-")
    by_name = {card.name: card for card in CARDS}
    if wanted in by_name:
        return by_name[wanted]
    raise InputError(
        "name", f"`name` {shown(name)} is no card.{did_you_mean(wanted, by_name)} There are {', '.join(by_name)}."
    )


def card_report(card: Card) -> Report:
    """One card: what it cannot tell, and why."""
    found = card.counterexample()
    claims = (Step("claims", {"ids": list(card.claims)}, "The same, recomputed on the published measurements"),)
    return Report(
        title=f"What {card.name} cannot tell",
        verdict=f"The formula cannot answer “{card.asked}”: {found.sentence}.",
        facts=(
            Fact("asked", card.asked, "", "published", card.published_in),
            Fact("formula", card.formula, "", "published", card.published_in),
            Fact("why it is empty", card.empty, "", "formula", "counterexample below"),
            *found.facts,
        ),
        tables=() if found.table is None else (found.table,),
        next_steps=(card.instead, *(claims if card.claims else ())),
        data={
            "name": card.name,
            "asked": card.asked,
            "formula": card.formula,
            "published_in": card.published_in,
            "empty": card.empty,
            "claims": list(card.claims),
            "counterexample": dict(found.data),
        },
    )


def list_report() -> Report:
    """Every card with its counterexample in a sentence."""
    rows = tuple((card.name, card.asked, card.counterexample().sentence, card.instead.question) for card in CARDS)
    return Report(
        title="What published formulas cannot tell",
        verdict=f"{len(CARDS)} published formulas cannot answer what they are asked; each has a counterexample, computed now.",
        tables=(
            Table(
                "Cards",
                (Column("card"), Column("asked"), Column("but"), Column("ask instead")),
                rows,
                "The formulas are of the series by C. Marín and its browser tool (TAF Agent).",
            ),
        ),
        next_steps=(Step("cannot-tell", {"name": CARDS[0].name}, "One card with its numbers"),),
        data={
            "cards": [
                {"name": name, "asked": question, "counterexample": sentence, "instead": instead}
                for name, question, sentence, instead in rows
            ]
        },
    )
