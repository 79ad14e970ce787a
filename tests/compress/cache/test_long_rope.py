"""Positions that depend on the length: in parts, under a plan and beyond the switch they are those of one whole pass."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from planned_models import logits_in_pieces, ragged_plan
from tiny_models import Tiny, build, tokens
from transformers import DynamicCache

from ropescope.compress.evaluate.methods.restated import RandomTokens
from ropescope.compress.evaluate.scoring.budgets import Split
from ropescope.compress.evaluate.scoring.evaluation import Evaluation
from ropescope.compress.evaluate.scoring.harness import cut, prefill
from ropescope.compress.evaluate.scoring.visible import whole
from ropescope.errors import PlanError
from ropescope.models.opening import open as open_model
from ropescope.models.source import Source
from ropescope.network.capture import capture_rows
from ropescope.network.loading.weights import Weights
from ropescope.network.prefill import prefill as measured
from ropescope.network.rotary import positions_of_whole, switching_length
from ropescope.quality.loss import token_losses
from ropescope.quality.texts import Text

ORIGINAL, N = 32, 72
OPTIONS = {"do_sample": False, "eos_token_id": None, "pad_token_id": 0, "return_dict_in_generate": True}
LONG = {
    "rope_parameters": {
        "rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0, 1.1, 1.2, 1.3], "long_factor": [1.0, 2.0, 4.0, 6.0],
        "original_max_position_embeddings": ORIGINAL,
    },
    "original_max_position_embeddings": ORIGINAL, "max_position_embeddings": 128,
}  # fmt: skip
DYNAMIC = {
    "rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 4.0},
    "max_position_embeddings": ORIGINAL,
}


def network_of(kind: str) -> Any:
    return build(Tiny("phi3", LONG) if kind == "longrope" else Tiny("llama", DYNAMIC), attention="sdpa")


@pytest.mark.parametrize("kind", ["longrope", "dynamic"])
def test_parts_are_read_as_the_whole(kind: str) -> None:
    network, ids = network_of(kind), tokens(N)
    with torch.no_grad():
        expected = network_of(kind)(ids, use_cache=False).logits
        apart = logits_in_pieces(network_of(kind), ids, DynamicCache(config=network.config), [24, 24, 24])
        assert (apart - expected).abs().max() > 1e-2 * expected.abs().max()  # transformers' own parts are not
    losses = torch.nn.functional.cross_entropy(expected[0, :-1], ids[0, 1:], reduction="none")
    torch.testing.assert_close(token_losses(network, ids, chunk=24), losses, atol=1e-5, rtol=1e-5)
    rows: dict[int, list[torch.Tensor]] = {24: [], N: []}
    for chunk, found in rows.items():
        fresh = network_of(kind)
        with capture_rows(fresh, [10, N - 1], lambda row, found=found: found.extend(row.weights.clone().flatten(0, 1))):
            measured(fresh, ids, chunk)
    for one, other in zip(sorted(rows[24], key=len), sorted(rows[N], key=len), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    fresh = network_of(kind)
    with positions_of_whole(fresh, N), torch.inference_mode():
        filled = prefill(fresh, open_model(fresh.config.to_dict()), ids[:, :24], chunk=10)
        found = fresh(ids[:, 24:], past_key_values=cut(filled, whole(filled.n_layers))).logits
    torch.testing.assert_close(found, expected[:, 24:], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["longrope", "dynamic"])
def test_an_evaluated_text_has_the_loss_of_a_whole_pass(kind: str) -> None:
    """Cut behind 30 tokens, within the original length of 32; scored to the 60th."""
    network, ids = network_of(kind), tokens(60)
    weights = Weights(network, None, open_model(network.config.to_dict()), Source("dict", kind), "made")
    text = Text("prose", "tokens", tuple(ids[0].tolist()))
    found = Evaluation(weights, Split(weights.model, 60, 30), [RandomTokens()], (0.9,), [text]).score(text).loss
    with torch.no_grad():
        expected = network_of(kind)(ids, use_cache=False).logits[0, 30:-1]
    assert found == pytest.approx(float(torch.nn.functional.cross_entropy(expected, ids[0, 31:])), abs=1e-5)


def test_generation_keeps_its_planned_cache_beyond_the_switch() -> None:
    network, prompt = network_of("longrope"), tokens(26)
    assert switching_length(network) == ORIGINAL
    plan = ragged_plan(network, length=N, even=N - 3)
    expected = prompt  # by whole passes: before transformers 5.4 its own cache forgets the text at the switch
    for _ in range(20):
        with torch.no_grad():
            expected = torch.cat([expected, network(expected, use_cache=False).logits[:, -1:].argmax(-1)], dim=1)
    cache, given = plan.cache(network), DynamicCache(config=network.config)
    found = network.generate(prompt, max_new_tokens=20, past_key_values=cache, **OPTIONS)
    assert torch.equal(found.sequences, expected)
    assert found.past_key_values is cache and cache.get_seq_length() == 45
    with plan.applied(network):
        found = network.generate(prompt, max_new_tokens=20, past_key_values=given, **OPTIONS)
        assert torch.equal(found.sequences, expected) and found.past_key_values is given
        held = network.generate(prompt, max_new_tokens=20, **OPTIONS).past_key_values
    padded, seen = torch.cat([torch.zeros(1, 26, dtype=torch.long), prompt]), torch.ones(2, 26, dtype=torch.long)
    padded[0, 6:], seen[0, :6] = prompt[0, :20], 0
    both = network.generate(
        padded, attention_mask=seen, max_new_tokens=20, past_key_values=plan.cache(network), **OPTIONS
    ).sequences
    assert torch.equal(both[1:], expected)
    for kept in (given, held):
        assert type(kept.layers[0]).__name__ == "PlannedLayer" and kept.get_seq_length() == 45


def test_narrow_windows_beyond_the_switch_are_those_of_the_text_read_again() -> None:
    network, prompt = network_of("longrope"), tokens(26)
    plan = ragged_plan(network, length=N, even=8)
    said = network.generate(prompt, max_new_tokens=20, past_key_values=plan.cache(network), **OPTIONS).sequences
    fresh = plan.cache(network)
    again = logits_in_pieces(network, said, fresh, [ORIGINAL + 1, *[1] * (said.shape[1] - ORIGINAL - 1)])
    assert torch.equal(again[0, ORIGINAL:-1].argmax(-1), said[0, ORIGINAL + 1 :])


def test_a_loop_of_ones_own_is_told_of_the_switch() -> None:
    network, ids = network_of("longrope"), tokens(N)
    cache = ragged_plan(network, length=N).cache(network)
    with torch.no_grad():
        network(ids[:, :ORIGINAL], past_key_values=cache)
        with pytest.raises(PlanError, match=r"Beyond 32 tokens .* begin with the whole text"):
            network(ids[:, ORIGINAL : ORIGINAL + 1], past_key_values=cache)
        cache.reset()
        network(ids[:, : ORIGINAL + 1], past_key_values=cache)
