"""Tasks in the manner of RULER (Hsieh et al. 2024, 2404.06654), generated here: no data is downloaded.

The instructions, questions and openings of the answers are RULER's. The haystack is held-out documentation in place of
essays and the words are those of Python's language reference, so scores compare methods on one model, not with RULER's
leaderboard. As in RULER, variable tracking and common words are shown one small solved example first, and the score of a
sample is the share of the strings asked for that greedy decoding says.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any

from ropescope.errors import ExtendError
from ropescope.quality.keys import THINGS
from ropescope.quality.planting import Ids, plant
from ropescope.quality.prose import language_reference
from ropescope.quality.texts import Text, beginning

_NOISE = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again.\n"
_NIAH = (
    "Some special magic numbers are hidden within the following text. Make sure to memorize it. I will quiz you about the "
    "numbers afterwards.\n",
    "\nWhat are all the special magic numbers for {query} mentioned in the provided text? The special magic numbers for "
    "{query} mentioned in the provided text are",
)
_NIAH_ONE = (
    "A special magic number is hidden within the following text. Make sure to memorize it. I will quiz you about the number "
    "afterwards.\n",
    "\nWhat is the special magic number for {query} mentioned in the provided text? The special magic number for {query} "
    "mentioned in the provided text is",
)
_TRACKING = (
    "Memorize and track the chain(s) of variable assignment hidden in the following text.\n\n",
    "\nQuestion: Find all variables that are assigned the value {query} in the text above. Answer: According to the chain(s) "
    "of variable assignment in the text above, 5 variables are assigned the value {query}, they are:",
)
_COMMON = (
    "Below is a numbered list of words. In these words, some appear more often than others. Memorize the ones that appear "
    "most often.\n",
    "\nQuestion: What are the 10 most common words in the above list? Answer: The top 10 words that appear most often in the "
    "list are:",
)
_HOPS = 4


@dataclass(frozen=True, slots=True)
class Sample:
    """A prompt of at most `length` tokens less `answer_tokens`, and the strings that its answer has to say."""

    task: str
    prompt: Ids = field(repr=False)
    expected: tuple[str, ...]
    answer_tokens: int
    length: int


def samples(
    tokenizer: Any, task: str, length: int, count: int, *, haystack: Sequence[Text], seed: int = 0
) -> list[Sample]:
    """`count` samples of a task in `length` tokens, prompt and answer together; sample i in the i-th haystack in turn.

    Raises ExtendError for an unknown task or a length that cannot hold it.
    """
    if task not in TASKS:
        raise ExtendError(f"{task!r} is no generated task: take some of {', '.join(TASKS)}.")
    make, answer_tokens = TASKS[task]
    made = []
    for index in range(count):
        rng = random.Random(f"{seed} {task} {length} {index}")
        text = haystack[index % len(haystack)] if haystack else None
        prompt, expected = make(_Frame(tokenizer, length - answer_tokens, text, rng))
        made.append(Sample(task, prompt, expected, answer_tokens, length))
    return made


@dataclass(frozen=True, slots=True)
class _Frame:
    tokenizer: Any
    room: int
    text: Text | None
    rng: random.Random

    def encode(self, text: str) -> Ids:
        return tuple(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def room_between(self, before: Ids, after: Ids) -> int:
        left = self.room - len(beginning(self.tokenizer)) - len(before) - len(after)
        if left < self.room // 3:
            raise ExtendError(f"{self.room:,} tokens are too few for this task: give a longer length.")
        return left

    def whole(self, before: Ids, middle: Sequence[int], after: Ids) -> Ids:
        return (*beginning(self.tokenizer), *before, *middle, *after)


def _needles(frame: _Frame, n_keys: int, n_values: int) -> tuple[Ids, tuple[str, ...]]:
    rng = frame.rng
    keys = [f"{a}-{b}" for a, b in zip(rng.sample(THINGS, n_keys), rng.sample(THINGS, n_keys), strict=True)]
    values = [[str(number) for number in rng.sample(range(1_000_000, 10_000_000), n_values)] for _ in keys]
    facts = [
        frame.encode(f" One of the special magic numbers for {key} is: {value}.")
        for key, mine in zip(keys, values, strict=True)
        for value in mine
    ]
    opening, question = _NIAH_ONE if n_values == 1 else _NIAH
    before, after = frame.encode(opening), frame.encode(question.format(query=keys[0]))
    body = frame.room_between(before, after) - sum(map(len, facts))
    text = () if frame.text is None else frame.text.tokens[len(beginning(frame.tokenizer)) :]
    if len(text) < body:
        raise ExtendError(f"A haystack of {len(text):,} tokens is too short for {frame.room:,}: give longer text.")
    places = [(rng.random(), fact) for fact in facts]
    return frame.whole(before, plant(frame.tokenizer, text[:body], places), after), tuple(values[0])


def _tracking(frame: _Frame) -> tuple[Ids, tuple[str, ...]]:
    example, _ = _chain(frame, lines=5)
    opening, question = _TRACKING
    lines, names, value = _chain_lines(frame.rng)
    before = (*frame.encode(example), *frame.encode(opening))
    after = frame.encode(question.format(query=value))
    noise, facts = frame.encode(_NOISE), [frame.encode(line) for line in lines]
    repeats = (frame.room_between(before, after) - sum(map(len, facts))) // len(noise)
    at = sorted(frame.rng.randrange(repeats + 1) for _ in facts)
    middle: list[int] = []
    for index in range(repeats + 1):
        for place, fact in zip(at, facts, strict=True):
            middle += fact if place == index else ()
        middle += noise if index < repeats else ()
    return frame.whole(before, middle, after), names


def _chain(frame: _Frame, lines: int) -> tuple[str, tuple[str, ...]]:
    """A small solved example."""
    said, names, value = _chain_lines(frame.rng)
    body = "".join(part for line in said for part in (line, _NOISE))
    opening, question = _TRACKING
    return f"{opening}{body}{question.format(query=value)} {' '.join(names[:lines])}\n\n", names


def _chain_lines(rng: random.Random) -> tuple[list[str], tuple[str, ...], str]:
    names = tuple("".join(rng.choices(string.ascii_uppercase, k=5)) for _ in range(_HOPS + 1))
    value = str(rng.randrange(10_000, 100_000))
    said = [f"VAR {names[0]} = {value}\n"]
    said += [f"VAR {name} = VAR {before}\n" for before, name in pairwise(names)]
    return said, names, value


def _common(frame: _Frame) -> tuple[Ids, tuple[str, ...]]:
    often, seldom = (30, 3) if frame.room >= 4096 else (6, 1)
    opening, question = _COMMON
    drawn = frame.rng.sample(words(), len(words()))
    example, shown = _numbered(frame.rng, drawn[:20], 3, 1)
    solved = " ".join(f"{i + 1}. {word}" for i, word in enumerate(shown))
    before = (*frame.encode(f"{opening}{example}{question} {solved}\n"), *frame.encode(opening))
    after, room = frame.encode(question), 0
    room = frame.room_between(before, after)
    low, high = 10, len(drawn) - 20
    while low < high:  # as many words as there is room for
        middle = (low + high + 1) // 2
        text, _ = _numbered(random.Random(0), drawn[20 : 20 + middle], often, seldom)
        low, high = (middle, high) if len(frame.encode(text)) <= room - 8 else (low, middle - 1)
    text, common = _numbered(frame.rng, drawn[20 : 20 + low], often, seldom)
    return frame.whole(before, frame.encode(text)[:room], after), common


def _numbered(rng: random.Random, drawn: Sequence[str], often: int, seldom: int) -> tuple[str, tuple[str, ...]]:
    common, others = tuple(drawn[:10]), drawn[10:]
    listed = [*common * often, *(word for word in others for _ in range(seldom))]
    rng.shuffle(listed)
    return " ".join(f"{i + 1}. {word}" for i, word in enumerate(listed)), common


@cache
def words() -> tuple[str, ...]:
    """Lower-case words of the language reference."""
    return tuple(sorted(set(re.findall(r"\b[a-z]{4,10}\b", language_reference()))))


TASKS: dict[str, tuple[Callable[[_Frame], tuple[Ids, tuple[str, ...]]], int]] = {
    "niah-single": (lambda frame: _needles(frame, 1, 1), 24),
    "niah-multikey": (lambda frame: _needles(frame, 4, 1), 24),
    "niah-multivalue": (lambda frame: _needles(frame, 1, 4), 64),
    "variable-tracking": (_tracking, 48),
    "common-words": (_common, 120),
}
"""How each is made, and the tokens that its answer may take."""
