"""Answers that cross the length at which frequencies change: prompt and answer are read under one table."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from packaging.version import Version
from tiny_models import Tiny, build, tokens
from transformers import DynamicCache

from ropescope.extend.evaluate.answering import greedy
from ropescope.extend.evaluate.candidates import candidates
from ropescope.extend.evaluate.session import Evaluation
from ropescope.extend.evaluate.tasks import Sample
from ropescope.models import from_config
from ropescope.models.source import Source
from ropescope.network.loading.weights import Weights
from ropescope.quality.loss import prefill
from ropescope.quality.retrieval import score
from ropescope.quality.trials import Trial

ORIGINAL = 32
LONG = {
    "rope_parameters": {
        "rope_type": "longrope",
        "rope_theta": 1e4,
        "short_factor": [1.0, 1.1, 1.2, 1.3],
        "long_factor": [1.0, 2.0, 4.0, 6.0],
        "original_max_position_embeddings": ORIGINAL,
    },
    "original_max_position_embeddings": ORIGINAL,
    "max_position_embeddings": 128,
}
DYNAMIC = {"max_position_embeddings": ORIGINAL}
WORDS = SimpleNamespace(decode=lambda ids: " ".join(map(str, ids)), eos_token_id=None, bos_token_id=None)


def said_by_whole_passes(network: Any, prompt: torch.Tensor, count: int, whole: int) -> tuple[int, ...]:
    """Greedy, each token by one pass over all before it, with what fills it to `whole` tokens behind."""
    found = prompt
    for _ in range(count):
        padded = torch.cat([found, torch.ones(1, whole - found.shape[1], dtype=torch.long)], dim=1)
        with torch.no_grad():
            after = network(padded, use_cache=False).logits[:, found.shape[1] - 1].argmax(-1)
        found = torch.cat([found, after[None]], dim=1)
    return tuple(found[0, prompt.shape[1] :].tolist())


def said_by_growing_passes(network: Any, prompt: torch.Tensor, count: int) -> tuple[int, ...]:
    found = prompt
    for _ in range(count):
        with torch.no_grad():
            found = torch.cat([found, network(found, use_cache=False).logits[:, -1:].argmax(-1)], dim=1)
    return tuple(found[0, prompt.shape[1] :].tolist())


def log_probability(network: Any, prompt: torch.Tensor, answer: tuple[int, ...]) -> float:
    whole = torch.cat([prompt, torch.tensor([answer])], dim=1)
    with torch.no_grad():
        rows = network(whole, use_cache=False).logits[0, prompt.shape[1] - 1 : -1].log_softmax(-1)
    return float(rows.gather(1, torch.tensor(answer)[:, None]).sum())


@pytest.mark.parametrize(
    ("kind", "method", "context"), [("longrope", "none", 28), ("longrope", "none", 24), ("dynamic", "dynamic", 36)]
)
def test_a_planted_fact_is_asked_for_under_the_frequencies_of_its_context(kind: str, method: str, context: int) -> None:
    """The context ends within the original length, the question or the answer crosses it: read apart, keys would be turned by
    two tables. Under dynamic NTK every token more is another table."""
    made = Tiny("phi3", LONG) if kind == "longrope" else Tiny("llama", DYNAMIC)
    network = build(made, attention="sdpa")
    model = from_config(network.config.to_dict())
    weights = Weights(network, WORDS, model, Source("dict", kind), "made")
    length, apart = context + 12, []
    for seed in range(4):
        ids = tokens(context + 6, seed=seed)
        plan = candidates(model, 64, [method])
        with plan[0].plan.applied(network):
            answer = said_by_whole_passes(network, ids, 6, length)
            decoys = tuple((*answer[:-1], (answer[-1] + 1 + other) % 90) for other in range(9))
            told = tuple(ids[0, :context].tolist())
            trial = Trial("passkey", told, tuple(ids[0, context:].tolist()), answer, decoys, 0.5, length)
            whole = log_probability(network, ids, answer)
            with plan[0].plan.applied(network):
                read_apart = score(network, prefill(network, torch.tensor(told), chunk=context), trial).answer
            apart.append(abs(read_apart - whole))
        evaluation = Evaluation(weights, plan, 64, (), trials=[trial])
        assert evaluation._asked([trial], plan[0]) == [[True, True]]
    assert min(apart) > 1e-3


def test_a_greedy_answer_is_what_generate_says_across_the_switch() -> None:
    network, prompt = build(Tiny("phi3", LONG), attention="sdpa"), tokens(26)
    expected = said_by_growing_passes(network, prompt, 20)
    sample = Sample("repeat", tuple(prompt[0].tolist()), ("never said",), 20, 46)
    for chunk in (None, 10):
        assert greedy(network, WORDS, sample, chunk=chunk) == WORDS.decode(expected)
    if Version(transformers.__version__) < Version("5.4"):
        return  # its own cache forgets the text at the switch
    options = {"do_sample": False, "eos_token_id": None, "pad_token_id": 0, "max_new_tokens": 20}
    mixed = network.generate(prompt, past_key_values=DynamicCache(config=network.config), **options)
    assert tuple(mixed[0, 26:].tolist()) == expected
