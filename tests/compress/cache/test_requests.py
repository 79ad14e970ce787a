"""A planned cache carries what it needs: in any thread, copied, pickled, or made of a DynamicCache that is passed in."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from planned_models import explicit_masks, logits_in_pieces, ragged_plan, tiny
from tiny_models import build, tokens
from torch import Tensor
from transformers import DynamicCache, StaticCache

from ropescope.compress.cache.applying import planned_cache
from ropescope.compress.cache.planned_cache import PlannedCache
from ropescope.compress.sparse_attention.context import blasst
from ropescope.errors import CaptureError, PlanError
from ropescope.network.capture import capture_rows
from ropescope.network.rotary import positions_of_whole

N, PROMPT = 52, 32
HALF = PROMPT + 8
PIECES = [PROMPT, *[1] * (N - PROMPT)]
DYNAMIC = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}


def setting(family: str = "llama", picks: int = 6) -> tuple[Any, Any, Tensor, Tensor]:
    """A network, a plan, ids, and the logits of attention in full under the masks of the plan, written out."""
    network = build(tiny(family), attention="sdpa")
    plan, ids = ragged_plan(network, length=N, seed=2, most_picks=picks), tokens(N)
    with explicit_masks(network, plan, PIECES), torch.no_grad():
        expected = network(ids, use_cache=False).logits
    return network, plan, ids, expected


def close(found: Tensor, expected: Tensor) -> None:
    assert (found - expected).abs().max() < 1e-5 * max(1.0, float(expected.abs().max()))


@pytest.mark.parametrize("family", ["llama", "gemma3_text"])
@pytest.mark.parametrize("made", [lambda network: DynamicCache(), lambda network: DynamicCache(config=network.config)])
def test_a_cache_that_is_passed_in_becomes_a_planned_one(family: str, made: Callable[[Any], DynamicCache]) -> None:
    network, plan, ids, expected = setting(family)
    before = made(network)
    with planned_cache(plan, network) as same:
        assert same is network
        close(logits_in_pieces(network, ids, before, PIECES), expected)
        assert before.get_seq_length() == N
        assert isinstance(before, PlannedCache) and before.plan == plan and before.held_bytes() > 0
        before.reset()
        close(logits_in_pieces(network, ids, before, PIECES), expected)
        inside = made(network)
        close(logits_in_pieces(network, ids[:, :HALF], inside, PIECES[: HALF - PROMPT + 1]), expected[:, :HALF])
    # What began inside goes on outside, and a copy of it does too.
    kept = copy.deepcopy(inside)
    close(logits_in_pieces(network, ids[:, HALF:], inside, [1] * (N - HALF)), expected[:, HALF:])
    close(logits_in_pieces(network, ids[:, HALF:], kept, [1] * (N - HALF)), expected[:, HALF:])


def test_generate_fills_the_cache_it_is_given() -> None:
    network, plan, ids, _ = setting()
    options = {"max_new_tokens": 8, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    prompt, own = ids[:, :PROMPT], DynamicCache()
    expected = network.generate(prompt, past_key_values=plan.cache(network), **options)
    with plan.applied(network):
        assert torch.equal(network.generate(prompt, past_key_values=own, **options), expected)
        assert own.get_seq_length() == expected.shape[1] - 1
        # The next turn goes on with it.
        turn = torch.cat([expected, ids[:, :3]], dim=1)
        again = network.generate(turn, past_key_values=own, **options)
    cache = plan.cache(network)
    with torch.no_grad():
        for piece in turn.split([PROMPT, *[1] * 7, 4], dim=1):
            last = network(piece, past_key_values=cache).logits[:, -1:]
        for token in again[0, turn.shape[1] :]:
            assert token == last.argmax(-1)
            last = network(token.view(1, 1), past_key_values=cache).logits


def test_caches_that_cannot_hold_a_plan_are_refused() -> None:
    network, plan, ids, _ = setting()
    filled = DynamicCache()
    with torch.no_grad():
        network(ids[:, :5], past_key_values=filled)
        with plan.applied(network):
            with pytest.raises(PlanError, match="filled without the plan"):
                network(ids[:, 5:6], past_key_values=filled)
            with pytest.raises(PlanError, match=r"A StaticCache cannot hold.*leave out cache_implementation"):
                network(ids, past_key_values=StaticCache(config=network.config, max_cache_len=N))
            with pytest.raises(PlanError, match="leave out cache_implementation"):
                network.generate(ids[:, :9], max_new_tokens=2, cache_implementation="static", do_sample=False)


@pytest.mark.parametrize("family", ["llama", "gemma3_text"])
@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda cache: pickle.loads(pickle.dumps(cache))], ids=["copy", "pickle"]
)
def test_a_prefix_is_used_again_once_the_original_is_gone(family: str, again: Callable[[Any], Any]) -> None:
    network, plan, ids, expected = setting(family)
    prefix = plan.cache(network)
    logits_in_pieces(network, ids[:, :PROMPT], prefix, [PROMPT])
    copies = [again(prefix) for _ in range(2)]
    del prefix
    gc.collect()
    reloaded = build(tiny(family), attention="sdpa")
    for model, cache in zip((network, reloaded), copies, strict=True):
        close(logits_in_pieces(model, ids[:, PROMPT:], cache, PIECES[1:]), expected[:, PROMPT:])


def test_a_cache_that_another_model_filled_is_refused() -> None:
    network, plan, ids, _ = setting()
    cache = plan.cache(network)
    logits_in_pieces(network, ids[:, :PROMPT], cache, [PROMPT])
    other = build(tiny("llama"), seed=7, attention="sdpa")
    for given in (copy.deepcopy(cache), pickle.loads(pickle.dumps(cache))):
        with pytest.raises(PlanError, match="filled by another model"), torch.no_grad():
            other(ids[:, :1], past_key_values=given)


def test_two_requests_at_once_are_each_as_if_alone() -> None:
    network, plan, _, _ = setting()
    second = ragged_plan(network, length=N, seed=11, most_picks=6)
    texts = [tokens(N, seed=seed) for seed in (3, 4, 5)]

    def explicit(own: Any, text: Tensor) -> Tensor:
        return logits_in_pieces(network, text, own.cache(network), PIECES)

    def applied(own: Any, text: Tensor) -> Tensor:
        with own.applied(network):
            return logits_in_pieces(network, text, DynamicCache(), PIECES)

    def plain(_: Any, text: Tensor) -> Tensor:
        return logits_in_pieces(network, text, DynamicCache(), PIECES)

    jobs = [(explicit, plan, texts[0]), (explicit, second, texts[1]), (applied, plan, texts[2]), (applied, second, texts[0]),
            (plain, None, texts[1])]  # fmt: skip
    expected = [run(own, text) for run, own, text in jobs]
    assert not torch.equal(expected[4], expected[1])
    found: dict[int, Tensor] = {}
    ready = threading.Barrier(len(jobs))

    def work(index: int) -> None:
        run, own, text = jobs[index]
        ready.wait()
        for _ in range(2):
            found[index] = run(own, text)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(found[index], expected[index]) for index in range(len(jobs)))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_pass_that_breaks_off_leaves_the_model_and_is_noticed(error: type[BaseException]) -> None:
    network, plan, ids, expected = setting()
    own = logits_in_pieces(network, ids, DynamicCache(), PIECES)

    def fail(*_: Any) -> None:
        raise error

    with plan.applied(network):
        cache = DynamicCache()
        logits_in_pieces(network, ids[:, :PROMPT], cache, [PROMPT])
        handle = network.model.layers[1].register_forward_pre_hook(fail)
        with pytest.raises(error):
            logits_in_pieces(network, ids[:, :1], cache, [1])
        handle.remove()
        with pytest.raises(PlanError, match="a pass broke off"):
            logits_in_pieces(network, ids[:, :1], cache, [1])
        close(logits_in_pieces(network, ids, DynamicCache(), PIECES), expected)
    assert torch.equal(logits_in_pieces(network, ids, DynamicCache(), PIECES), own)


def test_a_mask_of_ones_own_holds_for_the_first_pass() -> None:
    """A prefix that sees itself in both directions; what comes behind it sees all, and a mask that says less is refused."""
    network, plan, ids, _ = setting(picks=0)
    square = torch.ones(PROMPT, PROMPT, dtype=torch.bool).tril()
    square[:8, :8] = True
    cache, own = plan.cache(network), DynamicCache()
    with torch.no_grad():
        found = network(ids[:, :PROMPT], attention_mask=square[None, None], past_key_values=cache).logits
        expected = network(ids[:, :PROMPT], attention_mask=square[None, None], past_key_values=own).logits
        close(found, expected)
        row = torch.ones(1, 1, 1, PROMPT + 1, dtype=torch.bool)
        network(ids[:, PROMPT : PROMPT + 1], attention_mask=row, past_key_values=cache)
        row = torch.ones(1, 1, 1, PROMPT + 2, dtype=torch.bool)
        row[..., 5] = False
        with pytest.raises(PlanError, match="and nothing else"):
            network(ids[:, PROMPT : PROMPT + 1], attention_mask=row, past_key_values=cache)
        with pytest.raises(PlanError, match="prefill='full'"):
            network(
                ids[:, :PROMPT],
                attention_mask=square[None, None],
                past_key_values=plan.cache(network, prefill="windowed"),
            )


@pytest.mark.long  # most of a minute of compiling
def test_a_compiled_model_takes_a_planned_cache() -> None:
    network, plan, ids, expected = setting()
    compiled = torch.compile(network, backend="eager")
    pieces = [PROMPT, 1, 1, 1]
    cache = plan.cache(compiled)
    close(logits_in_pieces(compiled, ids[:, : PROMPT + 3], cache, pieces), expected[:, : PROMPT + 3])
    own = logits_in_pieces(network, ids[:, : PROMPT + 3], DynamicCache(), pieces)
    close(logits_in_pieces(compiled, ids[:, : PROMPT + 3], DynamicCache(), pieces), own)


def test_what_stands_on_one_model_together_is_asked_in_turn_or_objects() -> None:
    """A first pass in full is the model's own, so rows are read and blocks are skipped below the plan; later tokens are not."""
    network, plan, ids, expected = setting(picks=0)
    rows: list[Tensor] = []
    with torch.no_grad(), capture_rows(network, [20], lambda row: rows.append(row.weights.clone())):
        network(ids[:, :PROMPT])
    own = rows.copy()
    rows.clear()
    cache = plan.cache(network)
    with torch.no_grad(), capture_rows(network, [20, PROMPT], lambda row: rows.append(row.weights.clone())):
        close(network(ids[:, :PROMPT], past_key_values=cache).logits, expected[:, :PROMPT])
        assert all(torch.equal(one, other) for one, other in zip(own, rows, strict=True))
        with pytest.raises(CaptureError, match="a planned cache behind its first pass"):
            network(ids[:, PROMPT : PROMPT + 1], past_key_values=cache)
    cache = plan.cache(network)
    with torch.no_grad(), blasst(network, threshold=0.0) as run:
        close(network(ids[:, :PROMPT], past_key_values=cache).logits, expected[:, :PROMPT])
        assert run.pairs("prefill")[0] > 0
        with pytest.raises(PlanError, match="Blocks cannot be skipped"):
            network(ids[:, PROMPT : PROMPT + 1], past_key_values=cache)
        with capture_rows(network, [20], lambda _: None), pytest.raises(PlanError, match="Blocks cannot be skipped"):
            network(ids[:, :PROMPT])


def test_what_is_put_on_a_model_holds_for_its_own_thread() -> None:
    network, _, ids, _ = setting()
    with torch.no_grad():
        expected = network(ids).logits
    rows: list[int] = []
    found: list[Tensor] = []

    def plain() -> None:
        with torch.no_grad():
            found.append(network(ids).logits)

    with capture_rows(network, [20], lambda row: rows.append(row.layer)), blasst(network, threshold=0.9):
        thread = threading.Thread(target=plain)
        thread.start()
        thread.join()
    assert torch.equal(found[0], expected) and not rows


@pytest.mark.parametrize(
    "entered",
    [
        lambda network, plan: plan.applied(network),
        lambda network, _: capture_rows(network, [20], lambda _: None),
        lambda network, _: positions_of_whole(network, 400),
    ],
    ids=["applied", "capture_rows", "positions_of_whole"],
)
def test_a_pass_of_another_thread_is_its_own_from_the_entry_to_the_end_of_a_context(
    entered: Callable[..., Any],
) -> None:
    """Hooks stand on the shared model; a context that ends while a pass of another thread runs takes them away under it."""
    network = build(replace(tiny("llama"), settings={"rope_parameters": DYNAMIC}), attention="sdpa")
    plan, ids = ragged_plan(network, length=N), tokens(20)
    holed = torch.ones_like(ids)
    holed[0, 3] = 0
    with torch.no_grad():
        expected = network(ids, attention_mask=holed).logits
    inside, leave, left = (threading.Event() for _ in range(3))

    def other() -> None:
        with entered(network, plan):
            inside.set()
            leave.wait(600)
        left.set()

    def while_the_pass_runs(*_: Any) -> None:
        leave.set()
        assert left.wait(600)

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(600)
    with torch.no_grad():
        assert torch.equal(network(ids, attention_mask=holed).logits, expected)
        for module in (network.model, network.model.rotary_emb, network.model.layers[0]):
            module.register_forward_pre_hook(while_the_pass_runs, prepend=True)
        assert torch.equal(network(ids, attention_mask=holed).logits, expected)
    thread.join()


def test_rows_of_another_number_are_refused_and_harm_nothing() -> None:
    network, plan, ids, expected = setting()
    cache = plan.cache(network)
    with torch.no_grad():
        network(ids[:, :PROMPT], past_key_values=cache)
        for new in (1, 3):
            with pytest.raises(PlanError, match="holds 1 rows and the pass has 2"):
                network(ids[:, PROMPT : PROMPT + new].expand(2, -1), past_key_values=cache)
        cache.batch_repeat_interleave(2)
        found = network(ids[:, PROMPT : PROMPT + 1].expand(2, -1), past_key_values=cache).logits
    close(found, expected[:, PROMPT : PROMPT + 1].expand(2, -1, -1))


def test_a_mask_with_a_bias_is_refused_as_such() -> None:
    """It hides nothing, and was taken for padding where no key had a bias of 0."""
    network, plan, ids, _ = setting()
    far = torch.arange(PROMPT)[:, None] - torch.arange(PROMPT)
    bias = torch.where(far < 0, torch.finfo(torch.float32).min, -0.1 * far.float())[None, None]
    for mask in (bias, bias - 0.5):
        with pytest.raises(PlanError, match="adds a bias"), torch.no_grad():
            network(ids[:, :PROMPT], attention_mask=mask, past_key_values=plan.cache(network))
