"""A prompt that is read in parts, or behind a prefix that was read before, answers as if it was read in one pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
import transformers
from packaging.version import Version
from planned_models import ragged_plan, tiny
from tiny_models import build, carries_states, tokens

from ropescope.compress.cache.latents import LATENTS_FROM
from ropescope.compress.plan.picks import OBSERVED
from ropescope.compress.serving import reading
from ropescope.compress.serving.prefixes import BLOCK, PrefixCache
from ropescope.compress.serving.server import PlannedServer, serve
from ropescope.errors import PlanError

N = 720
needs_latents = pytest.mark.skipif(
    Version(transformers.__version__) < Version(LATENTS_FROM),
    reason="this transformers keeps keys in the place of latents",
)
GREEDY = {"max_new_tokens": 8, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
SHARED = tokens(400, seed=1)[0].tolist()
PROMPTS = [SHARED + tokens(n, seed=n)[0].tolist() for n in (280, 301, 20)] + [tokens(310, seed=9)[0].tolist()]


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The tokens of each pass over a prompt."""
    found: list[int] = []
    own = reading.next_logits

    def noted(model: Any, ids: torch.Tensor, *rest: Any) -> torch.Tensor:
        found.append(ids.shape[1])
        return own(model, ids, *rest)

    monkeypatch.setattr(reading, "next_logits", noted)
    return found


def alone(network: Any, plan: Any, ids: list[int]) -> list[int]:
    cache = None if plan is None else plan.cache(network)
    found: list[int] = network.generate(torch.tensor([ids]), past_key_values=cache, **GREEDY)[0, len(ids) :].tolist()
    return found


@pytest.mark.parametrize(
    ("family", "picks"),
    [
        ("llama", 0),
        ("llama", 40),
        ("gemma3_text", 40),
        pytest.param("deepseek_v3", 40, marks=needs_latents),
        ("gemma3_text", None),
    ],
)
def test_answers_are_those_of_one_pass(family: str, picks: int | None, passes: list[int]) -> None:
    network = build(tiny(family))
    plan = None if picks is None else ragged_plan(network, length=N, seed=2, most_picks=picks)
    expected = [alone(network, plan, ids) for ids in PROMPTS]
    assert serve(network, plan, PROMPTS, prefill_chunk=100, **GREEDY) == expected
    # Behind a last pass lie as many queries as pick; without picks every part has 100 tokens at most.
    last = OBSERVED if picks else 100
    assert max(passes) == last and sum(passes) == sum(map(len, PROMPTS))
    passes.clear()
    server = PlannedServer(network, plan, prefix_bytes=1 << 30)
    requests = [server.submit(ids, **GREEDY) for ids in PROMPTS]
    server.run()
    assert [request.tokens for request in requests] == expected
    assert server.prefixes is not None
    # 280 tokens behind the shared 400: the first leaves whole blocks before its last pass, up to 424 or 640.
    shared = [400 // BLOCK * BLOCK, (420 - (OBSERVED if picks else 1)) // BLOCK * BLOCK]
    shared[1] = min(shared)
    assert server.prefixes.tokens_saved == sum(shared) == sum(map(len, PROMPTS)) - sum(passes)
    assert (server.prefixes.hits, server.prefixes.misses) == (2, 2)


def test_a_prefix_is_read_with_chunks_and_kept_for_the_same_prompt(passes: list[int]) -> None:
    network = build(tiny("llama"))
    plan = ragged_plan(network, length=N, seed=2, most_picks=40)
    server = PlannedServer(network, plan, prefix_bytes=1 << 30, prefill_chunk=256)
    answers = []
    for _ in range(2):
        request = server.submit(PROMPTS[0], **GREEDY)
        server.run()
        answers.append(request.tokens)
    assert answers == [alone(network, plan, PROMPTS[0])] * 2
    saved = (680 - OBSERVED) // BLOCK * BLOCK
    assert sum(passes) == 2 * 680 - saved


def test_blocks_keep_within_their_bytes_and_the_oldest_go() -> None:
    whole = type("Whole", (), {})()

    def filled(n: int, value: float) -> Any:
        layer = type("Layer", (), {"keys": torch.full((1, 2, n, 4), value), "values": torch.full((1, 2, n, 4), -value)})
        whole.layers = [layer, layer]
        return whole

    block = 2 * 2 * 2 * BLOCK * 4 * 4
    prefixes = PrefixCache(4 * block)
    one, other = [1] * (3 * BLOCK), [1] * BLOCK + [2] * (2 * BLOCK)
    prefixes.keep(one, filled(3 * BLOCK, 1.0))
    assert prefixes.held_bytes == 3 * block
    assert [states.shape[2] for states in prefixes.find([*one, 5])[1]] == [3 * BLOCK] * 2
    # The block that both begin with is held once; the last block of the prompt that was used before goes first.
    prefixes.keep(other, filled(3 * BLOCK, 2.0))
    assert prefixes.held_bytes == 4 * block
    assert prefixes.find(other)[0][0][0, 0, :, 0].tolist() == [1.0] * BLOCK + [2.0] * (2 * BLOCK)
    assert prefixes.find(one)[0][1].shape[2] == 2 * BLOCK
    # A prompt that does not fit whole keeps what it begins with.
    prefixes.keep([3] * (9 * BLOCK), filled(9 * BLOCK, 3.0))
    assert prefixes.held_bytes == 4 * block and prefixes.find([3] * (9 * BLOCK))[0][0].shape[2] == 4 * BLOCK
    assert prefixes.find([3] * (BLOCK - 1)) == [] and prefixes.find([4] + [3] * BLOCK) == []


@pytest.mark.parametrize("family", ["gemma3_text", pytest.param("lfm2", marks=carries_states)])
def test_windows_that_hold_in_the_prompt_hold_in_its_parts(family: str, passes: list[int]) -> None:
    network = build(tiny(family))
    plan = replace(ragged_plan(network, length=N, seed=2), prefill="windowed")
    expected = [alone(network, plan, ids) for ids in PROMPTS]
    assert expected != [alone(network, replace(plan, prefill="full"), ids) for ids in PROMPTS]
    assert serve(network, plan, PROMPTS, prefill_chunk=100, **GREEDY) == expected and max(passes) == 100
    with pytest.raises(PlanError, match="windows hold in the prompt"):
        PlannedServer(network, plan, prefix_bytes=1 << 20)


@carries_states
def test_states_are_not_taken_from_the_middle_of_a_prompt() -> None:
    network = build(tiny("lfm2"))
    plan = ragged_plan(network, length=N)
    for options in ({"prefill_chunk": 64}, {"prefix_bytes": 1 << 20}):
        with pytest.raises(PlanError, match="LinearAttentionLayer"):
            PlannedServer(network, plan, **options)


def test_a_last_pass_without_the_queries_that_pick_is_refused() -> None:
    network = build(tiny("llama"))
    plan = ragged_plan(network, length=N, seed=2, most_picks=40)
    whole = network(torch.tensor([PROMPTS[0][:600]])).past_key_values
    cache = plan.cache(network)
    for layer, held in zip(cache.layers, whole.layers, strict=True):
        layer.begin_with(held.keys.detach(), held.values.detach())
    with pytest.raises(PlanError, match="last 256 tokens of a prompt pick"), torch.no_grad():
        network(torch.tensor([PROMPTS[0][600:]]), past_key_values=cache)
