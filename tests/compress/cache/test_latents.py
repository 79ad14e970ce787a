"""Latents (MLA) in a planned cache, against full attention under the masks of its plan, written out."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import pytest
import torch
import transformers
from packaging.version import Version
from planned_models import explicit_masks, logits_in_pieces, ragged_plan, tiny
from tiny_models import build, tokens
from transformers import DynamicCache

from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.planning import plan_from_gamma, plan_uniform
from ropescope.compress.plan.target import Target
from ropescope.errors import PlanError
from ropescope.models.opening import open as open_model

N, PROMPT = 52, 32
FAMILIES = ("deepseek_v2", "deepseek_v3")


def network_of(family: str) -> Any:
    network = build(tiny(family))
    cache = DynamicCache(config=network.config)
    with torch.no_grad():
        network(tokens(4), past_key_values=cache)
    if cache.layers[0].keys.shape[1] != 1:
        pytest.skip("this transformers keeps keys of all heads in the place of latents")
    return network


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    assert (found - expected).abs().max() < 1e-5 * max(1.0, float(expected.abs().max()))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("pieces", [[PROMPT, *[1] * (N - PROMPT)], [PROMPT, 1, 1, 13, 1, 4], [5, 40, 7]], ids=str)
def test_windows_and_picks_of_each_layer(family: str, pieces: list[int]) -> None:
    network, ids = network_of(family), tokens(N)
    for picks in (0, 12):
        plan = ragged_plan(network, length=N, seed=4, most_picks=picks)
        assert all(len(layer.windows) == 1 and layer.latent for layer in plan.planned_layers)
        with explicit_masks(network, plan, pieces), torch.no_grad():
            expected = network(ids, use_cache=False).logits
        close(logits_in_pieces(network, ids, plan.cache(network), pieces), expected)


@pytest.mark.parametrize("pieces", [[N], [1] * N, [36, 16]], ids=str)
def test_windowed_prefill(pieces: list[int]) -> None:
    network, ids = network_of("deepseek_v3"), tokens(N)
    plan = ragged_plan(network, length=N, seed=1)
    with explicit_masks(network, plan), torch.no_grad():
        expected = network(ids, use_cache=False).logits
    close(logits_in_pieces(network, ids, plan.cache(network, prefill="windowed"), pieces), expected)


def test_rows_padded_on_the_left_are_as_if_alone() -> None:
    network = network_of("deepseek_v3")
    plan = ragged_plan(network, length=N, seed=5, most_picks=9)
    ids, padding, mask = tokens(3 * N).view(3, N), (0, 7, 25), torch.ones(3, N, dtype=torch.long)
    for row, pads in enumerate(padding):
        mask[row, :pads] = 0
    positions, cache, found, start = (mask.cumsum(1) - 1).clamp(min=0), plan.cache(network), [], 0
    pieces = [PROMPT, *[1] * 6, 10, *[1] * 4]
    for size in pieces:
        stop = start + size
        given = {"attention_mask": mask[:, :stop], "position_ids": positions[:, start:stop]}
        with torch.no_grad():
            found.append(network(ids[:, start:stop], past_key_values=cache, **given).logits)
        start = stop
    for row, pads in enumerate(padding):
        alone = logits_in_pieces(network, ids[row : row + 1, pads:], plan.cache(network), [PROMPT - pads, *pieces[1:]])
        close(torch.cat(found, dim=1)[row, pads:], alone[0])


def test_generate_and_copies_and_bytes() -> None:
    network, ids = network_of("deepseek_v3"), tokens(40)
    settings: dict[str, Any] = {"max_new_tokens": 20, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}
    whole = plan_uniform(open_model(network.config.to_dict()), Target(budget_share=1.0), length=64, cache_type="f32")
    plain = network.generate(ids, **settings)
    assert network.generate(ids, past_key_values=whole.cache(network), **settings).equal(plain)
    with whole.applied(network):
        assert network.generate(ids, **settings).equal(plain)
    plan = ragged_plan(network, length=64, even=16)
    cache = plan.cache(network)
    with torch.no_grad():
        network(ids, past_key_values=cache)
        assert plan.bytes_at(40) <= cache.held_bytes() <= 1.02 * plan.bytes_at(40) < 0.6 * plan.bytes_before
        copies = [copy.deepcopy(cache), pickle.loads(pickle.dumps(cache))]
        expected = network(ids[:, :5], past_key_values=cache).logits
        for other in copies:
            close(network(ids[:, :5], past_key_values=other).logits, expected)
    assert network.generate(ids, **settings).equal(plain)


def test_a_pass_that_broke_off_leaves_plain_use_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    network, ids = network_of("deepseek_v3"), tokens(24)
    cache = ragged_plan(network, length=64, even=4).cache(network)
    with torch.no_grad():
        plain = network(ids).logits
        attention = type(next(module for module in network.modules() if hasattr(module, "expand_kv")))
        with monkeypatch.context() as patched:
            patched.setattr(attention, "expand_kv", lambda *_: (_ for _ in ()).throw(MemoryError()))
            with pytest.raises(MemoryError):
                network(ids, past_key_values=cache)
        close(network(ids).logits, plain)
        with pytest.raises(PlanError, match="empty the cache with reset"):
            network(ids, past_key_values=cache)


def test_plans_say_what_they_are_of() -> None:
    network = network_of("deepseek_v3")
    model = open_model(network.config.to_dict())
    plan = plan_from_gamma(0.8, model, Target(keep_mass=0.9), length=64)
    assert KVPlan.from_dict(plan.to_dict()) == plan and all(layer.n_kv_heads == 1 for layer in plan.planned_layers)
    assert plan.bytes_before == model.cache_bytes(64, key_type=plan.key_type)
    with pytest.raises(PlanError, match="latents, which are not quantised"):
        plan.quantized(4)


def test_a_transformers_that_unfolds_latents_before_it_keeps_them_is_told_in_a_sentence() -> None:
    """transformers 5.2 does, and fails in its first pass; a newer one is stood in for by what 5.2 hands to the cache."""
    network = build(tiny("deepseek_v3"))
    model = open_model(network.config.to_dict())
    cache = plan_uniform(model, Target(budget_share=0.5), length=64, cache_type="f32").cache(network)
    said = rf"transformers {re.escape(transformers.__version__)} keeps the keys of 4 heads .*: install 5\.23 or newer"
    unfolds = Version(transformers.__version__) < Version("5.3")
    first_pass = network if unfolds else cache.layers[0].update
    given = (tokens(4),) if unfolds else (torch.zeros(1, 4, 3, 20), torch.zeros(1, 4, 3, 12))
    with pytest.raises(PlanError, match=said), torch.no_grad():
        first_pass(*given, **({"past_key_values": cache} if unfolds else {}))
