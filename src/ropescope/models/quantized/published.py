"""Readers of the formats that model publishers ship and servers load: compressed-tensors, FP8 in blocks, ModelOpt, MXFP4,
Quark."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ropescope.models.quantized import formats
from ropescope.models.quantized.formats import Format
from ropescope.models.quantized.names import Names, shown
from ropescope.models.quantized.scheme import (
    WITH_OUTPUT,
    Scheme,
    Stated,
    bears,
    block_of,
    digits,
    entries,
    lacking,
    names_in,
    whole,
)


def compressed(stated: Stated) -> Scheme:
    """compressed-tensors: groups of targets, by whole names, expressions or class; `ignore` comes first."""
    scheme = Scheme(None, names_in(stated, "ignore", manner="names"), WITH_OUTPUT)
    groups = stated.get("config_groups")
    for key, group in groups.items() if isinstance(groups, Mapping) else ():
        if not isinstance(group, Mapping) or not isinstance(group.get("weights"), Mapping):
            continue  # activations or a cache alone
        named = str(group.get("format") or stated.get("format") or "")
        form, lacks = _compressed_format(group["weights"], named, group.get("input_activations"))
        scheme.lacks += [f"config_groups.{key}: {text}" for text in lacks]
        targets = [target for target in entries(group.get("targets")) if isinstance(target, str)]
        classes = [target for target in targets if re.fullmatch(r"[A-Z]\w*", target)]
        if any("linear" in name.lower() for name in classes):
            scheme.default = form
        others = [name for name in classes if "linear" not in name.lower()]
        if others:
            scheme.lacks.append(f"config_groups.{key}.targets ({shown(others)})")
        if named_ones := [target for target in targets if target not in classes]:
            scheme.special.append((Names(named_ones, "names"), form))
    # A whole name goes before an expression.
    scheme.special.sort(key=lambda pair: any(entry.startswith("re:") for entry in pair[0].entries))
    sparsity = stated.get("sparsity_config")
    if isinstance(sparsity, Mapping) and sparsity.get("format") not in (None, "dense"):
        scheme.lacks.append(f"sparsity_config.format {str(sparsity['format'])[:40]!r}")
    if not isinstance(groups, Mapping) or not groups:
        scheme.lacks.append("compressed-tensors without config_groups")
    return scheme


_SCALE_BYTES: Final = {
    "torch.float8_e4m3fn": 1,
    "torch.uint8": 1,
    "torch.bfloat16": 2,
    "torch.float16": 2,
    "torch.float32": 4,
}


def _compressed_format(weights: Stated, named: str, inputs: object) -> tuple[Format | None, list[str]]:
    bits, kind = whole(weights, "num_bits", most=16), weights.get("type", "int")
    group, strategy = whole(weights, "group_size"), weights.get("strategy")
    if bits is None or kind not in ("int", "float"):
        return lacking(bits, "weights without num_bits and a known type")
    if strategy is None:
        strategy = "group" if group else "tensor" if weights.get("group_size") is None else "channel"
    if "nvfp4" in named or (kind == "float" and strategy == "tensor_group"):
        static = isinstance(inputs, Mapping) and inputs.get("dynamic") is not True
        return formats.nvfp4(group or 16, static), []
    if "mxfp" in named:
        return formats.mx(bits, group or 32), []
    if named in ("sparse-24-bitmask", "marlin-24") or strategy not in ("tensor", "channel", "group", "block"):
        return lacking(bits, f"format {named[:40] or '(none)'} with strategy {str(strategy)[:40]}")
    scale = _SCALE_BYTES.get(str(weights.get("scale_dtype")), 2)
    zero = bits if weights.get("symmetric") is False else 0
    packed = "pack-quantized" in named or (not named and kind == "int" and bits < 8)
    width = bits if packed else 8 if bits <= 8 else 16
    beside = {"fixed_bytes": 16, "word_bits": 32} if packed else {"fixed_bytes": 0, "word_bits": 0}
    zero = zero if packed or not zero else 8
    if strategy == "tensor":
        return Format(width, 0, 0, scale, zero, **beside), []
    if strategy == "channel":
        return Format(width, 1, 0, scale, zero, **beside), []
    if strategy == "group" and group:
        return Format(width, 1, group, scale, zero, **beside), []
    block = block_of(weights.get("block_structure"))
    if strategy == "block" and block:
        return Format(width, *block, scale, zero, **beside), []
    return lacking(bits, f"strategy {strategy} without its size")


def fp8(stated: Stated) -> Scheme:
    """Fine-grained FP8 as DeepSeek publishes it, and one scale a tensor; experts may be in FP4 (DeepSeek-V4)."""
    size = stated.get("weight_block_size")
    block, small = block_of(size), stated.get("scale_fmt") == "ue8m0" and stated.get("expert_dtype") is not None
    static = 4 if stated.get("activation_scheme") == "static" else 0
    keep = names_in(stated, "modules_to_not_convert", "ignored_layers")
    lacks = [] if block or size is None else ["weight_block_size"]
    form = formats.plain(8, 4 + static) if block is None else Format(8, *block, 1 if small else 4, fixed_bytes=static)
    scheme = Scheme(form, keep, lacks=lacks)
    expert = stated.get("expert_dtype")
    if expert == "fp4":
        scheme.special.append((Names(["re:.*experts\\..*"], "names"), formats.mx(4)))
    elif expert not in (None, "fp8"):
        scheme.lacks.append(f"expert_dtype {str(expert)[:40]!r}")
    return scheme


def modelopt(stated: Stated) -> Scheme:
    """ModelOpt: one algorithm, or one for each module in a table; excluded modules by name and wildcard."""
    inside = stated.get("quantization")
    stated = {**stated, **inside} if isinstance(inside, Mapping) else stated
    keep = names_in(stated, "exclude_modules", "ignore", manner="wildcards")
    algorithm = str(stated.get("quant_algo") or "").upper()
    table = stated.get("quantized_layers")
    if algorithm == "MIXED_PRECISION" or (not algorithm and isinstance(table, Mapping)):
        scheme = Scheme(None, keep, WITH_OUTPUT)
        by_form: dict[str, tuple[Format | None, list[str]]] = {}
        for name, how in table.items() if isinstance(table, Mapping) else ():
            how = how if isinstance(how, Mapping) else {}
            key = f"{how.get('quant_algo')} {how.get('group_size')}"
            by_form.setdefault(key, (_modelopt_format(how, scheme.lacks), []))[1].append(str(name))
        scheme.special += [(Names(names, "wildcards"), form) for form, names in by_form.values()]
        if not by_form:
            scheme.lacks.append("MIXED_PRECISION without quantized_layers")
        return scheme
    lacks: list[str] = []
    return Scheme(_modelopt_format(stated, lacks), keep, WITH_OUTPUT, lacks=lacks)


def _modelopt_format(stated: Stated, lacks: list[str]) -> Format | None:
    algorithm, group = str(stated.get("quant_algo") or "").upper(), whole(stated, "group_size")
    if algorithm in ("NVFP4", "NVFP4_AWQ", "W4A16_NVFP4", "W4A8_NVFP4_FP8"):
        return formats.nvfp4(group or 16, algorithm != "W4A16_NVFP4")
    if algorithm == "FP8":
        return formats.plain(8, 8)
    if algorithm == "FP8_PER_CHANNEL_PER_TOKEN":
        return Format(8, 1, 0, 4)
    if algorithm == "FP8_PB_WO":
        return Format(8, 128, 128, 4)
    if algorithm in ("MXFP8", "MXFP4", "W4A8_MXFP4_FP8"):
        return formats.mx(8 if algorithm == "MXFP8" else 4)
    if algorithm in ("W4A16_AWQ", "W4A8_AWQ", "INT4_AWQ"):
        return Format(4, 1, group or 128, 2, column_bytes=2)
    if algorithm in ("INT8_SQ", "W8A8_SQ_PER_CHANNEL"):
        return Format(8, 1, 0, 4, column_bytes=2)
    form, said = lacking(digits(algorithm), f"quant_algo {algorithm[:40] or '(none)'}, which is not known here")
    lacks += [text for text in said if text not in lacks]
    return form


def mxfp4(stated: Stated) -> Scheme:
    """MXFP4 as gpt-oss has it: experts, and nothing else."""
    return Scheme(formats.mx(4), names_in(stated, "modules_to_not_convert"), frozenset({"experts"}))


def quark(stated: Stated) -> Scheme:
    """AMD Quark: one config for all, others for layers by wildcard or for a class; excluded modules by name."""
    lacks: list[str] = []
    scheme = Scheme(None, names_in(stated, "exclude", manner="wildcards"), WITH_OUTPUT, lacks=lacks)
    scheme.default = _quark_format(stated.get("global_quant_config"), "global_quant_config", lacks)
    rules = stated.get("layer_quant_config")
    for pattern, config in rules.items() if isinstance(rules, Mapping) else ():
        own = config.get("weight") if isinstance(config, Mapping) else None
        if own is not None:
            form = _quark_format(config, f"layer_quant_config.{str(pattern)[:40]}", lacks)
            scheme.special.append((Names([pattern], "wildcards"), form))
    if bears("layer_type_quant_config", stated.get("layer_type_quant_config")):
        lacks.append("layer_type_quant_config")
    return scheme


_QUARK_BITS: Final = {
    "fp8_e4m3": 8,
    "fp8_e5m2": 8,
    "int8": 8,
    "uint8": 8,
    "int4": 4,
    "uint4": 4,
    "fp4": 4,
    "mxfp4": 4,
    "fp6_e3m2": 6,
    "fp6_e2m3": 6,
    "int2": 2,
    "int3": 3,
}


def _quark_format(config: object, where: str, lacks: list[str]) -> Format | None:
    weight = config.get("weight") if isinstance(config, Mapping) else None
    first, *others = weight if isinstance(weight, list) and weight else [weight]
    if not isinstance(first, Mapping):
        lacks.append(f"{where} without weight")
        return None
    bits, scheme, group = (
        _QUARK_BITS.get(str(first.get("dtype"))),
        str(first.get("qscheme")),
        whole(first, "group_size"),
    )
    if bits == 4 and others and group == 16:
        return formats.nvfp4()
    scale = 1 if "e8m0" in f"{first.get('scale_format')} {first.get('scale_type')}" else 4
    grids = {"per_tensor": (0, 0), "per_channel": (1, 0), "per_group": (1, group or 0)}
    if bits is None or others or scheme not in grids or (scheme == "per_group" and group is None):
        form, said = lacking(bits, f"{where}.weight ({first.get('dtype')}, {scheme})")
        lacks += said
        return form
    zero = 0 if first.get("symmetric") is not False or scale == 1 else bits
    return Format(bits, *grids[scheme], scale, zero)


def mxfp8(stated: Stated) -> Scheme:
    return Scheme(formats.mx(8), names_in(stated, "modules_to_not_convert", "ignored_layers"))


def nvfp4(stated: Stated) -> Scheme:
    keep = names_in(stated, "modules_to_not_convert", "ignore", "exclude_modules", manner="wildcards")
    return Scheme(formats.nvfp4(whole(stated, "group_size") or 16), keep)
