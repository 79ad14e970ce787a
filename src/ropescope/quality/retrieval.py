"""Whether a model finds what a long context told it: facts planted at known depths, each asked for by itself.

One context carries many facts, so that its prefill, which is nearly all of the cost, is paid once. A trial is a question on
the filled cache. Its answer is scored in two ways: by its log-probability against nine decoys that are as long (chance is
one in ten, and a model that knows the answer but would say something else first still gets it), and by exact greedy match.
The question is the beginning of the sentence that told the fact, so that base models and small ones can be asked.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from ropescope.errors import MeasurementError
from ropescope.quality.keys import COUNTRIES, PLACES, THINGS
from ropescope.quality.packing import continuation, continuations, packable
from ropescope.quality.planting import KEYS_PER_CONTEXT, TASKS, Task, plant
from ropescope.quality.texts import Text, beginning, held_out_texts

N_DECOYS = 9


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


@dataclass(frozen=True, slots=True)
class Score:
    """How a trial went. Log-probabilities are in nats, of the whole answer.

    right: the answer is likelier than all nine decoys. exact: it is what greedy decoding says. best_decoy: of the
    likeliest decoy; a decoy that its first tokens already rule out is not run, so where `right` holds this is a bound
    from above.
    """

    answer: float
    best_decoy: float
    right: bool
    exact: bool


def trials(
    tokenizer: Any,
    task: Task,
    length: int,
    *,
    depths: Sequence[float] = (0.1, 0.3, 0.5, 0.7, 0.9),
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
    at_once = max(1, keys_per_context // len(depths))
    contexts = -(-per_depth // at_once)
    if haystack is None and task != "key-value":
        haystack = [text for text in held_out_texts(tokenizer, length, min(8, contexts)) if text.kind == "prose"]
    found: list[Trial] = []
    for index in range(contexts):
        rng = random.Random(f"{seed} {task} {length} {index}")
        wanted = [depth for depth in depths for _ in range(min(at_once, per_depth - index * at_once))]
        if task == "key-value":
            found += _pairs(tokenizer, length, wanted, depths, rng)
        else:
            assert haystack is not None
            if not haystack:
                raise MeasurementError(f"There is no haystack of {length:,} tokens: give longer texts.")
            found += _planted(tokenizer, task, length, wanted, depths, rng, haystack[index % len(haystack)])
    return found


def _planted(
    tokenizer: Any,
    task: str,
    length: int,
    wanted: Sequence[float],
    depths: Sequence[float],
    rng: random.Random,
    text: Text,
) -> list[Trial]:
    encode = _encoder(tokenizer)
    n_keys = len(wanted) if task == "passkey" else max(len(wanted), N_DECOYS + 1)
    if n_keys > len(COUNTRIES):
        raise MeasurementError(f"{n_keys} keys in a context are too many: at most {len(COUNTRIES)}.")
    keys = rng.sample(COUNTRIES, n_keys)
    numbers = _numbers(rng, len(keys) + N_DECOYS)
    facts = [
        (encode(f" The secret number of {key} is"), encode(f" {number}"))
        for key, number in zip(keys, numbers, strict=False)
    ]
    end = encode(".")
    planted = [(*said, *number, *end) for said, number in facts]
    gap = encode("\n\n")
    questions = [(*gap, *encode(f"The secret number of {key} is")) for key in keys]
    room = length - max(len(question) + len(answer) for question, (_, answer) in zip(questions, facts, strict=True))
    body = room - sum(map(len, planted))
    if body < room // 2 or len(text.tokens) < body:
        raise MeasurementError(
            f"{length:,} tokens do not hold {len(facts)} facts in a haystack of {len(text.tokens):,} tokens: take a longer "
            "context, fewer keys per context, or a longer haystack."
        )
    # Keys that are not asked for stand anywhere: their numbers are there to be decoys.
    at = [_near(depth, depths, rng) for depth in wanted] + [rng.random() for _ in keys[len(wanted) :]]
    context = plant(tokenizer, text.tokens[:body], list(zip(at, planted, strict=True)))
    spare = [encode(f" {number}") for number in numbers[len(keys) :]]
    others = [answer for _, answer in facts]
    return [
        _trial(
            task, context, questions[i], facts[i][1],
            spare if task == "passkey" else rng.sample(others[:i] + others[i + 1 :], N_DECOYS), wanted[i], length,
        )
        for i in range(len(wanted))
    ]  # fmt: skip


def _pairs(
    tokenizer: Any, length: int, wanted: Sequence[float], depths: Sequence[float], rng: random.Random
) -> list[Trial]:
    encode = _encoder(tokenizer)
    names = [f"{place} {thing}" for place in PLACES for thing in THINGS]
    rng.shuffle(names)
    numbers = _numbers(rng, len(names))
    context: list[int] = list(beginning(tokenizer))
    lines: list[tuple[int, str, tuple[int, ...]]] = []  # where a line begins, its key, its value
    room = length - 2 * max(len(encode(f"\n{name}: 12345\n")) for name in names[:50])
    for name, number in zip(names, numbers, strict=True):
        value = encode(f" {number}")
        line = (*encode(f"{name}:"), *value, *encode("\n"))
        if len(context) + len(line) > room:
            break
        lines.append((len(context), name, value))
        context += line
    else:
        raise MeasurementError(f"{length:,} tokens need more keys than the {len(names):,} there are.")
    if len(lines) < max(2 * len(wanted), N_DECOYS + 1):
        raise MeasurementError(f"{length:,} tokens hold {len(lines)} pairs, too few for {len(wanted)} questions.")
    found, free = [], set(range(len(lines)))
    for depth in wanted:
        goal = _near(depth, depths, rng) * len(context)
        i = min(free, key=lambda line, goal=goal: abs(lines[line][0] - goal))  # type: ignore[misc]
        free.remove(i)
        decoys = [lines[j][2] for j in rng.sample([j for j in range(len(lines)) if j != i], N_DECOYS)]
        question = (*encode("\n"), *encode(f"{lines[i][1]}:"))
        found.append(_trial("key-value", tuple(context), question, lines[i][2], decoys, depth, length))
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


def score(network: Any, cache: Any, trial: Trial) -> Score:
    """The score of a trial on a cache that holds its context and nothing else; the cache is as before when this returns."""
    with torch.inference_mode():
        said = continuation(network, cache, (trial.question, trial.answer))
        answer = _log_probability(said, trial.answer)
        bounds = sorted(((_bound(said, trial.answer, decoy), decoy) for decoy in trial.decoys), reverse=True)
        best, highest = float("-inf"), answer
        for bound, decoy in bounds:
            # What is left begins less likely than the answer, or than a better decoy, is as a whole.
            if bound < highest:
                best = max(best, bound if highest == answer else best)
                break
            found = _log_probability(continuation(network, cache, (trial.question, decoy)), decoy)
            best, highest = max(best, found), max(highest, found)
    return Score(answer, best, answer > best, _greedy(said, trial.answer))


def scores(network: Any, cache: Any, group: Sequence[Trial]) -> list[Score]:
    """The scores of trials that share the context that `cache` holds, as `score` gives them; in two passes for all of them
    where a mask can keep them apart, the answers in one and in another the decoys that could be likelier."""
    if not packable(network, cache):
        return [score(network, cache, trial) for trial in group]
    with torch.inference_mode():
        told = continuations(network, cache, [(trial.question, trial.answer) for trial in group])
        said = [(_log_probability(rows, trial.answer), _greedy(rows, trial.answer), [
            (_bound(rows, trial.answer, decoy), decoy) for decoy in trial.decoys
        ]) for trial, rows in zip(group, told, strict=True)]  # fmt: skip
        open_ = [[decoy for bound, decoy in bounds if bound >= answer] for answer, _, bounds in said]
        asked = [(trial.question, decoy) for trial, left in zip(group, open_, strict=True) for decoy in left]
        run = (
            _log_probability(rows, decoy)
            for (_, decoy), rows in zip(asked, continuations(network, cache, asked), strict=True)
        )
        found: list[Score] = []
        for (answer, greedy, bounds), left in zip(said, open_, strict=True):
            likeliest = max([next(run) for _ in left], default=float("-inf"))
            ruled_out = max((bound for bound, _ in bounds if bound < answer), default=float("-inf"))
            best = likeliest if likeliest >= answer else max(likeliest, ruled_out)
            found.append(Score(answer, best, answer > best, greedy))
    return found


def _log_probability(rows: Tensor, answer: tuple[int, ...]) -> float:
    return float(rows.gather(1, torch.tensor(answer)[:, None]).sum())


def _greedy(rows: Tensor, answer: tuple[int, ...]) -> bool:
    return rows.argmax(1).tolist() == list(answer)


def _bound(said: Tensor, answer: tuple[int, ...], decoy: tuple[int, ...]) -> float:
    """From above, the log-probability of a decoy: exact as far as it agrees with the answer, and one token on."""
    total = 0.0
    for row, (right, other) in enumerate(zip(answer, decoy, strict=False)):
        total += float(said[row, other])
        if right != other:
            break
    return total


def _encoder(tokenizer: Any) -> Callable[[str], tuple[int, ...]]:
    return lambda text: tuple(tokenizer(text, add_special_tokens=False)["input_ids"])


def _numbers(rng: random.Random, count: int) -> list[int]:
    """Different numbers of five digits."""
    return rng.sample(range(10000, 100000), count)


def _near(depth: float, depths: Sequence[float], rng: random.Random) -> float:
    """A place within half the distance between neighbouring depths."""
    sorted_depths = sorted(depths)
    gap = min((b - a for a, b in pairwise(sorted_depths)), default=0.1)
    return min(1.0, max(0.0, depth + rng.uniform(-gap / 2, gap / 2)))
