"""From a quantisation config to its Scheme: one reader for each `quant_method`.

What a config names and its reader does not know goes into `Scheme.lacks`: the bytes are then no more than a lower bound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ropescope.models.quantized import libraries, published
from ropescope.models.quantized.names import shown
from ropescope.models.quantized.scheme import ANYWHERE, Scheme, Stated, bears, lacking, names_in, whole


def scheme_of(stated: Stated) -> Scheme | None:
    """The Scheme of a `quantization_config`; None where it states none."""
    method = str(stated.get("quant_method") or "").lower()
    if not method and (stated.get("load_in_4bit") or stated.get("load_in_8bit")):
        method = "bitsandbytes"
    if not method and all(isinstance(stated.get(name), int) for name in ("bits", "group_size")):
        method = "mlx"
    if not method:
        return None
    if method.startswith("modelopt"):
        method = "modelopt"
    reader, known = _READERS.get(method, (_unknown, frozenset()))
    scheme = reader(stated)
    if reader is not _unknown:
        foreign = sorted(
            key
            for key, value in stated.items()
            if key not in known | ANYWHERE and bears(key, value) and not (method == "mlx" and "." in key)
        )
        if foreign:
            scheme.lacks.append(f"quantization_config.{shown(foreign)}")
    return scheme


def _unknown(stated: Stated) -> Scheme:
    method = str(stated.get("quant_method"))[:40]
    bits = whole(stated, "bits", "w_bit", "num_bits", "nbits", most=16)
    form, lacks = lacking(bits, f"quantisation {method!r}, which is not known here")
    keep = names_in(stated, "modules_to_not_convert", "ignore", "exclude", "exclude_modules", "skip_modules")
    return Scheme(form, keep, lacks=lacks)


_SKIPS: Final = frozenset({"modules_to_not_convert"})
_GPTQ_KEYS: Final = frozenset(
    {
        "bits",
        "group_size",
        "desc_act",
        "sym",
        "dynamic",
        "lm_head",
        "checkpoint_format",
        "format",
        "modules_in_block_to_quantize",
        "inside_layer_modules",
        "block_name_to_quantize",
        "pack_dtype",
        "module_name_preceding_first_block",
        "static_groups",
        "dataset",
        "cache_block_outputs",
        "model_file_base_name",
        "quant_type",
        "is_marlin_format",
        "batch_size",
        "act_group_aware",
    }
)

_READERS: Final[Mapping[str, tuple[Callable[[Stated], Scheme], frozenset[str]]]] = {
    "compressed-tensors": (
        published.compressed,
        frozenset(
            {
                "config_groups",
                "ignore",
                "format",
                "sparsity_config",
                "quantization_status",
                "global_compression_ratio",
                "transform_config",
            }
        ),
    ),
    "gptq": (libraries.gptq, _GPTQ_KEYS),
    "awq": (
        libraries.awq,
        _SKIPS | {"bits", "w_bit", "group_size", "q_group_size", "backend", "modules_to_fuse"},
    ),
    "fp8": (published.fp8, _SKIPS | {"weight_block_size", "ignored_layers", "fmt", "scale_fmt", "expert_dtype"}),
    "modelopt": (
        published.modelopt,
        frozenset(
            {
                "quant_algo",
                "exclude_modules",
                "ignore",
                "group_size",
                "quantized_layers",
                "quantization",
                "config_groups",
                "producer",
            }
        ),
    ),
    "mxfp4": (published.mxfp4, _SKIPS),
    "mxfp8": (published.mxfp8, _SKIPS | {"ignored_layers", "weight_block_size", "scale_fmt"}),
    "nvfp4": (published.nvfp4, _SKIPS | {"ignore", "exclude_modules", "group_size"}),
    "quark": (
        published.quark,
        frozenset(
            {
                "global_quant_config",
                "layer_quant_config",
                "layer_type_quant_config",
                "exclude",
                "export",
                "algo_config",
                "softmax_quant_spec",
                "kv_cache_quant_config",
                "kv_cache_post_rope",
            }
        ),
    ),
    "bitsandbytes": (
        libraries.bitsandbytes,
        frozenset(
            {
                "load_in_4bit",
                "load_in_8bit",
                "_load_in_4bit",
                "_load_in_8bit",
                "llm_int8_skip_modules",
                "bnb_4bit_quant_type",
                "bnb_4bit_compute_dtype",
                "bnb_4bit_quant_storage",
                "bnb_4bit_use_double_quant",
                "llm_int8_threshold",
                "llm_int8_has_fp16_weight",
                "llm_int8_enable_fp32_cpu_offload",
            }
        ),
    ),
    "torchao": (libraries.torchao, _SKIPS | {"quant_type", "quant_type_kwargs", "include_input_output_embeddings"}),
    "hqq": (libraries.hqq, frozenset({"quant_config", "skip_modules", "nbits", "group_size", "dynamic_config"})),
    "fbgemm_fp8": (libraries.rows_of_8_bits(4), _SKIPS | {"activation_scale_ub"}),
    "eetq": (libraries.rows_of_8_bits(2), _SKIPS | {"weights"}),
    "auto-round": (
        libraries.auto_round,
        _SKIPS
        | {
            "bits",
            "group_size",
            "sym",
            "packing_format",
            "extra_config",
            "block_name_to_quantize",
            "data_type",
            "low_gpu_mem_usage",
            "to_quant_block_names",
            "batch_size",
            "scale_dtype",
            "act_bits",
            "act_data_type",
            "act_group_size",
            "super_bits",
            "super_group_size",
        },
    ),
    "mlx": (libraries.mlx, frozenset({"bits", "group_size", "mode"})),
    "bitnet": (libraries.bitnet, _SKIPS | {"linear_class", "quantization_mode"}),
}
"""`quant_method` → (its reader, the fields that it knows)."""
