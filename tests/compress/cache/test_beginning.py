"""A cache whose windows hold in the prompt begins with the states of a whole one where they are the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from planned_models import explicit_masks, logits_in_pieces, ragged_plan, tiny
from tiny_models import build, tokens
from transformers import DynamicCache

from ropescope.compress.cache.layer import PlannedLayer
from ropescope.compress.cache.planned_cache import begin_alike

N = 72


@pytest.mark.parametrize("family", ["llama", "gpt_neox", "gpt2", "gpt_oss"])
def test_a_windowed_cache_may_begin_with_what_every_window_sees(family: str) -> None:
    """As many first tokens as the smallest window and the sinks: one more would have seen less."""
    network = build(tiny(family))
    ids = tokens(N)
    plan = ragged_plan(network, length=N, seed=1, even=20)
    smallest = 17
    first = plan.planned_layers[-1]
    ragged = replace(first, windows=(smallest, *first.windows[1:]))
    plan = replace(plan, layers=tuple(ragged if layer is first else layer for layer in plan.layers))
    whole = DynamicCache(config=network.config)
    with torch.no_grad():
        network(ids, past_key_values=whole, use_cache=True)
    cache = plan.cache(network, prefill="windowed")
    begun = begin_alike(cache, whole, N - 1)
    if any(type(layer) is not PlannedLayer for layer in cache.layers):
        assert begun == 0  # a sliding layer has forgotten its first tokens
        return
    assert begun == plan.sinks + smallest
    assert cache.get_seq_length() == begun
    with explicit_masks(network, plan), torch.no_grad():
        expected = network(ids, use_cache=False).logits
    found = logits_in_pieces(network, ids[:, begun:], cache, [30, 1, N - begun - 31])
    assert (found - expected[:, begun:]).abs().max() < 1e-5 * max(1.0, float(expected.abs().max()))


def test_a_cache_of_a_whole_prompt_or_a_quantised_one_begins_with_nothing() -> None:
    network = build(tiny("llama"))
    plan, whole = ragged_plan(network, length=N, seed=1, even=40), DynamicCache(config=network.config)
    with torch.no_grad():
        network(tokens(N), past_key_values=whole, use_cache=True)
    assert begin_alike(plan.cache(network, prefill="full"), whole, N - 1) == 0
    assert begin_alike(plan.cache(network, prefill="windowed", quantized=4), whole, N - 1) == 0
    assert begin_alike(plan.cache(network, prefill="windowed"), whole, 30) == 30
