"""What configs say of the type and the quantisation of their weights, in the words of released models."""

import json

import pytest
import stored_models as made

from ropescope.models import open as open_model
from ropescope.models.quantization import quantization_config, quantization_of, stated_dtype


@pytest.mark.parametrize(
    ("stated", "method", "bits"),
    [
        ({"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": True}, "gptq", 4),
        ({"quant_method": "awq", "w_bit": 4, "q_group_size": 128}, "awq", 4),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True, "_load_in_8bit": False}, "bitsandbytes", 4),
        ({"load_in_8bit": True}, "bitsandbytes", 8),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8", 8),
        ({"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}, "mxfp4", 4),
        ({"quant_method": "compressed-tensors", "format": "pack-quantized",
          "config_groups": {"group_0": {"weights": {"num_bits": 4, "group_size": 128}}}}, "compressed-tensors", 4),
        ({"quant_method": "compressed-tensors", "config_groups": {
            "a": {"weights": {"num_bits": 4}}, "b": {"weights": {"num_bits": 8}}}}, "compressed-tensors", None),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8"}, "nvfp4", 4),
        ({"quant_method": "newmethod"}, "newmethod", None),
    ],
)  # fmt: skip
def test_methods(stated, method, bits):
    found = quantization_of(quantization_config({"quantization_config": stated}))
    assert (found.method, found.bits) == (method, bits)


def test_details_are_kept_and_lists_of_modules_are_not():
    stated = {
        "quant_method": "compressed-tensors",
        "format": "nvfp4-pack-quantized",
        "ignore": ["lm_head"] * 500,
        "config_groups": {"g": {"weights": {"num_bits": 4, "type": "float", "group_size": 16, "observer": None}}},
    }
    assert quantization_of(stated).detail == {
        "quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized",
        "weights": [{"num_bits": 4, "type": "float", "group_size": 16}],
    }  # fmt: skip


@pytest.mark.parametrize("config", [{}, {"quantization_config": None}, {"quantization_config": {"bits": 4}}])
def test_without_a_method_there_is_none(config):
    assert quantization_of(quantization_config(config)) is None


def test_it_may_be_in_the_part_of_the_language_model_or_in_the_file_of_modelopt(tmp_path):
    inner = {"text_config": {"model_type": "llama", "quantization_config": {"quant_method": "awq", "bits": 4}}}
    assert quantization_of(quantization_config(inner)).method == "awq"
    table = dict(made.llama_rest()) | {f"{n}.weight": ("BF16", s) for n, s in made.llama_linears().items()}
    folder = made.write_folder(tmp_path / "llama", made.LLAMA_31_8B, table)
    (folder / "hf_quant_config.json").write_text(
        json.dumps(
            {"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "FP8", "exclude_modules": ["lm_head"]}}
        )
    )
    found = open_model(folder)
    assert (found.quantization.method, found.quantization.bits, found.dtype) == ("fp8", 8, "bfloat16")


@pytest.mark.parametrize(
    ("config", "dtype"),
    [
        ({"torch_dtype": "bfloat16"}, "bfloat16"), ({"dtype": "float32"}, "float32"), ({"torch_dtype": "torch.float16"}, "float16"),
        ({"torch_dtype": "auto"}, ""), ({"torch_dtype": 5}, ""), ({}, ""),
        ({"torch_dtype": "float32", "text_config": {"torch_dtype": "bfloat16"}}, "bfloat16"),
    ],
)  # fmt: skip
def test_dtype(config, dtype):
    assert stated_dtype(config) == dtype
