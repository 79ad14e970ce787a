"""The registry: every question that ropescope answers, by the situation it is asked in. The entries are in `situations/`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from ropescope.errors import InputError
from ropescope.questions.question import Question
from ropescope.questions.situations import compressing, download, extending, finetuning, judging, research, serving

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


def questions() -> tuple[Question, ...]:
    """Every question, in the order of the situations."""
    return tuple(question for asked in SITUATIONS.values() for question in asked)


@cache
def known() -> Mapping[str, Question]:
    """Every question by its name."""
    return {question.name: question for question in questions()}


def find(name: str) -> Question:
    """The question of that name. Raises InputError, with the nearest name, where there is none."""
    found = known().get(name)
    if found is None:
        from difflib import get_close_matches

        near = get_close_matches(name, known(), n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise InputError("question", f"There is no question {name!r}.{hint}")
    return found
