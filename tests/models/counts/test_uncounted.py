"""Fields of configs that name a width and are in no count: none in released models, and every one that is made up."""

import pytest
import released_configs as released

from ropescope.models import count_on_meta, from_config
from ropescope.models.counts.estimate import estimate

CONFIGS = {name: value for name, value in vars(released).items() if isinstance(value, dict) and "model_type" in value}


def test_released_configs_are_counted_whole():
    assert {name: estimate(from_config(config)).lacks for name, config in CONFIGS.items()} == dict.fromkeys(CONFIGS, ())


@pytest.mark.parametrize(
    "field", ["second_hidden_size", "gate_lora_rank", "n_null_experts", "weight_dtype", "side_dim"]
)
def test_a_width_that_no_count_reads_is_named_either_way(field):
    config = {**released.QWEN3_30B_A3B, "num_hidden_layers": 2, field: 4096}
    assert estimate(from_config(config)).lacks == (field,)
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    assert count_on_meta(config).lacks == (field,)


def test_experts_in_a_latent_space_are_counted_in_it():
    # As Kimi K3 and Nemotron 3 have them: down to 1,024, experts of 768 there, and up again; transformers' Qwen3 does not.
    config = {**released.QWEN3_30B_A3B, "routed_expert_hidden_size": 1024}
    plain, latent = estimate(from_config(released.QWEN3_30B_A3B)), estimate(from_config(config))
    assert latent.parts["experts"] == plain.parts["experts"] // 2 and latent.lacks == ()
    assert latent.parts["mlp"] == 48 * 2 * 2048 * 1024
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    tiny = {
        "model_type": "nemotron_h", "hidden_size": 64, "num_hidden_layers": 4, "hybrid_override_pattern": "M*EE",
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "mamba_num_heads": 4, "mamba_head_dim": 16,
        "ssm_state_size": 16, "n_groups": 2, "vocab_size": 128, "n_routed_experts": 8, "num_experts_per_tok": 2,
        "moe_intermediate_size": 32, "moe_shared_expert_intermediate_size": 48, "n_shared_experts": 1,
        "moe_latent_size": 24, "intermediate_size": 80,
    }  # fmt: skip
    built = count_on_meta(tiny)
    assert dict(estimate(from_config(tiny)).parts) == dict(built.parts)


@pytest.mark.parametrize(
    "names",
    [("num_experts", "num_shared_experts"), ("n_routed_experts", "n_shared_experts"), ("num_local_experts", "")],
)
def test_the_number_of_experts_is_read_under_each_of_its_names(names):
    # Kimi Linear is published with num_experts, where transformers' own config says num_local_experts.
    total, shared = names
    config = {
        "model_type": "kimi_linear", "hidden_size": 2304, "num_hidden_layers": 27, "num_experts_per_token": 8,
        "moe_intermediate_size": 1024, "first_k_dense_replace": 1, total: 64, **({shared: 1} if shared else {}),
        "linear_attn_config": {"full_attn_layers": [4, 8, 12, 16, 20, 24, 27], "head_dim": 128, "num_heads": 32,
                               "short_conv_kernel_size": 4},
    }  # fmt: skip
    found = estimate(from_config(config))
    assert found.parts["experts"] == 26 * 64 * 3 * 2304 * 1024 and found.lacks == ()


def test_a_model_type_that_is_not_known_is_a_lower_bound():
    found = estimate(from_config({**released.LLAMA_31_8B, "model_type": "unheard_of"}))
    assert found.total == estimate(from_config(released.LLAMA_31_8B)).total
    assert found.lacks == ("model type unheard_of, which is counted as a Llama",)
