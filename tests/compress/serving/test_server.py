"""Requests that are served together answer, token by token, what each answers alone with its planned cache."""

from __future__ import annotations

from dataclasses import replace
from threading import Thread
from typing import Any

import pytest
import torch
from planned_models import ragged_plan, tiny
from tiny_models import build, carries_states, tokens
from transformers import GenerationConfig

from ropescope.compress.cache.layer import PlannedLayer
from ropescope.compress.serving.server import PlannedServer, serve
from ropescope.errors import PlanError
from ropescope.network.loading.weights import load
from ropescope.quality.texts import held_out_texts

N = 72
LENGTHS = (40, 33, 50, 9, 60, 2)
GREEDY = {"max_new_tokens": 8, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}


def prompt(length: int) -> list[int]:
    found: list[int] = tokens(length, seed=length)[0].tolist()
    return found


def alone(network: Any, plan: Any, ids: list[int], **settings: Any) -> list[int]:
    """What transformers' own generate answers with a planned cache of its own."""
    found = network.generate(torch.tensor([ids]), past_key_values=plan.cache(network), **settings)
    answer: list[int] = found[0, len(ids) :].tolist()
    return answer


@pytest.mark.parametrize(
    ("family", "picks"),
    [("llama", 0), ("llama", 6), ("gemma3_text", 6), ("gpt_oss", 6), ("opt", 6),
     pytest.param("lfm2", 6, marks=carries_states)],
)  # fmt: skip
def test_requests_of_any_length_that_come_at_any_time(family: str, picks: int) -> None:
    network = build(tiny(family))
    plan = ragged_plan(network, length=N, seed=2, most_picks=picks)
    server, requests = PlannedServer(network, plan, max_batch=3), []
    for index, length in enumerate(LENGTHS):
        requests.append(server.submit(prompt(length), **{**GREEDY, "max_new_tokens": 2 * index + 1}))
        server.step()
    assert len(server.running) == 3
    server.run()
    for index, (length, request) in enumerate(zip(LENGTHS, requests, strict=True)):
        assert request.finish == "length"
        assert request.tokens == alone(network, plan, prompt(length), **{**GREEDY, "max_new_tokens": 2 * index + 1})
    assert server.held_bytes() == 0


def test_an_answer_ends_with_the_token_that_ends_it_and_others_go_on() -> None:
    network = build(tiny("llama"))
    plan = ragged_plan(network, length=N, seed=2, most_picks=6)
    whole = [alone(network, plan, prompt(length), **GREEDY) for length in LENGTHS]
    ends = {**GREEDY, "eos_token_id": [whole[0][3], whole[1][6]]}
    answers = serve(network, plan, [prompt(length) for length in LENGTHS], **ends)
    assert answers == [alone(network, plan, prompt(length), **ends) for length in LENGTHS]
    assert answers != whole


def test_samples_are_those_of_generate_under_the_same_seed() -> None:
    network = build(tiny("llama"))
    plan = ragged_plan(network, length=N, seed=2, most_picks=6)
    settings = {
        **GREEDY, "do_sample": True, "temperature": 0.7, "top_k": 20, "repetition_penalty": 1.3, "min_new_tokens": 5,
        "eos_token_id": 7,
    }  # fmt: skip
    server = PlannedServer(network, plan)
    requests = [server.submit(prompt(length), seed=length, **settings) for length in LENGTHS]
    server.run()
    for length, request in zip(LENGTHS, requests, strict=True):
        torch.manual_seed(length)
        assert request.tokens == alone(network, plan, prompt(length), **settings)


def test_bytes_held_are_those_of_as_many_plans() -> None:
    network = build(tiny("llama"))
    plan = ragged_plan(network, length=400, seed=3)
    server = PlannedServer(network, plan, max_batch=4)
    for length in (380, 350, 390, 370):
        server.submit(prompt(length), **{**GREEDY, "max_new_tokens": 6 if length == 390 else 10})
    for _ in range(4):
        server.step()
    longest = max(len(request.prompt) + len(request.tokens) - 1 for request in server.running)
    assert 4 * plan.bytes_at(380) <= server.held_bytes() <= 1.02 * 4 * plan.bytes_at(longest)
    while len(server.running) == 4:
        server.step()
    server.step()
    assert server.held_bytes() <= 1.02 * 3 * plan.bytes_at(400)


def test_requests_are_cancelled_and_streamed() -> None:
    network = build(tiny("llama"))
    plan = ragged_plan(network, length=N, seed=2, most_picks=6)
    server = PlannedServer(network, plan, max_batch=2)
    first, second, third, fourth = (server.submit(prompt(length), **GREEDY) for length in (40, 33, 50, 9))
    stream = server.stream(second)
    begun = [next(stream) for _ in range(3)]
    server.cancel(first)
    server.cancel(third)
    expected = alone(network, plan, prompt(33), **GREEDY)
    assert [*begun, *stream] == expected == second.tokens
    server.run()
    assert first.finish == third.finish == "cancelled" and third.tokens == [] and 0 < len(first.tokens) < 8
    assert fourth.tokens == alone(network, plan, prompt(9), **GREEDY) and server.is_idle


@pytest.mark.parametrize("family", ["llama", "mistral", "llama4_text"])
def test_without_a_plan_it_serves_with_the_whole_cache(family: str) -> None:
    network = build(tiny(family))
    expected = [network.generate(torch.tensor([prompt(n)]), **GREEDY)[0, n:].tolist() for n in LENGTHS]
    assert serve(network, None, [prompt(n) for n in LENGTHS], max_batch=3, **GREEDY) == expected


def test_what_would_answer_otherwise_in_company_is_refused() -> None:
    network = build(tiny("llama"))
    plan = ragged_plan(network, length=N, seed=2)
    server = PlannedServer(network, plan)
    for bad, match in (
        ({"ids": prompt(N + 1)}, "prompt has 73: plan for a longer"),
        ({"ids": []}, "list of token ids"),
        ({"ids": [5, 128]}, "from 0 to 127"),
        ({"ids": ["a"]}, "list of token ids"),
        ({"ids": 5}, "list of token ids"),
        ({"num_beams": 2}, "without beam_search generation"),
        ({"num_return_sequences": 2, "do_sample": True}, "without num_return_sequences"),
        ({"stop_strings": ["x"]}, "without stop_strings"),
        ({"max_new_tokens": 0}, "max_new_tokens is 0: it must be a whole number, 1 or more"),
        ({"max_new_tokens": 1.5}, "max_new_tokens is 1.5"),
        ({"seed": "x"}, "seed is 'x'"),
        ({"ids": [True, False]}, "as tokenizer"),
        ({"do_sample": True, "temperature": 0}, "strictly positive float"),
        ({"generation_config": {"top_k": 5}}, "not a dict"),
        ({"max_length": 5, "max_new_tokens": None}, "leaves none to answer"),
        ({"max_tokens": 3}, "no setting max_tokens"),
    ):
        with pytest.raises(PlanError, match=match):
            server.submit(**{"ids": prompt(9), **GREEDY, **bad})
    assert server.is_idle
    for options, match in (
        ({"max_batch": 0}, "max_batch is 0"),
        ({"max_batch": "8"}, "max_batch is '8'"),
        ({"prefill_chunk": 0}, "prefill_chunk is 0"),
        ({"prefix_bytes": -1}, "prefix_bytes is -1"),
    ):
        with pytest.raises(PlanError, match=match):
            PlannedServer(network, plan, **options)
    with pytest.raises(PlanError, match="not a str: load it"):
        PlannedServer("smollm2", plan)
    elsewhere = PlannedServer(network, plan).submit(prompt(9), **GREEDY)
    with pytest.raises(PlanError, match="another server"):
        next(server.stream(elsewhere))
    with pytest.warns(UserWarning, match="has a context of 256"):
        PlannedServer(network, None).submit(prompt(250), **GREEDY)
    with pytest.raises(PlanError, match="not from a str"):
        serve(network, "plan.json", [prompt(9)])  # type: ignore[arg-type]


def test_a_quantised_plan_is_served_too() -> None:
    pytest.importorskip("optimum.quanto")
    network = build(tiny("llama"))
    plan = ragged_plan(network, length=N, even=30, most_picks=6).quantized(4, newest=5)
    expected = [alone(network, plan, prompt(length), **GREEDY) for length in LENGTHS]
    assert serve(network, plan, [prompt(length) for length in LENGTHS], max_batch=3, **GREEDY) == expected


def test_a_pass_that_breaks_off_fails_its_requests_and_no_others() -> None:
    network = build(tiny("llama"))
    server = PlannedServer(network, ragged_plan(network, length=N, seed=2), max_batch=2)
    requests = [server.submit(prompt(length), **GREEDY) for length in (40, 33, 50)]
    server.step()
    server.step()
    handle = network.model.layers[1].register_forward_pre_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        server.step()
    handle.remove()
    server.run()
    assert [request.finish for request in requests] == ["failed", "failed", "length"]
    assert requests[2].tokens == alone(network, server.plan, prompt(50), **GREEDY)


def test_a_choice_that_breaks_off_fails_its_request_alone() -> None:
    """Other rows have taken in the same step: if they did not answer its token, all that they say later would be wrong."""
    network = build(tiny("llama"))
    server = PlannedServer(network, ragged_plan(network, length=N, seed=2, most_picks=6), max_batch=3)
    settings = {**GREEDY, "repetition_penalty": 1.1}
    requests = [server.submit(prompt(length), **settings) for length in (40, 33, 50, 9)]
    for _ in range(4):
        server.step()
    requests[1].choose = requests[3].choose = lambda logits: 1 / 0
    for _ in range(2):  # one in the middle of its answer, one at its first token
        with pytest.raises(ZeroDivisionError):
            server.run()
    server.run()
    assert [request.finish for request in requests] == ["length", "failed", "length", "failed"]
    for request, length in ((requests[0], 40), (requests[2], 50)):
        assert request.tokens == alone(network, server.plan, prompt(length), **settings)
    assert list(server.stream(requests[3])) == []


def test_a_row_that_cannot_join_fails_those_whose_layers_it_left_uneven(monkeypatch: pytest.MonkeyPatch) -> None:
    network = build(tiny("llama"))
    server = PlannedServer(network, ragged_plan(network, length=N, seed=2), max_batch=2)
    requests = [server.submit(prompt(length), **GREEDY) for length in (40, 33, 50)]
    server.step()
    second, join = network.config.num_hidden_layers, PlannedLayer.join
    joined = []

    def breaks(mine: PlannedLayer, others: PlannedLayer) -> None:
        joined.append(mine)
        if len(joined) == second:
            raise torch.OutOfMemoryError
        join(mine, others)

    monkeypatch.setattr(PlannedLayer, "join", breaks)
    with pytest.raises(torch.OutOfMemoryError):
        server.step()
    server.run()
    assert [request.finish for request in requests] == ["failed", "failed", "length"]
    assert requests[2].tokens == alone(network, server.plan, prompt(50), **GREEDY)


def test_threads_submit_and_step_as_they_like() -> None:
    network = build(tiny("llama"))
    server = PlannedServer(network, ragged_plan(network, length=N, seed=2, most_picks=6), max_batch=3)
    answered: dict[int, list[int]] = {}

    def serve_one(length: int) -> None:
        answered[length] = list(server.stream(server.submit(prompt(length), **GREEDY)))

    threads = [Thread(target=serve_one, args=(length,)) for length in LENGTHS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    assert answered == {length: alone(network, server.plan, prompt(length), **GREEDY) for length in LENGTHS}


def test_an_answer_is_as_long_as_that_of_generate() -> None:
    network = build(tiny("llama"))
    plan = ragged_plan(network, length=N, seed=2)
    for settings in ({}, {"max_length": 30}, {"max_new_tokens": 3, "max_length": 30}):
        greedy = {"do_sample": False, "eos_token_id": None, "pad_token_id": 0, **settings}
        assert serve(network, plan, [prompt(9)], **greedy) == [alone(network, plan, prompt(9), **greedy)]


def test_frequencies_that_depend_on_the_longest_of_a_batch_are_refused_beyond_their_length() -> None:
    dynamic = {"rope_parameters": {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}}
    network = build(replace(tiny("llama"), settings={**dynamic, "max_position_embeddings": 64}))
    plan = ragged_plan(network, length=N, seed=2)
    server = PlannedServer(network, plan)
    with pytest.raises(PlanError, match=r"Beyond 64 tokens .* may come to 65"):
        server.submit(prompt(57), **GREEDY)
    fits = server.submit(prompt(56), **GREEDY)
    server.submit(prompt(20), **GREEDY)
    server.run()
    assert fits.tokens == alone(network, plan, prompt(56), **GREEDY)


def test_a_generation_config_is_taken_whole() -> None:
    network = build(tiny("llama"))
    plan = ragged_plan(network, length=N, seed=2)
    config = GenerationConfig(max_new_tokens=5, do_sample=False, eos_token_id=None, pad_token_id=0)
    (answer,) = serve(network, plan, [torch.tensor([prompt(20)])], generation_config=config)
    assert answer == alone(network, plan, prompt(20), generation_config=config) and config.max_new_tokens == 5


@pytest.mark.weights
@pytest.mark.long
def test_real_weights_answer_together_as_alone() -> None:
    """Prose behind a shared beginning, under a plan with picks, read in parts and behind each other's prefix."""
    weights = load("smollm2", dtype="float32", device="cpu")
    plan = ragged_plan(weights.network, length=560, seed=2, most_picks=40)
    text = held_out_texts(weights.tokenizer, 900, 1)[0].tokens
    prompts = [text[:520], text[:200] + text[600:850], text[300:390]]
    settings = {**GREEDY, "max_new_tokens": 16}
    expected = [alone(weights.network, plan, ids, **settings) for ids in prompts]
    assert serve(weights.network, plan, prompts, max_batch=3, **settings) == expected
    assert serve(weights.network, plan, prompts, prefill_chunk=64, prefix_bytes=1 << 28, **settings) == expected
