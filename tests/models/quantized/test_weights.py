"""Bytes of quantised weights from a config alone: against the tensors of checkpoints, written out one by one."""

from math import prod

import pytest
import released_configs as released
import stored_models as made
from packed_tables import FORMATS

from ropescope.models import open as open_model
from ropescope.models.model import Model

LLAMA = made.LLAMA_31_8B
ROWS_BY_COLUMNS = made.llama_linears()
IN_16_BITS = 2 * made.LLAMA_31_8B_PARAMETERS


def counted(config, **stated):
    model = open_model({**config, "quantization_config": stated})
    assert model.weights is None and model.quantization.weights is not None
    return model.quantization.weights


def table_bytes(table):
    return sum(prod(shape) * made.BITS[dtype] // 8 for dtype, shape in table.values())


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "GPTQ, 3 bits"])  # whose table has no g_idx
def test_the_bytes_are_those_of_the_tensors_of_a_checkpoint(name):
    parts, stated = FORMATS[name]
    table = dict(made.llama_rest())
    for module, (out, width) in ROWS_BY_COLUMNS.items():
        table |= {f"{module}.{leaf}": stored for leaf, stored in parts(module, out, width).items()}
    found = counted(LLAMA, **stated)
    # To a hundred bytes a matrix: some keep a scalar, or a description of themselves, that others do not.
    assert abs(found.n_bytes - table_bytes(table)) <= 100 * len(ROWS_BY_COLUMNS)
    assert not found.lacks and found.n_files == 0 and sum(found.by_part.values()) == found.n_bytes


W4 = {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 128, "symmetric": True}
FP8 = {"num_bits": 8, "type": "float", "strategy": "channel", "symmetric": True}
CT = {"quant_method": "compressed-tensors", "format": "pack-quantized"}


def linear(weights, *targets):
    return {"targets": list(targets or ("Linear",)), "weights": weights}


def packed(out, width):
    return out * (width // 8) * 4 + out * (width // 128) * 2 + 16


def with_kept(kept, size=packed):
    """The bytes of Llama-3.1-8B where the modules that `kept` chooses stay in 16 bits."""
    saved = sum(2 * out * width - size(out, width) for name, (out, width) in ROWS_BY_COLUMNS.items() if not kept(name))
    return IN_16_BITS - saved


@pytest.mark.parametrize(
    ("ignore", "kept"),
    [
        (["lm_head"], lambda name: False),
        (["lm_head", "model.layers.3.mlp.down_proj"], lambda name: name == "model.layers.3.mlp.down_proj"),
        (["lm_head", r"re:.*layers\.(0|31)\..*"], lambda name: ".layers.0." in name or ".layers.31." in name),
        (["lm_head", "re:.*self_attn.*"], lambda name: "self_attn" in name),
        # A regular expression starts where the name does.
        (["lm_head", "re:.*gate_proj$"], lambda name: name.endswith("gate_proj")),
    ],
)
def test_compressed_tensors_ignores_by_name_and_expression(ignore, kept):
    found = counted(LLAMA, **CT, ignore=ignore, config_groups={"g": linear(W4)})
    assert (found.n_bytes, found.lacks) == (with_kept(kept), ())


def test_compressed_tensors_with_several_groups():
    # 8 bits for the projections back to the hidden state, by name in one layer and by expression in all; 4 for the rest.
    groups = {
        "w8": linear(FP8, "re:.*down_proj$", "model.layers.0.self_attn.o_proj") | {"format": "float-quantized"},
        "w4": linear(W4),
    }
    found = counted(LLAMA, **CT, ignore=["lm_head"], config_groups=groups)
    eight = {
        name for name in ROWS_BY_COLUMNS if name.endswith("down_proj") or name == "model.layers.0.self_attn.o_proj"
    }
    rows = sum(out for name, (out, _) in ROWS_BY_COLUMNS.items() if name in eight)
    numbers = sum(out * width for name, (out, width) in ROWS_BY_COLUMNS.items() if name in eight)
    four = sum(packed(*shape) for name, shape in ROWS_BY_COLUMNS.items() if name not in eight)
    rest = IN_16_BITS - 2 * sum(out * width for out, width in ROWS_BY_COLUMNS.values())
    assert found.n_bytes == rest + four + numbers + 2 * rows and not found.lacks


def test_the_output_is_quantised_unless_it_is_ignored():
    # compressed-tensors takes every Linear; the other methods leave the output alone unless told otherwise.
    whole = counted(LLAMA, **CT, config_groups={"g": linear(W4)})
    assert whole.by_part["output"] == packed(128_256, 4096)
    assert counted(LLAMA, quant_method="awq", bits=4, group_size=128).by_part["output"] == 2 * 128_256 * 4096
    tied = counted(released.LLAMA_32_1B, **CT, config_groups={"g": linear(W4)})
    assert "output" not in tied.by_part


def gptq(out, width, bits=4, group=128):
    groups = width // group
    return out * width * bits // 8 + groups * (out * bits // 8 + 2 * out) + 4 * width


def test_gptq_rules_for_single_modules():
    rules = {
        r"-:.*\.layers\.0\..*": {},
        r"+:.*down_proj": {"bits": 8, "group_size": 64},
        r".*\.layers\.1\..*": {"bits": 2},
    }
    found = counted(LLAMA, quant_method="gptq", bits=4, group_size=128, desc_act=True, sym=True, dynamic=rules)
    total = IN_16_BITS
    for name, (out, width) in ROWS_BY_COLUMNS.items():
        if ".layers.0." in name:  # the first rule that matches decides
            continue
        bits, group = (8, 64) if name.endswith("down_proj") else (2, 128) if ".layers.1." in name else (4, 128)
        total += gptq(out, width, bits, group) - 2 * out * width
    assert (found.n_bytes, found.lacks) == (total, ())
    only = counted(
        LLAMA,
        quant_method="gptq",
        bits=4,
        group_size=128,
        modules_in_block_to_quantize=[["self_attn.q_proj", "self_attn.o_proj"], ["mlp.up_proj"]],
    )
    taken = ("self_attn.q_proj", "self_attn.o_proj", "mlp.up_proj")
    assert only.n_bytes == with_kept(lambda name: not name.endswith(taken), gptq)


@pytest.mark.parametrize(
    "stated",
    [
        {"quant_method": "awq", "bits": 4, "group_size": 128, "modules_to_not_convert": ["self_attn"]},
        {"quant_method": "fp8", "weight_block_size": [128, 128], "modules_to_not_convert": ["self_attn", "lm_head"]},
        {
            "quant_method": "fbgemm_fp8",
            "modules_to_not_convert": ["lm_head", *(f"model.layers.{layer}.self_attn" for layer in range(32))],
        },
        {"quant_method": "bitsandbytes", "load_in_8bit": True, "llm_int8_skip_modules": ["lm_head", "self_attn"]},
        {
            "quant_method": "modelopt",
            "quant_algo": "NVFP4",
            "exclude_modules": ["lm_head", "model.layers.*.self_attn*"],
        },
        {
            "quant_method": "quark",
            "exclude": ["lm_head", "re:.*self_attn.*"],
            "global_quant_config": {
                "weight": {"dtype": "fp4", "qscheme": "per_group", "group_size": 32, "scale_format": "e8m0"}
            },
        },
        {
            "quant_method": "torchao",
            "quant_type": {"default": {"_type": "Int4WeightOnlyConfig", "_data": {"group_size": 128}}},
            "modules_to_not_convert": ["self_attn"],
        },
        {
            "quant_method": "hqq",
            "skip_modules": ["lm_head", "self_attn"],
            "quant_config": {"weight_quant_params": {"nbits": 4, "group_size": 64}},
        },
        {"quant_method": "eetq", "weights": "int8", "modules_to_not_convert": ["lm_head", "self_attn"]},
        {
            "quant_method": "auto-round",
            "bits": 4,
            "group_size": 128,
            "packing_format": "auto_round:auto_gptq",
            "extra_config": {
                f"model.layers.{layer}.self_attn.{name}_proj": {"bits": 16} for layer in range(32) for name in "qkvo"
            },
        },
    ],
    ids=lambda stated: stated["quant_method"],
)
def test_attention_that_a_list_names_stays_in_16_bits_in_every_method(stated):
    found = counted(LLAMA, **stated)
    assert found.lacks == ()
    assert found.by_part["attention"] == 2 * 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024)
    assert found.by_part["mlp"] < 1.1 * 32 * 3 * 4096 * 14336
    assert found.by_part["output"] == 2 * 128_256 * 4096


def test_experts_in_fp4_beside_fp8():
    # DeepSeek-V4's manner, here on V3's shapes: experts in 4 bits and an 8-bit exponent for 32, all else in FP8 blocks.
    stated = {"quant_method": "fp8", "weight_block_size": [128, 128], "scale_fmt": "ue8m0"}
    found = open_model(
        {**released.DEEPSEEK_V3, "expert_dtype": "fp4", "quantization_config": stated}
    ).quantization.weights
    experts = 58 * 256 * 3 * 2048 * 7168
    assert found.by_part["experts"] == experts * (4 + 8 / 32) / 8 and found.lacks == ()
    # DeepSeek-V4-Flash itself: 284 B parameters, of which the experts take 4.25 bits.
    pytest.importorskip("transformers")
    flash = open_model({"model_type": "deepseek_v4", "expert_dtype": "fp4", "quantization_config": stated})
    assert flash.parameters.total == pytest.approx(284e9, rel=2e-3)
    assert flash.quantization.weights.lacks == () and 150e9 < flash.quantization.weights.n_bytes < 160e9
    odd = open_model(
        {**released.DEEPSEEK_V3, "expert_dtype": "int3", "quantization_config": stated}
    ).quantization.weights
    assert "expert_dtype" in odd.lacks[0]


def test_modelopt_states_a_type_for_each_module_and_lies_beside_the_config(tmp_path):
    import json

    layers = {
        f"model.layers.{layer}.{name}": {"quant_algo": "FP8"}
        if name.startswith("self")
        else {"quant_algo": "NVFP4", "group_size": 16}
        for layer in range(32)
        for name in (
            "self_attn.q_proj",
            "self_attn.k_proj",
            "self_attn.v_proj",
            "self_attn.o_proj",
            "mlp.gate_proj",
            "mlp.up_proj",
            "mlp.down_proj",
        )
    }
    stated = {
        "quant_algo": "MIXED_PRECISION",
        "kv_cache_quant_algo": "FP8",
        "exclude_modules": ["lm_head"],
        "quantized_layers": layers,
    }
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    (tmp_path / "hf_quant_config.json").write_text(
        json.dumps({"producer": {"name": "modelopt"}, "quantization": stated})
    )
    model = open_model(tmp_path)
    found = model.quantization.weights
    attention, mlp = 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024), 32 * 3 * 4096 * 14336
    assert found.by_part["attention"] == attention + 8 * 32 * 4 and found.by_part["mlp"] == mlp * 4.5 / 8 + 8 * 32 * 3
    assert found.lacks == () and Model.from_dict(model.to_dict()) == model


def test_names_of_composite_models_and_of_what_is_never_quantised_are_understood():
    config = {
        **released.GEMMA_3_27B,
        "quantization_config": {
            **CT,
            "config_groups": {"g": linear(W4)},
            "ignore": [
                "re:.*lm_head",
                "re:vision_tower.*",
                "model.vision_tower.vision_model.encoder.layers.0.mlp.fc1",
                "re:multi_modal_projector.*",
                "language_model.model.layers.0.self_attn.q_proj",
            ],
        },
    }
    found = open_model(config).quantization.weights
    every = counted(released.GEMMA_3_27B, **CT, ignore=["re:.*lm_head"], config_groups={"g": linear(W4)})
    rows, width = 32 * 128, 5376
    assert found.lacks == () and found.n_bytes - every.n_bytes == 2 * rows * width - packed(rows, width)
    moe = counted(released.QWEN3_30B_A3B, **CT, ignore=["lm_head", "re:.*mlp.gate$"], config_groups={"g": linear(W4)})
    one_expert = [f"model.layers.0.mlp.experts.{n}.up_proj" for n in (0, 5, 7)]
    fewer = counted(released.QWEN3_30B_A3B, **CT, ignore=["lm_head", *one_expert], config_groups={"g": linear(W4)})
    assert moe.lacks == fewer.lacks == () and fewer.n_bytes - moe.n_bytes == 3 * (2 * 768 * 2048 - packed(768, 2048))


@pytest.mark.parametrize(
    ("stated", "named"),
    [
        ({**CT, "config_groups": {"g": linear(W4)}, "ignore": ["model.layers.0.mystery_proj"]}, "mystery_proj"),
        ({**CT, "config_groups": {"g": linear(W4)}, "ignore": ["re:((a+)+)+$"]}, "((a+)+)+"),
        ({**CT, "config_groups": {"g": linear({**W4, "strategy": "spiral"})}}, "spiral"),
        ({"quant_method": "gptq", "bits": 4, "dynamic": {"-:.*wqkv": {}}}, "wqkv"),
        ({"quant_method": "awq", "bits": 4, "outlier_bits": 8}, "outlier_bits"),
        ({"quant_method": "modelopt", "quant_algo": "W3A16_NEW"}, "W3A16_NEW"),
        ({"quant_method": "aqlm", "nbits_per_codebook": 16}, "aqlm"),
        ({"quant_method": "newmethod", "bits": 3}, "newmethod"),
    ],
)
def test_what_is_not_understood_is_named(stated, named):
    assert any(named in text for text in counted(LLAMA, **stated).lacks)


def test_an_expression_that_never_ends_is_not_run():
    endless = [
        r"(.*a|.*b|.*c)*(.*d)*x",
        "(.*)" * 30 + "x",
        "(x(.|..)y)+z",
        "((.|..))+z",
        ".*.*.*.*.*z",
        r"(\w|\w\w)*z",
        ".?" * 60 + "z",
    ]
    found = counted(
        LLAMA, **CT, config_groups={"g": linear(W4)}, ignore=["lm_head", *(f"re:{entry}" for entry in endless)]
    )
    assert "re:" in found.lacks[0] and "and 4 more" in found.lacks[0]  # all seven are named as not understood
    numbered = [r"re:.*layers\.\d+\.mlp\.experts\.\d+\..*", r"re:^model\.layers\.[0-9]+\.mlp\.(gate|up)_proj$"]
    assert (
        counted(released.QWEN3_30B_A3B, **CT, config_groups={"g": linear(W4)}, ignore=["lm_head", numbered[0]]).lacks
        == ()
    )
    assert counted(LLAMA, **CT, config_groups={"g": linear(W4)}, ignore=["lm_head", numbered[1]]).lacks == ()


@pytest.mark.parametrize(
    "name",
    [
        "LLAMA_31_8B",
        "QWEN3_30B_A3B",
        "DEEPSEEK_V3",
        "GPT_OSS_20B",
        "MIXTRAL_8X7B",
        "PHI_3_MINI_4K",
        "QWEN3_NEXT_80B_A3B",
        "GEMMA_3_27B",
        "NEMOTRON_H_8B",
        "FALCON_H1_05B",
        "LLAMA_4_SCOUT",
        "GLM_45_AIR",
        "GPT_NEOX_20B",
        "STARCODER2_3B",
        "LFM2_12B",
        "OPT_13B",
        "FALCON_7B",
    ],
)
def test_the_listed_matrices_are_the_layers_but_for_a_little(name):
    from collections import Counter

    from ropescope.models import from_config
    from ropescope.models.counts.estimate import estimate
    from ropescope.models.quantized.matrices import matrices

    model = from_config(getattr(released, name))
    parts, listed = estimate(model).parts, Counter()
    for matrix in matrices(model):
        listed[matrix.part] += matrix.times * matrix.rows * matrix.columns
    for part in {"attention", "mlp", "experts", "mixer"} & set(parts):
        assert 0.98 * parts[part] <= listed[part] <= parts[part], part


INT4 = {"actorder": None, "block_structure": None, "dynamic": False, "group_size": 32, "num_bits": 4, "observer": "minmax",
        "observer_kwargs": {}, "strategy": "group", "symmetric": True, "type": "int"}  # fmt: skip
FP8_BLOCKS = {"quant_method": "fp8", "activation_scheme": "dynamic", "fmt": "e4m3", "weight_block_size": [128, 128]}
SKIPPED = ["lm_head", "multi_modal_projector", "merger", "modality_projection", "router", "visual", "vision_tower"]
WHOLE = {
    # Kimi-K2-Thinking is published with 594 GB of files, MiniMax-M2 with 230 GB.
    "Kimi-K2-Thinking": (released.KIMI_K2, CT | {
        "config_groups": {"group_0": {"input_activations": None, "output_activations": None, "targets": ["Linear"],
                                      "weights": INT4}},
        "ignore": ["lm_head", "re:.*self_attn.*", "re:.*shared_experts.*", r"re:.*mlp\.(gate|up|gate_up|down)_proj.*"],
        "kv_cache_scheme": None, "quantization_status": "compressed", "transform_config": {}, "sparsity_config": {}}, 594e9),
    "MiniMax-M2": (released.MINIMAX_M2, FP8_BLOCKS | {
        "modules_to_not_convert": ["gate", "e_score_correction_bias", "lm_head"]}, 230e9),
    "gpt-oss-20b": (released.GPT_OSS_20B, {"quant_method": "mxfp4", "modules_to_not_convert": [
        "model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]}, 13_761_264_768),
    "Qwen3-Next in FP8": (released.QWEN3_NEXT_80B_A3B, FP8_BLOCKS | {"modules_to_not_convert": [
        "lm_head", "mtp.fc", "model.layers.0.linear_attn.conv1d", "model.layers.0.linear_attn.in_proj_ba",
        "model.layers.0.mlp.gate",
        "model.layers.0.mlp.shared_expert_gate", "model.layers.0.input_layernorm"]}, None),
    "bitsandbytes as Unsloth writes it": (released.LLAMA_31_8B, {
        "quant_method": "bitsandbytes", "_load_in_4bit": True, "load_in_4bit": True, "bnb_4bit_compute_dtype": "bfloat16",
        "bnb_4bit_quant_storage": "uint8", "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True,
        "llm_int8_skip_modules": [*SKIPPED, "model.layers.1.mlp"], "llm_int8_threshold": 6.0}, None),
    "GPTQModel": (released.QWEN3_8B, {
        "bits": 4, "group_size": 128, "desc_act": False, "sym": True, "lm_head": False, "quant_method": "gptq",
        "checkpoint_format": "gptq", "pack_dtype": "int32", "dynamic": {"-:.*mlp.gate$": {}}, "meta": {"mse": 0.0},
        "exllama_config": {"version": 1}, "batch_size": 1, "act_group_aware": True, "damp_percent": 0.1}, None),
    "DeepSeek in NVFP4": (released.DEEPSEEK_V3, {
        "quant_method": "modelopt", "quant_algo": "NVFP4", "kv_cache_scheme": {"num_bits": 8, "type": "float"},
        "ignore": ["lm_head", "model.embed_tokens", "model.layers.61*", *(f"model.layers.{n}.self_attn*" for n in range(61)),
                   *(f"model.layers.{n}.mlp.gate" for n in range(3, 61))]}, None),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_configs_as_they_are_published_are_understood_whole(name):
    config, stated, published = WHOLE[name]
    found = counted(config, **stated)
    assert found.lacks == () and (published is None or found.n_bytes == pytest.approx(published, rel=1e-3))


def test_mlx_quantises_embedding_and_output_too():
    # mlx-community/Meta-Llama-3.1-8B-Instruct-4bit is published with 4.52 GB: a scale and a bias for 64 numbers, 4.5 bits in all.
    model = open_model({**LLAMA, "quantization": {"group_size": 64, "bits": 4}})
    found = model.quantization.weights
    assert found.n_bytes == pytest.approx(4.52e9, rel=1e-3) and found.lacks == ()
    assert found.by_part["embedding"] == found.by_part["output"] == 128_256 * 4096 * 4.5 / 8
    wider = {"model.layers.0.mlp.down_proj": {"group_size": 64, "bits": 8}, "model.layers.1.mlp.up_proj": False}
    mixed = open_model({**LLAMA, "quantization": {"group_size": 64, "bits": 4, **wider}}).quantization.weights
    assert mixed.n_bytes - found.n_bytes == 4096 * 14336 * (4 + 16 - 4.5) / 8 and mixed.lacks == ()
