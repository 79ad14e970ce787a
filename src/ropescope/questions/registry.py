"""The registry: every question that ropescope answers, by the situation it is asked in. The entries are in `situations/`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Final

from ropescope.errors import InputError
from ropescope.questions.names import did_you_mean, shown
from ropescope.questions.question import Question
from ropescope.questions.situations import compressing, download, extending, finetuning, judging, research, serving

if TYPE_CHECKING:
    from ropescope.questions.plugins import Added, LeftOut

GROUPS: Final[Mapping[str, str]] = {
    "compress": "Plan a smaller KV cache from what a model's heads attend to, and score it.",
    "atlas": "Rank measured profiles, those that may be compared; without a command: the ranking.",
    "extend": "Plan a longer context: choose a RoPE scaling, and write its settings.",
}
"""What the questions have in common whose names begin with the same word."""

SITUATIONS: Final[Mapping[str, tuple[Question, ...]]] = {
    "Before you download": download.QUESTIONS,
    "Serve a model": serving.QUESTIONS,
    "Read a longer context": extending.QUESTIONS,
    "Shrink the KV cache or the weights": compressing.QUESTIONS,
    "Fine-tune a model": finetuning.QUESTIONS,
    "Judge a claim": judging.QUESTIONS,
    "Measure and study attention": research.QUESTIONS,
}

SITUATION_NAMES: Final[Mapping[str, str]] = {
    "choosing": "Before you download",
    "serving": "Serve a model",
    "extending": "Read a longer context",
    "compressing": "Shrink the KV cache or the weights",
    "finetuning": "Fine-tune a model",
    "judging": "Judge a claim",
    "research": "Measure and study attention",
}
"""One word for each situation, where a name is needed."""


FACES: Final[Mapping[str, str]] = {
    "web": "Every question on a page in your browser, answered on this machine.",
    "mcp": "Every question for agents, by the Model Context Protocol.",
}
"""Commands that ask no question of their own."""


@cache
def built_in() -> Mapping[str, Question]:
    """Every question of ropescope itself by its name."""
    return {question.name: question for asked in SITUATIONS.values() for question in asked}


@cache
def _added() -> Added:
    """The questions of plugins. Looked for only where all are listed, or one that is not built in is named."""
    from ropescope.questions.plugins import added

    return added(built_in(), FACES)


def left_out() -> tuple[LeftOut, ...]:
    """What plugins add and cannot be used, with the reasons."""
    return _added().left_out


def situations() -> Mapping[str, tuple[Question, ...]]:
    """Every question by its situation, those of plugins too. What a plugin puts in no situation has a group of its own."""
    found = dict(SITUATIONS)
    for name, question in _added().questions:
        title = SITUATION_NAMES.get(name, f"From {question.plugin}")
        found[title] = (*found.get(title, ()), question)
    return found


def situation_names() -> Mapping[str, str]:
    """One word for each situation, where a name is needed; `plugin-PACKAGE` for a group of a plugin's own."""
    own = {
        f"plugin-{question.plugin}"[:64]: f"From {question.plugin}"
        for name, question in _added().questions
        if name not in SITUATION_NAMES
    }
    return {**SITUATION_NAMES, **own}


def questions() -> tuple[Question, ...]:
    """Every question, in the order of the situations."""
    return tuple(question for asked in situations().values() for question in asked)


@cache
def known() -> Mapping[str, Question]:
    """Every question by its name."""
    return {question.name: question for question in questions()}


def spoken() -> Mapping[str, Question]:
    """The questions that a text may name: a plugin that nothing has asked for yet is not looked for because of a text."""
    return known() if _added.cache_info().currsize else built_in()


def find(name: str) -> Question:
    """The question of that name. Raises InputError, with the nearest name and what plugins are left out, where there is none."""
    found = built_in().get(name) or known().get(name)
    if found is None:
        raise InputError("question", f"There is no question {shown(name)}.{near(name, known())}")
    return found


def near(name: str, among: Iterable[str]) -> str:
    """What to say of an unknown name: the nearest one, and the plugins that are left out."""
    hint = did_you_mean(name, among)
    return " ".join((hint, *(one.sentence for one in left_out()))) if left_out() else hint
