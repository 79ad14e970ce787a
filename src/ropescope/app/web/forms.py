"""Every question as the page needs it to draw a form: plain dicts, ready for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ropescope import __version__
from ropescope.questions.domains import Choice, Flag
from ropescope.questions.inputs import Asked, fields_of
from ropescope.questions.kind import Kind
from ropescope.questions.kinds import Device, File, ListOf, Output, Source
from ropescope.questions.question import Question
from ropescope.questions.registry import situations


def catalogue(among: Mapping[str, tuple[Question, ...]] | None = None) -> dict[str, Any]:
    """Every question by situation (or those of `among`), with its line and users' words for it: enough to list and to find them."""
    return {
        "version": __version__,
        "situations": [
            {"title": title, "questions": [_listed(question) for question in asked]}
            for title, asked in (situations() if among is None else among).items()
        ],
    }


def _listed(question: Question) -> dict[str, Any]:
    return {"name": question.name, "asks": question.asks, "needs": question.needs, "words": question.words}


def form(question: Question) -> dict[str, Any]:
    """One question: what it asks, what it needs, its example and its fields. Raises MissingExtraError for one whose inputs need a
    package that is not installed."""
    fields = fields_of(question.inputs_type)
    asked = {one.name for one in fields}
    return {
        "name": question.name,
        "asks": question.asks,
        "needs": question.needs,
        "extra": question.extra,
        "decides": question.decides,
        "copied": question.copied,
        "keeps": question.keeps,
        "example": {name: value for name, value in question.example.items() if name in asked},
        "fields": [_field(one) for one in fields],
    }


def _field(one: Asked) -> dict[str, Any]:
    of = one.kind.of if isinstance(one.kind, ListOf) else one.kind
    return {
        "name": one.name,
        "control": _control(of),
        "several": isinstance(one.kind, ListOf),
        "repeats": isinstance(one.kind, ListOf) and (one.placed or one.kind.repeats),
        "placed": one.placed,
        "placeholder": one.kind.metavar,
        "help": one.help,
        "accepts": one.kind.words,
        "options": list(of.options),
        "default": None if one.required or one.default in (None, ()) else _written(one),
        "required": one.required,
        "group": one.group,
        "only_with": list(one.only_with),
    }


def _written(one: Asked) -> str | bool:
    return one.default if isinstance(one.default, bool) else one.kind.write(one.default)


def _control(kind: Kind) -> str:
    """What draws the field: a box to tick, a list to choose from, or text, with a file beside it where one can be given."""
    if isinstance(kind, Flag):
        return "flag"
    if isinstance(kind, Choice):
        return "choice"
    named = {Source: "source", Output: "text", File: "file", Device: "device"}
    return next((name for cls, name in named.items() if isinstance(kind, cls)), "text")
