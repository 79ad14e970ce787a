"""Generated tasks: what the prompt says is what the answer asks for; and greedy answers against `generate`."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_tokenizer import byte_tokenizer

from ropescope.errors import ExtendError
from ropescope.extend.evaluate.answering import greedy, recall
from ropescope.extend.evaluate.tasks import TASKS, Sample, samples
from ropescope.network.loading.weights import Weights, load
from ropescope.quality.texts import Text

TOKENIZER = byte_tokenizer()
HAY = "The moon is far. Rivers run down. Bread is warm. A door is shut. "
HAYSTACK = [Text("prose", "hay", tuple(TOKENIZER(HAY * 300)["input_ids"]))]


def one(task: str, length: int = 8000) -> tuple[Sample, str]:
    sample = samples(TOKENIZER, task, length, 1, haystack=HAYSTACK)[0]
    return sample, str(TOKENIZER.decode(list(sample.prompt), skip_special_tokens=True))


@pytest.mark.parametrize("task", TASKS)
def test_prompts_fill_the_length_and_leave_room_for_the_answer(task: str) -> None:
    sample, _ = one(task)
    left = sample.length - sample.answer_tokens - len(sample.prompt)
    assert 0 <= left < 400
    assert sample.prompt[0] == TOKENIZER.bos_token_id
    again, other = samples(TOKENIZER, task, 8000, 2, haystack=HAYSTACK)
    assert again == sample and other != sample


@pytest.mark.parametrize(
    ("task", "keys", "values"), [("niah-single", 1, 1), ("niah-multikey", 4, 1), ("niah-multivalue", 1, 4)]
)
def test_needles(task: str, keys: int, values: int) -> None:
    sample, text = one(task)
    told: dict[str, list[str]] = {}
    for key, value in re.findall(r"One of the special magic numbers for ([\w-]+) is: (\d{7})\.", text):
        told.setdefault(key, []).append(value)
    assert len(told) == keys and {len(found) for found in told.values()} == {values}
    asked = re.findall(r"special magic numbers? for ([\w-]+) mentioned", text)
    assert len(set(asked)) == 1 and len(asked) == 2
    assert sorted(told[asked[0]]) == sorted(sample.expected)


def test_variables_are_the_chain_of_the_value_asked_for() -> None:
    sample, text = one("variable-tracking")
    _, _, asked = text.rpartition("Memorize and track")  # behind the solved example
    value = re.findall(r"assigned the value (\d{5}) in", asked)[0]
    chain = [re.findall(rf"VAR (\w{{5}}) = {value}\n", asked)[0]]
    links = {source: name for name, source in re.findall(r"VAR (\w{5}) = VAR (\w{5})\n", asked)}
    while chain[-1] in links:
        chain.append(links[chain[-1]])
    assert tuple(chain) == sample.expected and len(chain) == 5


def test_common_words_are_the_ten_most_frequent() -> None:
    sample, text = one("common-words", 20000)
    _, _, asked = text.rpartition("Below is a numbered list")
    counts = Counter(re.findall(r"\d+\. ([a-z]+)", asked))
    most = counts.most_common(11)
    assert {word for word, _ in most[:10]} == set(sample.expected)
    assert {count for _, count in most[:10]} == {30} and most[10][1] == 3


def test_too_short_a_length_or_haystack_is_refused() -> None:
    with pytest.raises(ExtendError, match="too few"):
        one("variable-tracking", 900)
    with pytest.raises(ExtendError, match="too short"):
        samples(TOKENIZER, "niah-single", 8000, 1, haystack=[Text("prose", "short", HAYSTACK[0].tokens[:3000])])
    with pytest.raises(ExtendError, match="no generated task"):
        samples(TOKENIZER, "niah", 8000, 1, haystack=HAYSTACK)


@pytest.fixture(scope="module")
def weights(tiny_folder_with_tokenizer: Path) -> Weights:
    return load(tiny_folder_with_tokenizer, dtype="float32")


def sample_of(prompt: Any, expected: tuple[str, ...]) -> Sample:
    return Sample("made", tuple(prompt), expected, 12, 100)


def test_greedy_is_generate(weights: Weights) -> None:
    prompt = torch.arange(3, 80)
    said = weights.network.generate(prompt[None], max_new_tokens=12, do_sample=False)[0, 77:]
    ends = (said == weights.tokenizer.eos_token_id).nonzero()
    said = said[: int(ends[0])] if len(ends) else said
    found = greedy(weights.network, weights.tokenizer, sample_of(prompt.tolist(), ("never said",)), chunk=32)
    assert found == weights.tokenizer.decode(said)


def test_recall_is_the_share_of_the_strings_said(weights: Weights) -> None:
    prompt = torch.arange(3, 80).tolist()
    said = greedy(weights.network, weights.tokenizer, sample_of(prompt, ("never said",)))
    half = sample_of(prompt, (said[:3].upper(), "never said"))
    assert recall(weights.network, weights.tokenizer, half) == 0.5
    assert recall(weights.network, weights.tokenizer, sample_of(prompt, (said[:3],))) == 1.0
