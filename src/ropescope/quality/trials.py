"""The questions of a retrieval test: contexts with planted facts, what is asked of them, and the decoys. No torch."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from ropescope.errors import MeasurementError
from ropescope.quality.keys import COUNTRIES, PLACES, THINGS
from ropescope.quality.planting import KEYS_PER_CONTEXT, TASKS, Ids, Task, plant
from ropescope.quality.texts import Text, beginning, held_out_texts

N_DECOYS = 9
DEPTHS = (0.1, 0.3, 0.5, 0.7, 0.9)
Encode = Callable[[str], Ids]


@dataclass(frozen=True, slots=True)
class Trial:
    """A question about a context. All but the depth and the length are ids; context, question, answer follow each other.

    depth: where the fact stands, 0 the beginning and 1 the end of the context. length: context, question and answer
    together. Trials of the same `context` stand together in what `trials` returns.
    """

    task: str
    context: tuple[int, ...] = field(repr=False)
    question: tuple[int, ...] = field(repr=False)
    answer: tuple[int, ...]
    decoys: tuple[tuple[int, ...], ...]
    depth: float
    length: int


def trials(
    tokenizer: Any,
    task: Task,
    length: int,
    *,
    depths: Sequence[float] = DEPTHS,
    per_depth: int = 10,
    seed: int = 0,
    haystack: Sequence[Text] | None = None,
    keys_per_context: int = KEYS_PER_CONTEXT,
) -> list[Trial]:
    """`per_depth` trials at each depth, in contexts of `length` tokens together with their question and answer.

    passkey: planted sentences "The secret number of Bolivia is 74213."; the decoys are numbers that stand nowhere.
    multi-key: the same, and the decoys are the numbers of other keys in the context, so the number must go with its key.
    key-value: the whole context is lines "Bolivia lamp: 74213"; the decoys are values of other lines.

    haystack: the texts in which to plant, context i in the i-th in turn (default: held-out prose). A fact stands within
    half the distance between depths of its depth. Raises MeasurementError for a length that cannot hold the facts.
    """
    if task not in TASKS:
        raise MeasurementError(f"{task!r} is no retrieval task: take one of {', '.join(TASKS)}.")
    if not depths or per_depth < 1 or not all(0 <= depth <= 1 for depth in depths):
        raise MeasurementError("Retrieval needs depths between 0 and 1, and at least one trial at each.")
    contexts = list(_contexts(task, length, depths, per_depth, seed, keys_per_context))
    if haystack is None and task != "key-value":
        haystack = [text for text in held_out_texts(tokenizer, length, min(8, len(contexts))) if text.kind == "prose"]
    found: list[Trial] = []
    for index, rng, wanted in contexts:
        if task == "key-value":
            found += _pairs(tokenizer, length, wanted, depths, rng)
        else:
            assert haystack is not None
            if not haystack:
                raise MeasurementError(f"There is no haystack of {length:,} tokens: give longer texts.")
            found += _planted(tokenizer, task, length, wanted, depths, rng, haystack[index % len(haystack)])
    return found


def require_room(
    encode: Encode, task: Task, length: int, per_depth: int, *, keys_per_context: int = KEYS_PER_CONTEXT
) -> None:
    """Raise the MeasurementError of `trials` for a length that cannot hold the facts. encode: the tokens of a text; a
    tokenizer.json tells them without any weights."""
    for _, rng, wanted in _contexts(task, length, DEPTHS, per_depth, 0, keys_per_context):
        if task == "key-value":
            _lines(encode, (), length, len(wanted), rng)
        else:
            _facts(encode, task, length, len(wanted), rng)


def _contexts(
    task: Task, length: int, depths: Sequence[float], per_depth: int, seed: int, keys_per_context: int
) -> Iterator[tuple[int, random.Random, list[float]]]:
    """Of each context: its number, what chooses its facts, and the depths that are asked for."""
    at_once = max(1, keys_per_context // len(depths))
    for index in range(-(-per_depth // at_once)):
        wanted = [depth for depth in depths for _ in range(min(at_once, per_depth - index * at_once))]
        yield index, random.Random(f"{seed} {task} {length} {index}"), wanted


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is planted in a context, what asks for it, its answers, other answers, and the tokens left for the text."""

    planted: list[Ids]
    questions: list[Ids]
    answers: list[Ids]
    spare: list[Ids]
    body: int


def _facts(encode: Encode, task: Task, length: int, n_asked: int, rng: random.Random) -> _Facts:
    n_keys = n_asked if task == "passkey" else max(n_asked, N_DECOYS + 1)
    if n_keys > len(COUNTRIES):
        raise MeasurementError(f"{n_keys} keys in a context are too many: at most {len(COUNTRIES)}.")
    keys = rng.sample(COUNTRIES, n_keys)
    numbers = [encode(f" {number}") for number in _numbers(rng, len(keys) + N_DECOYS)]
    answers, spare = numbers[: len(keys)], numbers[len(keys) :]
    end, gap = encode("."), encode("\n\n")
    planted = [
        (*encode(f" The secret number of {key} is"), *answer, *end) for key, answer in zip(keys, answers, strict=True)
    ]
    questions = [(*gap, *encode(f"The secret number of {key} is")) for key in keys]
    asked = max(len(question) + len(answer) for question, answer in zip(questions, answers, strict=True))
    told, room = sum(map(len, planted)), length - asked
    body = room - told
    if body < room // 2:
        raise MeasurementError(
            f"{length:,} tokens cannot hold {len(keys)} planted facts, which take {told:,} and as much text around them: ask at "
            f"{2 * told + asked:,} tokens or more, or fewer questions."
        )
    return _Facts(planted, questions, answers, spare, body)


def _planted(
    tokenizer: Any,
    task: Task,
    length: int,
    wanted: Sequence[float],
    depths: Sequence[float],
    rng: random.Random,
    text: Text,
) -> list[Trial]:
    facts = _facts(_encoder(tokenizer), task, length, len(wanted), rng)
    if len(text.tokens) < facts.body:
        raise MeasurementError(
            f"A haystack of {len(text.tokens):,} tokens is too short for {length:,}: give longer text."
        )
    # Keys that are not asked for stand anywhere: their numbers are there to be decoys.
    at = [_near(depth, depths, rng) for depth in wanted] + [rng.random() for _ in facts.planted[len(wanted) :]]
    context = plant(tokenizer, text.tokens[: facts.body], list(zip(at, facts.planted, strict=True)))
    others = facts.answers
    return [
        _trial(
            task,
            context,
            facts.questions[i],
            others[i],
            facts.spare if task == "passkey" else rng.sample(others[:i] + others[i + 1 :], N_DECOYS),
            wanted[i],
            length,
        )
        for i in range(len(wanted))
    ]


def _lines(
    encode: Encode, before: Ids, length: int, n_asked: int, rng: random.Random
) -> tuple[Ids, list[tuple[int, str, Ids]]]:
    """(a context of lines, of each line where it begins, its key and its value)."""
    names = [f"{place} {thing}" for place in PLACES for thing in THINGS]
    rng.shuffle(names)
    numbers = _numbers(rng, len(names))
    context: list[int] = list(before)
    lines: list[tuple[int, str, Ids]] = []
    room = length - 2 * max(len(encode(f"\n{name}: 12345\n")) for name in names[:50])
    for name, number in zip(names, numbers, strict=True):
        value = encode(f" {number}")
        line = (*encode(f"{name}:"), *value, *encode("\n"))
        if len(context) + len(line) > room:
            break
        lines.append((len(context), name, value))
        context += line
    else:
        raise MeasurementError(f"{length:,} tokens need more keys than the {len(names):,} there are: ask at fewer.")
    least = max(2 * n_asked, N_DECOYS + 1)
    if len(lines) < least:
        raise MeasurementError(
            f"{length:,} tokens hold {len(lines)} pairs of key and value, and {n_asked} questions need {least}: ask at more "
            "tokens, or fewer questions."
        )
    return tuple(context), lines


def _pairs(
    tokenizer: Any, length: int, wanted: Sequence[float], depths: Sequence[float], rng: random.Random
) -> list[Trial]:
    encode = _encoder(tokenizer)
    context, lines = _lines(encode, beginning(tokenizer), length, len(wanted), rng)
    found, free = [], set(range(len(lines)))
    for depth in wanted:
        goal = _near(depth, depths, rng) * len(context)
        i = min(free, key=lambda line, goal=goal: abs(lines[line][0] - goal))  # type: ignore[misc]
        free.remove(i)
        decoys = [lines[j][2] for j in rng.sample([j for j in range(len(lines)) if j != i], N_DECOYS)]
        question = (*encode("\n"), *encode(f"{lines[i][1]}:"))
        found.append(_trial("key-value", context, question, lines[i][2], decoys, depth, length))
    return found


def _trial(
    task: str,
    context: tuple[int, ...],
    question: tuple[int, ...],
    answer: tuple[int, ...],
    decoys: Sequence[tuple[int, ...]],
    depth: float,
    length: int,
) -> Trial:
    """What all the answers begin with is moved to the question: it tells nothing, and would hide which begins likeliest."""
    same = 0
    while all(len(other) > same + 1 and other[same] == answer[same] for other in (answer, *decoys)):
        same += 1
    return Trial(
        task, context, question + answer[:same], answer[same:], tuple(decoy[same:] for decoy in decoys), depth, length
    )


def _encoder(tokenizer: Any) -> Encode:
    return lambda text: tuple(tokenizer(text, add_special_tokens=False)["input_ids"])


def _numbers(rng: random.Random, count: int) -> list[int]:
    """Different numbers of five digits."""
    return rng.sample(range(10000, 100000), count)


def _near(depth: float, depths: Sequence[float], rng: random.Random) -> float:
    """A place within half the distance between neighbouring depths."""
    sorted_depths = sorted(depths)
    gap = min((b - a for a, b in pairwise(sorted_depths)), default=0.1)
    return min(1.0, max(0.0, depth + rng.uniform(-gap / 2, gap / 2)))
