"""Retrieval: what is planted where, and scores against log-probabilities taken the long way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
from long_matrix import in_brief
from tiny_models import carries_states
from tiny_networks import network_of
from tiny_tokenizer import byte_tokenizer

from ropescope.errors import MeasurementError
from ropescope.quality.cache_state import unchanged
from ropescope.quality.loss import prefill
from ropescope.quality.packing import packable
from ropescope.quality.planting import Task
from ropescope.quality.retrieval import Score, score, scores
from ropescope.quality.texts import Text
from ropescope.quality.trials import Trial, trials

TOKENIZER = byte_tokenizer()
HAY = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again. "
HAYSTACK = [Text("prose", "hay", tuple(TOKENIZER(HAY * 300)["input_ids"]))]
DEPTHS = (0.1, 0.5, 0.9)


def made(task: Any, **given: Any) -> list[Trial]:
    settings: dict[str, Any] = {"depths": DEPTHS, "per_depth": 4, "keys_per_context": 9, "haystack": HAYSTACK}
    return trials(TOKENIZER, task, 6000, **{**settings, **given})


def text_of(ids: Sequence[int]) -> str:
    return str(TOKENIZER.decode(list(ids)))


@pytest.mark.parametrize("task", get_args(Task))
def test_each_answer_stands_once_near_its_depth(task: str) -> None:
    found = made(task)
    assert [trial.depth for trial in found].count(0.5) == 4 and len(found) == 12
    for trial in found:
        context = text_of(trial.context)
        fact = text_of((*trial.question, *trial.answer)).strip()
        assert context.count(fact) == 1
        assert abs(context.index(fact) / len(context) - trial.depth) < 0.25
        assert trial.length - 60 < len(trial.context) + len(trial.question) + len(trial.answer) <= trial.length
        assert len(set(trial.decoys)) == 9 and trial.answer not in trial.decoys
        assert {len(decoy) for decoy in trial.decoys} == {len(trial.answer)}
        assert len({trial.answer[0], *(decoy[0] for decoy in trial.decoys)}) > 1


def test_decoys_of_a_passkey_stand_nowhere_and_those_of_the_others_do() -> None:
    for task, there in (("passkey", False), ("multi-key", True), ("key-value", True)):
        for trial in made(task):
            context = text_of(trial.context)
            assert all((f" {text_of(decoy).strip()}" in context) is there for decoy in trial.decoys)


def test_trials_of_a_context_stand_together() -> None:
    found = made("multi-key")
    order = list(dict.fromkeys(trial.context for trial in found))
    assert len(order) == 2
    assert [order.index(trial.context) for trial in found] == [0] * 9 + [1] * 3
    assert found == made("multi-key") and found != made("multi-key", seed=1)


def test_facts_stand_between_sentences() -> None:
    context = text_of(made("passkey", keys_per_context=3)[0].context)
    before = [part[-1] for part in context.split(" The secret number of")[:-1]]
    assert before == ["."] * 3


def log_probabilities(network: Any, trial: Trial) -> tuple[list[float], bool]:
    """Of the answer and of each decoy, by one pass over whole sequences; and whether the answer is the likeliest."""
    answers = torch.tensor([trial.answer, *trial.decoys])
    before = torch.tensor([*trial.context, *trial.question]).expand(len(answers), -1)
    with torch.inference_mode():
        logits = network(torch.cat([before, answers], dim=1)).logits
    rows = logits[:, before.shape[1] - 1 : -1].log_softmax(-1)
    found = rows.gather(2, answers[:, :, None]).sum(dim=(1, 2)).tolist()
    return found, bool((rows[0].argmax(1) == answers[0]).all())


@pytest.mark.parametrize("family", ["llama", "mistral", pytest.param("falcon_h1", marks=carries_states)])
def test_scores_are_those_of_the_whole_sequence(family: str) -> None:
    network = network_of(family, torch.float32)
    generator = torch.Generator().manual_seed(5)

    def ids(n: int) -> tuple[int, ...]:
        return tuple(torch.randint(3, 96, (n,), generator=generator).tolist())

    context, seen = ids(50), {True: 0, False: 0}
    cache = prefill(network, torch.tensor(context), chunk=20)
    for _ in range(12):
        trial = Trial("made", context, ids(4), ids(3), tuple(ids(3) for _ in range(9)), 0.5, 57)
        found = score(network, cache, trial)
        (answer, *others), exact = log_probabilities(network, trial)
        best = max(others)
        assert found.answer == pytest.approx(answer, abs=1e-4)
        assert (found.right, found.exact) == (answer > best, exact)
        if found.right:
            assert best - 1e-4 <= found.best_decoy <= found.answer
        else:
            assert found.best_decoy == pytest.approx(best, abs=1e-4)
        seen[found.right] += 1
    assert seen[False]


def said_greedily(network: Any, before: tuple[int, ...], n: int) -> tuple[int, ...]:
    answer: tuple[int, ...] = ()
    for _ in range(n):
        with torch.inference_mode():
            answer += (int(network(torch.tensor([[*before, *answer]])).logits[0, -1].argmax()),)
    return answer


TOGETHER = ("llama", "qwen3", "glm4", "gpt_neox", "granite", "phi", "olmo2", "deepseek_v3", "cohere")
APART = ("mistral", "gemma3_text", "gpt_oss", pytest.param("falcon_h1", marks=carries_states))


@pytest.mark.parametrize("implementation", in_brief(["sdpa", "eager"], ("sdpa",)))
@pytest.mark.parametrize("family", in_brief(TOGETHER, ("llama", "gpt_neox", "deepseek_v3")))
def test_trials_asked_together_score_as_each_by_itself(family: str, implementation: str) -> None:
    network = network_of(family, torch.float32)
    network.set_attn_implementation(implementation)
    scores_agree(network, together=True)


@pytest.mark.parametrize("family", in_brief(APART, ("gpt_oss", "falcon_h1")))
def test_windows_and_states_are_asked_one_by_one(family: str) -> None:
    scores_agree(network_of(family, torch.float32), together=False)


def scores_agree(network: Any, *, together: bool) -> None:
    generator = torch.Generator().manual_seed(7)

    def ids(n: int) -> tuple[int, ...]:
        return tuple(torch.randint(3, 96, (n,), generator=generator).tolist())

    context, group = ids(50), list[Trial]()
    for n in range(6):
        question, length = ids(3 + n % 3), 1 + n % 3
        answer = said_greedily(network, context + question, length) if n % 2 else ids(length)
        group.append(Trial("made", context, question, answer, tuple(ids(length) for _ in range(9)), 0.5, 57))
    cache = prefill(network, torch.tensor(context), chunk=20)
    assert packable(network, cache) is together
    found, each = scores(network, cache, group), [score(network, cache, trial) for trial in group]
    assert cache.get_seq_length() == 50
    for one, alone in zip(found, each, strict=True):
        assert (one.right, one.exact) == (alone.right, alone.exact)
        assert one.answer == pytest.approx(alone.answer, abs=1e-4)
        assert one.best_decoy == pytest.approx(alone.best_decoy, abs=1e-4)
    assert {one.right for one in found} == {True, False}


def test_greedy_answer_is_exact_and_right() -> None:
    network = network_of("llama", torch.float32)
    context, question = tuple(range(3, 43)), (50, 51, 52)
    cache = prefill(network, torch.tensor(context))
    answer = said_greedily(network, context + question, 3)
    trial = Trial("made", context, question, answer, tuple((index, index, index) for index in range(60, 69)), 0.5, 46)
    found = score(network, cache, trial)
    assert found.exact and found.right
    assert not score(network, cache, replace(trial, answer=(*answer[:2], (answer[2] + 1) % 96))).exact


@pytest.mark.parametrize(
    "family", ["llama", "mistral", *(pytest.param(name, marks=carries_states) for name in ("falcon_h1", "qwen3_next"))]
)
def test_a_cache_is_put_back(family: str) -> None:
    network, ids = network_of(family, torch.float32), torch.arange(3, 63)[None]
    cache = prefill(network, ids[:, :40])
    with torch.inference_mode():
        with unchanged(cache):
            first = network(ids[:, 40:], past_key_values=cache).logits
        assert cache.get_seq_length() == 40
        with pytest.raises(IndexError), unchanged(cache):
            network(torch.cat([ids[:, 41:50], torch.full((1, 1), 96)], 1), past_key_values=cache)  # no such token
        assert torch.equal(network(ids[:, 40:], past_key_values=cache).logits, first)


def test_what_cannot_be_asked_is_said() -> None:
    with pytest.raises(MeasurementError, match="no retrieval task"):
        made("passkeys")
    with pytest.raises(MeasurementError, match="cannot hold"):
        trials(TOKENIZER, "passkey", 2000, depths=DEPTHS, per_depth=20, keys_per_context=60, haystack=HAYSTACK)
    with pytest.raises(MeasurementError, match="too many"):
        made("passkey", keys_per_context=300, per_depth=100)
    with pytest.raises(MeasurementError, match="depths between"):
        made("passkey", depths=())


@pytest.mark.weights
@pytest.mark.long
def test_smollm2_finds_what_it_was_told() -> None:
    from ropescope.network.loading.weights import load

    weights = load("smollm2")
    scores: list[Score] = []
    cache, held = None, ()
    for trial in trials(weights.tokenizer, "passkey", 2048, per_depth=4):
        if trial.context != held:
            cache, held = prefill(weights.network, torch.tensor(trial.context)), trial.context
        scores.append(score(weights.network, cache, trial))
    # Twenty of twenty when first run; chance is two.
    assert sum(found.right for found in scores) >= 17
