"""The tensors of one quantised matrix, method by method, as released checkpoints hold them."""

from __future__ import annotations


def gptq(name, out, width):
    return {
        "qweight": ("I32", (width // 8, out)),
        "qzeros": ("I32", (width // 128, out // 8)),
        "scales": ("F16", (width // 128, out)),
        "g_idx": ("I32", (width,)),
    }


def gptq_three_bits(name, out, width):
    return {
        "qweight": ("I32", (width * 3 // 32, out)),
        "qzeros": ("I32", (width // 128, out * 3 // 32)),
        "scales": ("F16", (width // 128, out)),
    }


def awq(name, out, width):
    return {
        "qweight": ("I32", (width, out // 8)),
        "qzeros": ("I32", (width // 128, out // 8)),
        "scales": ("F16", (width // 128, out)),
    }


def nf4(name, out, width):
    blocks = out * width // 64
    return {
        "weight": ("U8", (out * width // 2, 1)),
        "weight.absmax": ("U8", (blocks,)),
        "weight.nested_absmax": ("F32", (-(-blocks // 256),)),
        "weight.nested_quant_map": ("F32", (256,)),
        "weight.quant_map": ("F32", (16,)),
        "weight.quant_state.bitsandbytes__nf4": ("U8", (76,)),
    }


def nf4_in_bfloat16(name, out, width):
    return nf4(name, out, width) | {"weight": ("BF16", (out * width // 4, 1))}


def int8(name, out, width):
    return {"weight": ("I8", (out, width)), "SCB": ("F32", (out,)), "weight_format": ("U8", ())}


def fp8_blocks(name, out, width):
    return {"weight": ("F8_E4M3", (out, width)), "weight_scale_inv": ("F32", (-(-out // 128), -(-width // 128)))}


def fp8_tensors(name, out, width):
    return {"weight": ("F8_E4M3", (out, width)), "weight_scale": ("F32", ()), "input_scale": ("F32", ())}


def packed(name, out, width):
    return {
        "weight_packed": ("I32", (out, width // 8)),
        "weight_scale": ("BF16", (out, width // 128)),
        "weight_shape": ("I64", (2,)),
        "weight_zero_point": ("I32", (out // 8, width // 128)),
    }


def packed_by_row(name, out, width):
    return {
        "weight_packed": ("I32", (out, width // 4)),
        "weight_scale": ("BF16", (out, 1)),
        "weight_shape": ("I64", (2,)),
    }


def nvfp4_packed(name, out, width):
    return {
        "weight_packed": ("U8", (out, width // 2)),
        "weight_scale": ("F8_E4M3", (out, width // 16)),
        "weight_global_scale": ("F32", (1,)),
        "input_global_scale": ("F32", (1,)),
    }


def nvfp4_modelopt(name, out, width):
    return {
        "weight": ("U8", (out, width // 2)),
        "weight_scale": ("F8_E4M3", (out, width // 16)),
        "weight_scale_2": ("F32", ()),
        "input_scale": ("F32", ()),
        **({"k_scale": ("F32", ())} if name.endswith("k_proj") else {}),
    }


def group(form, **weights):
    return {
        "quant_method": "compressed-tensors",
        "format": form,
        "ignore": ["lm_head"],
        "config_groups": {
            "group_0": {"targets": ["Linear"], "weights": weights, "input_activations": {"dynamic": "local"}}
        },
    }


FORMATS = {
    "GPTQ": (gptq, {"quant_method": "gptq", "bits": 4, "group_size": 128}),
    "GPTQ, 3 bits": (gptq_three_bits, {"quant_method": "gptq", "bits": 3, "group_size": 128}),
    "AWQ": (awq, {"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm"}),
    "bitsandbytes NF4": (
        nf4,
        {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_use_double_quant": True},
    ),
    "bitsandbytes NF4 in bfloat16": (
        nf4_in_bfloat16,
        {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_use_double_quant": True},
    ),
    "bitsandbytes int8": (int8, {"quant_method": "bitsandbytes", "load_in_8bit": True}),
    "FP8 in blocks": (fp8_blocks, {"quant_method": "fp8", "weight_block_size": [128, 128]}),
    "FP8 in tensors": (fp8_tensors, group("float-quantized", num_bits=8, type="float", strategy="tensor")),
    "compressed-tensors W4A16": (
        packed,
        group("pack-quantized", num_bits=4, type="int", strategy="group", group_size=128, symmetric=False),
    ),
    "compressed-tensors W8A16": (packed_by_row, group("pack-quantized", num_bits=8, type="int", strategy="channel")),
    "NVFP4, compressed-tensors": (nvfp4_packed, group("nvfp4-pack-quantized", num_bits=4, type="float", group_size=16)),
    "NVFP4, modelopt": (
        nvfp4_modelopt,
        {"quant_method": "modelopt", "quant_algo": "NVFP4", "exclude_modules": ["lm_head"]},
    ),
}
