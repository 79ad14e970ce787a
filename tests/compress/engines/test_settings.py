"""What is emitted for an engine does what the plan does: transformers' own layers with the fields, and llama.cpp itself."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny_olmo2
import torch
from llama_server import APART, CLOSE, apart, prompt, theirs
from planned_models import logits_in_pieces

from ropescope.compress.engines.carried import CARRIED, full_layers, own_window, period_of, windows_in
from ropescope.compress.engines.settings import overrides, settings_for
from ropescope.compress.plan.builder import PlanBuilder
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.planning import plan_uniform
from ropescope.compress.plan.target import Target
from ropescope.errors import PlanError
from ropescope.models.model import Model
from ropescope.models.opening import open as open_model

LENGTH = 96


def config_of(model_type: str) -> Any:
    from transformers import AutoConfig

    return AutoConfig.for_model(
        model_type, vocab_size=128, hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, max_position_embeddings=512,
        **({} if model_type == "llama" else {"sliding_window": 24, "query_pre_attn_scalar": 16}),
    )  # fmt: skip


def two_kinds(model: Model, size: int, full: set[int], length: int = LENGTH) -> KVPlan:
    builder = PlanBuilder.of(model, length, 0, "f32")
    windows = {index: [length if index in full else size] * builder.heads(index) for index in builder.planned}
    return replace(builder.plan(windows, {}, Target(budget_share=1.0), "by hand", "assumed"), prefill="windowed")


@pytest.mark.parametrize("model_type", ["qwen2", "qwen3", "gemma2"])
def test_transformers_own_layers_with_the_fields_do_what_the_plan_does(model_type: str) -> None:
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    config = config_of(model_type)
    network = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    model = open_model(network.config.to_dict())
    size = own_window(model) or 24
    full = {min(layer.index for layer in model.layers if layer.kind == "full")}
    plan = two_kinds(model, size, full)
    ids = torch.randint(0, 128, (1, LENGTH), generator=torch.Generator().manual_seed(0))
    pieces = [80, *[1] * 16]
    ours = logits_in_pieces(network, ids, plan.cache(network), pieces)

    told = config_of(model_type)
    told.update(overrides(model, size, frozenset(full)))
    other = AutoModelForCausalLM.from_config(told, dtype=torch.float32).eval()
    other.load_state_dict(network.state_dict())
    with torch.no_grad():
        theirs = other(ids).logits
        whole = network(ids).logits
    assert torch.allclose(ours, theirs, atol=2e-5)
    assert (theirs - whole).abs().max() > 1e-3  # and that is not what the whole cache does


def test_vllms_command_says_the_plan() -> None:
    model = open_model({**config_of("llama").to_dict()})
    plan = two_kinds(model, 24, {1, 2})
    found = settings_for(plan, model, "vllm", "org/name")
    assert found.overrides["layer_types"] == [
        "sliding_attention", "full_attention", "full_attention", "sliding_attention",
    ]  # fmt: skip
    assert found.overrides["sliding_window"] == 24
    assert found.text.startswith("vllm serve org/name") and "--max-model-len 96" in found.text.replace("\\\n  ", "")
    qwen = open_model(config_of("qwen3").to_dict())
    assert "--model-impl transformers" in settings_for(two_kinds(qwen, 24, {1}), qwen, "vllm", "org/name").text


@pytest.mark.parametrize(("original", "said"), [(64, True), (LENGTH, False)])
def test_vllm_with_longrope_uses_the_long_factors_at_once_and_that_is_said(original: int, said: bool) -> None:
    scaling = {"rope_type": "longrope", "short_factor": [1.0] * 8, "long_factor": [2.0] * 8}
    scaling["original_max_position_embeddings"] = original
    model = open_model({**config_of("llama").to_dict(), "rope_parameters": None, "rope_scaling": scaling})
    told = settings_for(two_kinds(model, 24, {1}), model, "vllm", "m").remarks
    assert any(f"beyond {original} tokens vLLM uses LongRoPE's long factors" in one for one in told) == said


def test_plans_that_an_engine_cannot_be_told_are_refused() -> None:
    model = open_model(config_of("llama").to_dict())
    uniform = plan_uniform(model, Target(budget_share=0.5), length=LENGTH, cache_type="f32")
    with pytest.raises(PlanError, match="no first tokens"):
        settings_for(uniform, model, "vllm", "org/name")
    plan = two_kinds(model, 24, {1})
    with pytest.raises(PlanError, match="no window"):
        settings_for(plan, model, "llama.cpp", "tiny.gguf")
    with pytest.raises(PlanError, match="original model"):
        settings_for(plan, model, "vllm", "tiny.gguf")


def test_models_whose_sliding_layers_have_other_positions_are_not_carried() -> None:
    for model_type in ("gemma3_text", "cohere2", "exaone4"):
        model = open_model(config_of(model_type).to_dict())
        assert all(windows_in(engine, model) is None for engine in CARRIED), model_type


@pytest.mark.parametrize("full", [frozenset({1, 3}), frozenset[int]()])
def test_llama_cpp_does_what_the_plan_does(full: frozenset[int], tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason="llama.cpp is not installed: pip install xllamacpp")
    network = tiny_olmo2.network()
    model = open_model(network.config.to_dict())
    assert full in full_layers(model) and period_of(full) == (2 if full else 0)
    length = 512
    plan, longer = two_kinds(model, 64, set(full), length), two_kinds(model, 65, set(full), length)
    text = settings_for(plan, model, "llama.cpp", "tiny.gguf").text
    keys = {key: int(value) for key, value in re.findall(r"--override-kv (\S+)=int:(\d+)", text)}
    assert keys == {"olmo2.attention.sliding_window": 64, "olmo2.attention.sliding_window_pattern": period_of(full)}
    # The bindings cannot set --override-kv, so the file says the same keys.
    path = tiny_olmo2.write(network, tmp_path / "tiny.gguf", keys)
    for tokens, found in zip((300, 500), theirs(path, (300, 500), n_ctx=length), strict=True):
        ids = torch.tensor([prompt(tokens)])
        with torch.no_grad():
            ours = network(ids, past_key_values=plan.cache(network)).logits[0, -1]
            whole = network(ids).logits[0, -1]
            other = network(ids, past_key_values=longer.cache(network)).logits[0, -1]
        assert apart(torch.log_softmax(ours.double(), -1), found) < 2 * CLOSE
        assert min(apart(torch.log_softmax(logits.double(), -1), found) for logits in (whole, other)) > APART


def test_a_saved_plan_keeps_how_a_prompt_is_read(tmp_path: Path) -> None:
    model = open_model(config_of("llama").to_dict())
    path = tmp_path / "plan.json"
    two_kinds(model, 24, {1}).save(path)
    assert KVPlan.load(path).prefill == "windowed"
    with pytest.raises(PlanError, match="'full' or 'windowed'"):
        replace(KVPlan.load(path), prefill="half")  # type: ignore[arg-type]
