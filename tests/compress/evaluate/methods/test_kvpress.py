"""What a peer keeps as a mask is what its press really keeps inside kvpress's own context manager."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from planned_models import tiny
from tiny_models import build, tokens
from transformers import DynamicCache

from ropescope.compress.evaluate.methods.method import Method, Prefilled
from ropescope.compress.evaluate.scoring.harness import cut, prefill
from ropescope.compress.evaluate.scoring.visible import Kept
from ropescope.errors import EvaluationError
from ropescope.models.opening import open as open_model

kvpress = pytest.importorskip("kvpress", reason="kvpress is not installed: pip install 'ropescope[peers]'")

from ropescope.compress.evaluate.methods.kvpress import KVPRESS_METHODS, SAFE, seed_of  # noqa: E402

N = 230


@pytest.fixture(scope="module")
def network() -> Any:
    return build(tiny("llama"), attention="sdpa")


@pytest.fixture(scope="module")
def filled(network: Any) -> Prefilled:
    return prefill(network, open_model(network.config.to_dict()), tokens(N))


def really_run(network: Any, name: str, budget: float) -> DynamicCache:
    """The cache that a prefill inside the press's own context leaves; masked keys stay in it, as kvpress has it."""
    cache = DynamicCache()
    with KVPRESS_METHODS[name].make(kvpress, 1 - budget - SAFE)(network), torch.no_grad():
        torch.manual_seed(seed_of(tokens(N)))
        network(tokens(N), past_key_values=cache)
    return cache


@pytest.mark.parametrize("name", KVPRESS_METHODS)
@pytest.mark.parametrize("budget", [0.31, 0.57])
def test_what_is_kept_is_what_a_real_run_keeps(network: Any, filled: Prefilled, name: str, budget: float) -> None:
    kept = KVPRESS_METHODS[name].keep(filled, budget)
    before = [layer.keys.clone() for layer in filled.cache.layers]
    cache = really_run(network, name, budget)
    total = 0
    for index, (layer, chosen) in enumerate(zip(cache.layers, kept, strict=True)):
        assert chosen is not None
        left = torch.ones(chosen.shape, dtype=torch.bool)
        if name == "adakv":
            _, heads, places = network.model.layers[index].self_attn.masked_key_indices
            left[heads, places] = False
        for head, keys in enumerate(layer.keys[0]):
            ours = before[index][0, head][chosen[head]]
            torch.testing.assert_close(_in_order(ours), _in_order(keys[left[head]] if name == "adakv" else keys))
        total += int(chosen.sum())
    if name != "pyramidkv":  # its pyramid of three layers rounds otherwise
        assert total == 3 * 2 * int(budget * N)


def _in_order(rows: torch.Tensor) -> torch.Tensor:
    return rows[rows[:, 0].argsort()]


@pytest.mark.parametrize("name", ["snapkv", "adakv", "pyramidkv"])
def test_the_loss_under_a_mask_is_that_of_a_real_run(network: Any, filled: Prefilled, name: str) -> None:
    behind = tokens(12, seed=5)
    cache, found = really_run(network, name, 0.4), []
    with torch.no_grad():
        for place in range(behind.shape[1]):  # one by one: kvpress has one mask for layers of different length
            at = torch.tensor([[N + place]])
            found.append(network(behind[:, place : place + 1], position_ids=at, past_key_values=cache).logits)
    masked = cut(filled, Kept(KVPRESS_METHODS[name].keep(filled, 0.4)))
    with torch.no_grad():
        logits = network(behind, past_key_values=masked).logits
    assert _losses(logits, behind) == pytest.approx(_losses(torch.cat(found, 1), behind), abs=1e-5)
    with torch.no_grad():
        whole = network(torch.cat([tokens(N), behind], 1)).logits[:, N:]
    assert abs(_losses(whole, behind) - _losses(logits, behind)) > 1e-2


def _losses(logits: torch.Tensor, behind: torch.Tensor) -> float:
    return float(torch.nn.functional.cross_entropy(logits[0, :-1], behind[0, 1:]))


def test_a_pyramid_gives_the_first_layers_most() -> None:
    network = build(tiny("llama"), attention="sdpa")
    long = prefill(network, open_model(network.config.to_dict()), tokens(1000))
    counts = [int(kept[0].sum()) for kept in KVPRESS_METHODS["pyramidkv"].keep(long, 0.5) if kept is not None]
    assert counts == [936, 500, 64]


def test_the_network_is_left_as_it_was(network: Any, filled: Prefilled) -> None:
    before, state = [set(vars(m)) | set(m._modules) for m in network.modules()], torch.random.get_rng_state()
    for peer in KVPRESS_METHODS.values():
        assert isinstance(peer, Method)
        peer.keep(filled, 0.5)
    after = [set(vars(m)) | set(m._modules) for m in network.modules()]
    assert [names - {"masked_key_indices"} for names in after] == [names - {"masked_key_indices"} for names in before]
    assert all(getattr(layer.self_attn, "masked_key_indices", None) is None for layer in network.model.layers)
    assert torch.equal(state, torch.random.get_rng_state())


def test_everything_may_stay(filled: Prefilled) -> None:
    for peer in KVPRESS_METHODS.values():
        assert all(kept is not None and bool(kept.all()) for kept in peer.keep(filled, 1.0))


def test_what_a_press_cannot_do_is_said(filled: Prefilled) -> None:
    with pytest.raises(EvaluationError, match="more than 0 % and at most 100 %"):
        KVPRESS_METHODS["knorm"].keep(filled, 0)
    olmo, eager = build(tiny("olmo2")), build(tiny("llama"), attention="eager")
    normed = prefill(olmo, open_model(olmo.config.to_dict()), tokens(N))
    with pytest.raises(EvaluationError, match=r"can compute for .*LlamaForCausalLM.* not for Olmo2ForCausalLM"):
        KVPRESS_METHODS["snapkv"].keep(normed, 0.5)
    assert KVPRESS_METHODS["knorm"].keep(normed, 0.5)[0] is not None
    short = prefill(eager, open_model(eager.config.to_dict()), tokens(40))
    with pytest.raises(EvaluationError, match="should be greater than the window size 64"):
        KVPRESS_METHODS["snapkv"].keep(short, 0.5)
    with pytest.raises(EvaluationError, match="eager mode not supported"):
        KVPRESS_METHODS["adakv"].keep(prefill(eager, open_model(eager.config.to_dict()), tokens(N)), 0.5)
