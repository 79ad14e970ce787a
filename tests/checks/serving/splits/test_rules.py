"""Which splits load: the divisions that vLLM 0.33.0 and SGLang 0.5.23 demand, on the shapes of released models."""

from __future__ import annotations

from typing import Any

import pytest
from serving_ways import way

from ropescope.checks.serving.fitting.fit import working_split
from ropescope.checks.serving.launch.commands import command
from ropescope.checks.serving.parallel import Parallel
from ropescope.checks.serving.splits.rules import split_problem, tensor_splits
from ropescope.checks.serving.splits.stages import part_shares
from ropescope.models.config.reading import from_config
from ropescope.models.opening import open as open_model

FP8 = {"quant_method": "fp8", "weight_block_size": [128, 128]}
QWEN_235B = {
    "model_type": "qwen3_moe", "hidden_size": 4096, "num_hidden_layers": 94, "num_attention_heads": 64,
    "num_key_value_heads": 4, "head_dim": 128, "moe_intermediate_size": 1536, "intermediate_size": 12288,
    "num_experts": 128, "num_experts_per_tok": 8, "vocab_size": 151936,
}  # fmt: skip
QWEN_72B = {
    "model_type": "qwen2", "hidden_size": 8192, "num_hidden_layers": 80, "num_attention_heads": 64,
    "num_key_value_heads": 8, "intermediate_size": 29568, "vocab_size": 152064,
}  # fmt: skip
QWEN_7B = {
    "model_type": "qwen2", "hidden_size": 3584, "num_hidden_layers": 28, "num_attention_heads": 28,
    "num_key_value_heads": 4, "intermediate_size": 18944, "vocab_size": 152064,
}  # fmt: skip
DEEPSEEK_V3 = {
    "model_type": "deepseek_v3", "hidden_size": 7168, "num_hidden_layers": 61, "num_attention_heads": 128,
    "num_key_value_heads": 128, "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128,
    "v_head_dim": 128, "n_routed_experts": 256, "num_experts_per_tok": 8, "n_shared_experts": 1,
    "moe_intermediate_size": 2048, "intermediate_size": 18432, "first_k_dense_replace": 3, "vocab_size": 129280,
    "quantization_config": FP8,
}  # fmt: skip


def problem(config: dict[str, Any], count: int, engine: str = "vllm", **more: Any) -> str:
    return split_problem(way(_model(config), "h100-sxm", engine, 4_096, count=count, **more))


def _model(config: dict[str, Any]) -> Any:
    return open_model(config)


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_fp8_blocks_of_experts_do_not_lie_on_two_devices(engine: str) -> None:
    config = QWEN_235B | {"quantization_config": FP8}
    assert problem(config, 4, engine) == ""
    told = problem(config, 8, engine)
    assert "moe_intermediate_size 1536 / 8 = 192 is no multiple of 128" in told
    assert "weight_block_size 128 × 128" in told and "expert" in told
    assert "Tensor splits that work: 1, 2, 4." in told
    assert "(`ep`), 8 work too" in told
    assert problem(config, 8, engine, parallel=Parallel(8, experts=True)) == ""
    assert problem(config, 8, engine, parallel=Parallel(4, pipeline=2)) == ""
    assert problem(QWEN_235B, 8, engine) == ""  # in 16 bits there are no blocks to cut


def test_the_shortest_config_that_says_so() -> None:
    config = {"model_type": "qwen3_moe", "moe_intermediate_size": 1536, "quantization_config": FP8}
    assert "192 is no multiple of 128" in problem(config, 8)
    assert problem(config, 4) == ""
    assert "192 is no multiple of 128" in problem(config, 8, "sglang")
    assert problem(config, 4, "sglang") == ""


def test_vllm_says_which_of_its_releases_refuse() -> None:
    # compressed-tensors experts are refused by every release: compressed_tensors_moe_w8a8_fp8.py re-cuts nothing.
    assert "from 0.29 on it re-cuts the blocks to 64 × 64" in problem(QWEN_235B | {"quantization_config": FP8}, 8)
    weights = {"num_bits": 8, "type": "float", "strategy": "block", "block_structure": [128, 128]}
    blocks = {
        "quant_method": "compressed-tensors",
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}},
    }
    told = problem(QWEN_235B | {"quantization_config": blocks}, 8)
    assert "config_groups: 128 × 128" in told and told.count("refuses to load it") == 1
    assert "re-cuts" not in told


def test_the_inputs_of_down_proj_hold_whole_groups() -> None:
    # Qwen2.5-72B-Instruct-GPTQ-Int4: 29,568 / 4 = 7,392 = 57.75 × 128, refused by vLLM (its issue 4931), as Qwen's padding
    # of the width to 29,696 = 232 × 128 bears out: 8 × 29 groups.
    gptq = {"quant_method": "gptq", "bits": 4, "group_size": 128}
    for method in (gptq, {"quant_method": "awq", "bits": 4, "group_size": 128}):
        assert problem(QWEN_72B | {"quantization_config": method}, 1) == ""
        told = problem(QWEN_72B | {"quantization_config": method}, 4)
        assert "intermediate_size 29568 / 4 = 7392 is no multiple of 128 (group_size 128; down_proj" in told
        assert problem(QWEN_72B | {"quantization_config": method, "intermediate_size": 29696}, 8) == ""
    channels = {"quant_method": "gptq", "bits": 4, "group_size": -1}
    assert problem(QWEN_72B | {"quantization_config": channels}, 4) == ""


def test_what_a_list_leaves_in_16_bits_has_no_groups() -> None:
    for awq in (
        {"quant_method": "awq", "bits": 4, "group_size": 128, "modules_to_not_convert": ["down_proj"]},
        {"quant_method": "gptq", "bits": 4, "group_size": 128, "dynamic": {r"-:.*down_proj": {}}},
        {"quant_method": "gptq", "bits": 4, "group_size": 128, "dynamic": {r"+:.*down_proj": {"group_size": 32}}},
    ):
        assert problem(QWEN_72B | {"quantization_config": awq}, 4) == "", awq
    # One layer of eighty is left in 16 bits, the others are not.
    first = {
        "quant_method": "awq",
        "bits": 4,
        "group_size": 128,
        "modules_to_not_convert": ["model.layers.0.mlp.down_proj"],
    }
    assert "7392 is no multiple of 128" in problem(QWEN_72B | {"quantization_config": first}, 4)


def test_groups_of_experts_are_halved_to_32() -> None:
    # 1,536 / 8 = 192 = 1.5 × 128, but 3 × 64 (moe_wna16.py); compressed-tensors refuses it.
    assert problem(QWEN_235B | {"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128}}, 8) == ""
    gptq = QWEN_235B | {"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128}}
    assert problem(gptq, 8) == "" and "192 is no multiple of 128" in problem(gptq, 8, "sglang")
    weights = {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 128}
    grouped = {
        "quant_method": "compressed-tensors",
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}},
    }
    assert "192 is no multiple of 128" in problem(QWEN_235B | {"quantization_config": grouped}, 8)


def test_heads_name_the_splits_that_work() -> None:
    told = problem(QWEN_7B, 8)
    assert "28 heads (layer 0) do not divide by 8, but by 1, 2, 4, 7, 14, 28." in told
    # 18,944 = 2⁹ × 37 and 4 KV heads leave no 7 or 14.
    assert "Tensor splits that work: 1, 2, 4." in told
    free = QWEN_7B | {"num_key_value_heads": 28, "intermediate_size": 28 * 512, "vocab_size": 28 * 5_440}
    assert "Tensor splits that work: 1, 2, 4, 7, 14, 28." in problem(free, 8)


def test_kv_heads_are_copied_but_not_cut() -> None:
    assert problem(QWEN_72B | {"num_key_value_heads": 8}, 16) == ""
    assert "6 KV heads (layer 0) cannot be shared by 4" in problem(
        QWEN_72B | {"num_attention_heads": 72, "num_key_value_heads": 6, "head_dim": 128}, 4
    )


def test_the_vocabulary_is_padded_to_64_and_by_sglang_until_it_divides() -> None:
    odd = QWEN_7B | {"num_key_value_heads": 28, "intermediate_size": 7 * 2_688, "vocab_size": 152_000}
    assert "vocab_size 152,000, padded to 152,000, does not divide by 7" in problem(odd, 7)
    assert problem(odd, 7, "sglang") == ""
    assert problem(QWEN_7B | {"vocab_size": 151_643}, 4) == ""


def test_latent_attention_splits_its_heads_and_dp_leaves_them_whole() -> None:
    for engine in ("vllm", "sglang"):
        assert problem(DEEPSEEK_V3, 8, engine) == "" and problem(DEEPSEEK_V3, 16, engine) == ""
        assert "intermediate_size 18432 / 32 = 576 is no multiple of 128" in problem(DEEPSEEK_V3, 32, engine)
        assert "128 heads (layer 0) do not divide by 3" in problem(DEEPSEEK_V3, 3, engine)
    whole = Parallel(1, 32, experts=True)
    assert problem(DEEPSEEK_V3, 32, "vllm", parallel=whole) == ""
    # SGLang cuts dense MLPs, the shared expert's among them, over all devices, whatever the copies of the attention.
    assert "is no multiple of 128" in problem(DEEPSEEK_V3, 32, "sglang", parallel=whole)


def test_experts_bound_the_devices() -> None:
    few = QWEN_235B | {"num_experts": 4, "num_experts_per_tok": 2}
    assert "8 devices are more than the 4 experts" in problem(few, 8)
    twelve = QWEN_235B | {"num_experts": 60, "num_experts_per_tok": 4}
    whole = Parallel(8, experts=True)
    assert "60 experts do not divide by 8" in problem(twelve, 8, "sglang", parallel=whole)
    assert problem(twelve, 8, "vllm", parallel=whole) == ""  # expert_map_manager.py gives some devices one more
    assert "no experts to spread" in problem(QWEN_7B, 2, parallel=Parallel(2, experts=True))


def test_heads_of_linear_attention_and_groups_of_mamba() -> None:
    hybrid = {
        "model_type": "qwen3_next", "num_hidden_layers": 4, "hidden_size": 2048, "num_attention_heads": 16,
        "num_key_value_heads": 2, "head_dim": 256, "linear_num_key_heads": 16, "linear_num_value_heads": 32,
        "linear_key_head_dim": 128, "linear_value_head_dim": 128, "num_experts": 512, "num_experts_per_tok": 10,
        "moe_intermediate_size": 512, "shared_expert_intermediate_size": 512, "vocab_size": 151936,
    }  # fmt: skip
    assert problem(hybrid, 8) == ""
    assert "linear_num_key_heads 12 does not divide by 8" in problem(hybrid | {"linear_num_key_heads": 12}, 8)
    mamba = {
        "model_type": "mamba2", "num_hidden_layers": 2, "hidden_size": 4096, "num_heads": 128, "head_dim": 64,
        "n_groups": 3, "vocab_size": 32768,
    }  # fmt: skip
    assert "n_groups 3 does not divide by 2" in problem(mamba, 2)
    assert problem(mamba | {"n_groups": 1}, 2) == ""


def test_outputs_of_linear_attention_have_blocks_too() -> None:
    hybrid = {
        "model_type": "qwen3_next", "num_hidden_layers": 4, "hidden_size": 2048, "num_attention_heads": 16,
        "num_key_value_heads": 2, "head_dim": 256, "linear_num_key_heads": 16, "linear_num_value_heads": 32,
        "linear_key_head_dim": 128, "linear_value_head_dim": 96, "num_experts": 512, "num_experts_per_tok": 10,
        "moe_intermediate_size": 1024, "shared_expert_intermediate_size": 1024, "vocab_size": 151936,
        "quantization_config": FP8,
    }  # fmt: skip
    assert problem(hybrid, 8) == ""
    assert "linear_attn.out_proj inputs 3072 / 16 = 192 is no multiple of 128" in problem(
        hybrid | {"num_key_value_heads": 16, "moe_intermediate_size": 2048, "shared_expert_intermediate_size": 2048}, 16
    )


def test_mxfp4_experts_are_padded() -> None:
    gpt_oss = {
        "model_type": "gpt_oss", "num_hidden_layers": 36, "hidden_size": 2880, "num_attention_heads": 64,
        "num_key_value_heads": 8, "head_dim": 64, "intermediate_size": 2880, "num_local_experts": 128,
        "num_experts_per_tok": 4, "vocab_size": 201088, "quantization_config": {"quant_method": "mxfp4"},
    }  # fmt: skip
    assert tensor_splits(way(_model(gpt_oss), "h100-sxm", "vllm", 4_096), 16) == (1, 2, 4, 8, 16)


def test_stages_need_layers_and_engines_that_deal_layers_out_need_no_heads() -> None:
    assert "28 layers make no 32 pipeline stages" in problem(QWEN_7B, 32, parallel=Parallel(1, 1, 32))
    assert problem(QWEN_7B, 8, "transformers") == "" and "cannot be dealt out" in problem(QWEN_7B, 29, "llama.cpp")
    assert from_config(QWEN_7B).layers[0].n_heads == 28


def test_a_vision_tower_whose_heads_do_not_divide_is_held_whole() -> None:
    # 16 heads over 3 devices: vLLM falls back by itself (is_vit_use_data_parallel), SGLang needs a flag.
    vision = {"depth": 32, "hidden_size": 1280, "num_heads": 16, "intermediate_size": 3420, "patch_size": 14}
    model = _model(
        {
            "model_type": "qwen2_5_vl", "num_hidden_layers": 4, "hidden_size": 3072, "num_attention_heads": 24,
            "num_key_value_heads": 12, "intermediate_size": 6144, "vocab_size": 64 * 3 * 500, "vision_config": vision,
        }
    )  # fmt: skip
    for engine in ("vllm", "sglang"):
        serving = way(model, "h100-sxm", engine, 4_096, count=3)
        assert split_problem(serving) == "" and part_shares(serving)["vision"] == 1
        assert ("--mm-enable-dp-encoder" in command(serving).text) == (engine == "sglang")
    assert "vision" not in part_shares(way(model, "h100-sxm", "vllm", 4_096, count=4))


def test_not_every_model_has_pipeline_stages() -> None:
    config = {"model_type": "mamba2", "num_hidden_layers": 4, "hidden_size": 4096, "num_heads": 128, "head_dim": 64,
              "n_groups": 8, "vocab_size": 32768}  # fmt: skip
    assert "no pipeline stages for mamba2" in problem(config, 2, parallel=Parallel(1, 1, 2))
    assert problem(config, 2, "sglang", parallel=Parallel(1, 1, 2)) == problem(config, 2) == ""
    # 12 heads do not divide by 8, and no stages make up for it.
    bert = {"model_type": "bert", "num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12,
            "intermediate_size": 3072, "vocab_size": 30522, "max_position_embeddings": 512}  # fmt: skip
    for engine in ("vllm", "sglang"):
        assert "no pipeline stages for bert" in problem(bert, 2, engine, parallel=Parallel(1, 1, 2))
        serving = way(_model(bert), "h100-sxm", engine, 512, count=8)
        assert working_split(serving) is serving and split_problem(serving)


def test_joined_matrices_need_whole_blocks_on_one_device_too() -> None:
    # validate_fp8_block_shape_moe asks so of both engines' experts; vLLM re-cuts 2,880 = 45 × 64, and not 1,407.
    for width, engine, refused in (
        (1407, "vllm", True),
        (1407, "sglang", True),
        (2880, "vllm", False),
        (2880, "sglang", True),
    ):
        config = QWEN_235B | {"moe_intermediate_size": width, "quantization_config": FP8}
        assert ("no multiple of 128" in problem(config, 1, engine)) == refused, (width, engine)
