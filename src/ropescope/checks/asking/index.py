"""An index over the questions' own words: names, what each asks, and the words that users have for it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from math import log
from typing import Final

from ropescope.questions.question import Question
from ropescope.questions.registry import questions

NAME, WORDS, ASKS, EXAMPLE = 3.0, 2.0, 1.0, 0.5
"""How much a word counts where it stands: a question's name, users' words for it, its line, the inputs of its example."""

_WORD: Final = re.compile(r"[^\W_]+(?:\.[^\W_]+)*")
_STOP: Final = frozenset(
    "a an the of to for in on at by from with without and or but if is are was were be been do does did i my me we our you your "
    "it its this that these those there what which who how why when where can could will would should shall may might must "
    "have has had not no any some as than then so too very just about into up out over one two more most much many get got "
    "use using want need please tell show me give whether".split()
)
_ENDINGS: Final = (
    "isations",
    "izations",
    "isation",
    "ization",
    "ations",
    "ation",
    "ings",
    "ing",
    "ers",
    "er",
    "ies",
    "ied",
    "ed",
    "es",
    "s",
    "e",
)


def stem(word: str) -> str:
    """`word` without the commonest English endings, so that "quantised", "quantize" and "quantisation" meet."""
    low = word.lower().replace("isa", "iza").replace("ise", "ize").replace("isi", "izi")
    for ending in _ENDINGS:
        if low.endswith(ending) and len(low) - len(ending) >= 3:
            return low[: -len(ending)].removesuffix("iz").removesuffix("y")
    return low


def stems(text: str) -> list[str]:
    """The stems of the words that tell something."""
    return [stem(word) for word in _WORD.findall(text) if word.lower() not in _STOP]


@cache
def _index() -> Mapping[str, Mapping[str, float]]:
    """For each stem, how much it counts for each question that has it."""
    held: dict[str, dict[str, float]] = {}
    asked = questions()
    for question in asked:
        parts = (
            (NAME, question.name.replace("-", " ")),
            (WORDS, question.words),
            (ASKS, question.asks),
            (EXAMPLE, " ".join(question.example).replace("_", " ")),
        )
        for weight, text in parts:
            for word in stems(text):
                counted = held.setdefault(word, {})
                counted[question.name] = max(counted.get(question.name, 0.0), weight)
    return {
        word: {name: weight * log(1 + len(asked) / len(counted)) for name, weight in counted.items()}
        for word, counted in held.items()
    }


def scores(words: Iterable[str]) -> Counter[str]:
    """How well each question answers to these stems, best first in `most_common`."""
    found: Counter[str] = Counter()
    index = _index()
    for word in dict.fromkeys(words):
        for name, weight in index.get(word, {}).items():
            found[name] += weight  # type: ignore[assignment]
    return found


def best(found: Counter[str], among: Iterable[Question]) -> list[Question]:
    """The questions with a score, best first; equal ones in the order of the registry."""
    return sorted((one for one in among if found[one.name] > 0), key=lambda one: -found[one.name])
