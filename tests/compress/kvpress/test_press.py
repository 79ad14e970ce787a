"""Our plan as a press computes what our cache computes, and keeps inside kvpress's pipeline what the plan says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from planned_models import ragged_plan, tiny
from tiny_models import build, tokens
from transformers import DynamicCache

from ropescope.compress.evaluate.methods.planned import one_plan
from ropescope.compress.evaluate.scoring.harness import cut, prefill
from ropescope.compress.evaluate.scoring.visible import Kept
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.errors import PlanError
from ropescope.models.opening import open as open_model

kvpress = pytest.importorskip("kvpress", reason="kvpress is not installed: pip install 'ropescope[peers]'")

from ropescope.compress import PlannedPress  # noqa: E402

N = 120
PLANS: dict[str, dict[str, Any]] = {
    "every head its own": {"seed": 3},
    "the same everywhere": {"even": 20},
    "windows and picks": {"seed": 4, "most_picks": 15},
    "longer than the prompt": {"even": 70, "most_picks": 30},
}


@pytest.fixture(scope="module", params=["llama", "qwen3"])
def network(request: Any) -> Any:
    return build(tiny(request.param), attention="sdpa")


def generated(network: Any, ids: torch.Tensor, **options: Any) -> torch.Tensor:
    """[batch, steps, vocabulary] the logits of 20 greedy steps."""
    settings = {"max_new_tokens": 20, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}
    found = network.generate(ids, **settings, output_logits=True, return_dict_in_generate=True, **options)
    return torch.stack(found.logits, dim=1)


@pytest.mark.filterwarnings("ignore:The sequence has grown beyond")
@pytest.mark.parametrize("which", PLANS)
@pytest.mark.parametrize("prompt", [60, 110])  # with its answer, the longer one grows beyond the plan
def test_generation_is_that_of_the_planned_cache(network: Any, which: str, prompt: int) -> None:
    plan, ids = ragged_plan(network, length=N, **PLANS[which]), tokens(2 * prompt).view(2, prompt)
    with PlannedPress(plan)(network):
        found = generated(network, ids)
    expected = generated(network, ids, past_key_values=plan.cache(network))
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-5 * float(expected.abs().max()))
    if which != "longer than the prompt":
        assert (generated(network, ids) - expected).abs().max() > 1e-2


def masked_logits(network: Any, plan: KVPlan, prompt: torch.Tensor, behind: torch.Tensor) -> torch.Tensor:
    """What tokens behind a prompt compute if they see what the plan keeps of it, and each other."""
    filled = prefill(network, open_model(network.config.to_dict()), prompt)
    cache = cut(filled, Kept(one_plan(plan).keep(filled, 0.5)))
    with torch.no_grad():
        logits: torch.Tensor = network(behind, past_key_values=cache).logits
    return logits


@pytest.mark.parametrize("which", ["every head its own", "the same everywhere", "windows and picks"])
def test_what_stays_behind_the_context_is_what_the_plan_keeps(network: Any, which: str) -> None:
    plan, prompt, question = ragged_plan(network, length=N, **PLANS[which]), tokens(90), tokens(5, seed=2)
    cache = DynamicCache()
    with PlannedPress(plan)(network), torch.no_grad():
        network(prompt, past_key_values=cache)
    most = max(max(layer.kept) for layer in plan.planned_layers) + plan.sinks
    assert {layer.keys.shape[2] for layer in cache.layers} == {min(most, 90)}
    hidden = [layer.self_attn.masked_key_indices for layer in network.model.layers]
    assert all((entry is None) == (which == "the same everywhere") for entry in hidden)
    at = torch.arange(90, 95)[None]
    with torch.no_grad():  # all five at once: the layers are of one length, so one causal mask serves them all
        found = network(question, past_key_values=cache, position_ids=at).logits
    torch.testing.assert_close(found, masked_logits(network, plan, prompt, question), rtol=0, atol=1e-4)


def test_the_pipeline_of_kvpress_answers_from_what_the_plan_keeps(tiny_folder_with_tokenizer: Any) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    network = AutoModelForCausalLM.from_pretrained(tiny_folder_with_tokenizer, attn_implementation="sdpa").eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder_with_tokenizer)
    network.generation_config.eos_token_id = -1
    pipe = kvpress.KVPressTextGenerationPipeline(model=network, tokenizer=tokenizer)
    inputs = pipe.preprocess("The heads of a network look back. " * 3, ["Where?"], "", 10_000)
    plan = ragged_plan(network, length=200, seed=6, most_picks=9)
    answer = pipe(
        "The heads of a network look back. " * 3, question="Where?", press=PlannedPress(plan), max_new_tokens=8
    )
    behind = inputs["questions_ids"][0]
    for _ in range(8):
        logits = masked_logits(network, plan, inputs["context_ids"], behind)
        behind = torch.cat([behind, logits[:, -1:].argmax(-1)], dim=1)
    written = behind[0, inputs["questions_ids"][0].shape[1] :]
    assert answer["answer"] == tokenizer.decode(written, skip_special_tokens=True)


def test_sliding_layers_stay_and_the_others_keep_their_length() -> None:
    network = build(tiny("gemma3_text"), attention="sdpa")
    plan, ids = ragged_plan(network, length=N, even=10), tokens(60)
    cache = DynamicCache(config=network.config)
    with PlannedPress(plan)(network), torch.no_grad():
        network(ids, past_key_values=cache)
        found = network(tokens(1, seed=1), past_key_values=cache).logits
    assert cache.layers[2].keys.shape[2] == 61  # hidden, not gone: the mask of a layer that is whole fits it too
    planned = plan.cache(network)
    with torch.no_grad():
        network(ids, past_key_values=planned)
        expected = network(tokens(1, seed=1), past_key_values=planned).logits
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_what_does_not_fit_is_said(network: Any) -> None:
    plan, eager = ragged_plan(network, length=N, seed=3), build(tiny("llama"), attention="eager")
    with pytest.raises(PlanError, match=r"4 layers, and .* has 3"), PlannedPress(_longer(plan))(network):
        pass
    with torch.no_grad(), PlannedPress(plan)(network):
        with pytest.raises(PlanError, match="plan is one for 120 tokens, and the sequence has come to 121"):
            network(tokens(N + 1))
        mask = torch.ones(2, 50, dtype=torch.long)
        mask[0, :7] = 0
        with pytest.raises(PlanError, match="no account of padding"):
            network(tokens(100).view(2, 50), attention_mask=mask)
        cache = DynamicCache()
        network(tokens(50), past_key_values=cache)
        cache.crop(-3)
        with pytest.raises(PlanError, match="changed since the prefill"):
            network(tokens(1), past_key_values=cache)
    with torch.no_grad(), PlannedPress(plan)(eager), pytest.raises(PlanError, match="attn_implementation='sdpa'"):
        eager(tokens(50))
    gpt2 = build(tiny("gpt2"))
    with pytest.raises(PlanError, match="GPT2LMHeadModel has 0 that kvpress can cut"), PlannedPress(plan)(gpt2):
        pass


def _longer(plan: KVPlan) -> KVPlan:
    return replace(plan, layers=(*plan.layers, replace(plan.layers[-1], index=len(plan.layers))))
