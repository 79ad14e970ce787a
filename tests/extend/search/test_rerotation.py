"""Keys that are turned are the keys that another plan would have cached."""

from __future__ import annotations

from typing import Any

import pytest
import tiny_models
import torch
from tiny_models import Tiny

from ropescope.extend.plan.planning import plan_extension
from ropescope.extend.search.rerotation import layout_of, rerotated
from ropescope.models.opening import open as open_model
from ropescope.quality.loss import prefill

TABLE = {tiny.id: tiny for tiny in tiny_models.TINY}
FAMILIES = [
    (TABLE["llama"], "halves"),
    (TABLE["qwen3"], "halves"),
    (TABLE["phi"], "halves"),
    (TABLE["cohere"], "pairs"),
    (TABLE["glm4"], "pairs"),
    (Tiny("gpt_neox", {"hidden_size": 64, "head_dim": 16}), "halves"),
]


@pytest.mark.parametrize(("tiny", "layout"), FAMILIES, ids=[tiny.id for tiny, _ in FAMILIES])
def test_the_first_layers_keys_are_exact(tiny: Tiny, layout: str, tmp_path: Any) -> None:
    network = tiny_models.build(tiny).float()
    network.save_pretrained(tmp_path)
    model = open_model(tmp_path, config_only=True)
    target = 4 * (model.context_length or 128)
    before, after = plan_extension(model, target, "yarn"), plan_extension(model, target, "linear")
    tokens = torch.randint(3, 60, (96,), generator=torch.Generator().manual_seed(1))
    assert layout_of(network, tokens, before, after) == layout
    with before.applied(network):
        first = prefill(network, tokens)
    with after.applied(network):
        second = prefill(network, tokens[:70])
    moved = rerotated(first, before, after, layout, 70)  # type: ignore[arg-type]
    torch.testing.assert_close(moved.layers[0].keys, second.layers[0].keys, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(moved.layers[0].values, second.layers[0].values)
    assert moved.get_seq_length() == 70 and first.get_seq_length() == 96


def test_keys_that_cannot_be_turned_are_known(tmp_path: Any) -> None:
    tiny = Tiny("mistral", {"sliding_window": 24})
    network = tiny_models.build(tiny).float()
    network.save_pretrained(tmp_path)
    model = open_model(tmp_path, config_only=True)
    plans = [plan_extension(model, 600, "none"), plan_extension(model, 600, "none")]
    assert layout_of(network, torch.arange(3, 60), *plans) is None


def test_a_turned_cache_shares_its_values_and_is_added_to_alone(tmp_path: Any) -> None:
    network = tiny_models.build(TABLE["llama"]).float()
    network.save_pretrained(tmp_path)
    plan = plan_extension(open_model(tmp_path, config_only=True), 600, "yarn")
    tokens = torch.randint(3, 60, (40,), generator=torch.Generator().manual_seed(2))
    with plan.applied(network), torch.inference_mode():
        cache = prefill(network, tokens)
        first = rerotated(cache, plan, plan, "halves", 30)
        assert first.layers[1].values.data_ptr() == cache.layers[1].values.data_ptr()
        states = network.model(input_ids=tokens[None, 30:], past_key_values=first).last_hidden_state
        whole = network.model(input_ids=tokens[None]).last_hidden_state
        torch.testing.assert_close(states, whole[:, 30:])
        assert first.get_seq_length() == 40 and cache.get_seq_length() == 40
        torch.testing.assert_close(cache.layers[1].keys, prefill(network, tokens).layers[1].keys)
