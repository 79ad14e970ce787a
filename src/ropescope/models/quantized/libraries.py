"""Readers of what quantisation libraries write: GPTQModel, AutoAWQ, AutoRound, bitsandbytes, torchao, HQQ, EETQ, FBGEMM."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ropescope.models.quantized import formats
from ropescope.models.quantized.formats import BlocksOf, Format
from ropescope.models.quantized.names import Names
from ropescope.models.quantized.scheme import LAYERS, WITH_OUTPUT, Scheme, Stated, digits, lacking, names_in, whole


def gptq(stated: Stated) -> Scheme:
    """GPTQModel and AutoGPTQ: every matrix of the layers, but for the rules of `dynamic` and a list of what to take."""
    form, lacks = _gptq_format(stated, {})
    parts = WITH_OUTPUT if stated.get("lm_head") is True else LAYERS
    scheme = Scheme(form, Names((), "expressions"), parts, lacks=lacks)
    rules = stated.get("dynamic")
    for pattern, change in rules.items() if isinstance(rules, Mapping) else ():
        if not isinstance(pattern, str):
            continue
        names = Names([pattern.removeprefix("+:").removeprefix("-:")], "expressions")
        own = None if pattern.startswith("-:") or not isinstance(change, Mapping) else _gptq_format(stated, change)[0]
        scheme.special.append((names, own))
    taken = stated.get("modules_in_block_to_quantize") or stated.get("inside_layer_modules")
    if isinstance(taken, list) and taken:
        flat = [name for entry in taken for name in (entry if isinstance(entry, list) else [entry])]
        scheme.special.append((Names(flat, "parts"), scheme.default))
        scheme.default = None
    return scheme


def _gptq_format(stated: Stated, change: Stated) -> tuple[Format | None, list[str]]:
    both = {**stated, **change}
    bits, group = whole(both, "bits", "w_bit", most=8), both.get("group_size", both.get("q_group_size", 128))
    style = str(both.get("checkpoint_format") or both.get("format") or "gptq").lower()
    if bits is None or not isinstance(group, int) or style not in ("gptq", "gptq_v2", "gptq_v1"):
        return lacking(bits, f"gptq format {style[:40]!r}" if bits else "gptq without bits")
    return formats.gptq(bits, group), []


def awq(stated: Stated) -> Scheme:
    """AutoAWQ: every matrix of the layers but those that are named."""
    bits, group = whole(stated, "bits", "w_bit", most=8), stated.get("group_size", stated.get("q_group_size", 128))
    form, lacks = (
        lacking(bits, "awq without bits or group_size")
        if bits is None or not isinstance(group, int)
        else (formats.awq(bits, group), [])
    )
    return Scheme(form, names_in(stated, "modules_to_not_convert"), lacks=lacks)


def mlx(stated: Stated) -> Scheme:
    """mlx-lm: every matrix, embedding and output too; other widths, or none, for modules that stand beside by name."""
    lacks: list[str] = []
    parts = WITH_OUTPUT | {"embedding", "router"}
    scheme = Scheme(_mlx_format(stated, lacks), Names((), "names"), parts, lacks=lacks)
    for name, change in stated.items():
        if change is False or isinstance(change, Mapping):
            own = _mlx_format({**stated, **change}, lacks) if isinstance(change, Mapping) else None
            scheme.special.append((Names([name], "parts"), own))
    return scheme


def _mlx_format(stated: Stated, lacks: list[str]) -> Format | None:
    bits, group, mode = whole(stated, "bits", most=16), whole(stated, "group_size"), stated.get("mode", "affine")
    if mode in ("mxfp4", "mxfp8", "nvfp4"):
        return Format(8 if mode == "mxfp8" else 4, 1, group or (16 if mode == "nvfp4" else 32), 1)
    if bits is None or group is None or mode != "affine":
        form, said = lacking(bits, f"mlx mode {str(mode)[:40]!r}")
        lacks += said
        return form
    return Format(bits, 1, group, 4)  # a scale and a bias in 16 bits each


def bitsandbytes(stated: Stated) -> Scheme:
    """bitsandbytes: all matrices of the layers but those that are named."""
    keep = names_in(stated, "llm_int8_skip_modules")
    if stated.get("load_in_4bit") is True or stated.get("_load_in_4bit") is True:
        storage = str(stated.get("bnb_4bit_quant_storage", "uint8"))
        lacks = [] if storage in ("uint8", "bfloat16", "float16", "float32") else ["bnb_4bit_quant_storage"]
        return Scheme(BlocksOf(4, double=stated.get("bnb_4bit_use_double_quant") is True), keep, lacks=lacks)
    if stated.get("load_in_8bit") is True or stated.get("_load_in_8bit") is True:
        return Scheme(Format(8, 1, 0, 4, fixed_bytes=1), keep)
    form, lacks = lacking(None, "bitsandbytes without load_in_4bit or load_in_8bit")
    return Scheme(form, keep, lacks=lacks)


def torchao(stated: Stated) -> Scheme:
    """torchao: the type of its config by name, with its group size."""
    given = stated.get("quant_type")
    given = given.get("default") if isinstance(given, Mapping) and "default" in given else given
    kind = str(given.get("_type") if isinstance(given, Mapping) else given or "")
    data = given.get("_data") if isinstance(given, Mapping) else stated.get("quant_type_kwargs")
    group = whole(data, "group_size") if isinstance(data, Mapping) else None
    plain = kind.lower().replace("_", "")
    lacks: list[str] = []
    form: Format | None
    if plain.startswith("int4weightonly"):
        form = Format(4, 1, group or 128, 2, 16)  # scales and zero points lie beside each other in bfloat16
    elif plain.startswith("int8"):
        form = Format(8, 1, group or 0, 2)
    elif plain.startswith("float8"):
        form = Format(8, 1, 0, 4)
    else:
        form, lacks = lacking(
            digits(kind.upper().replace("FLOAT", "FP")), f"torchao quant_type {kind[:40] or '(none)'}"
        )
    parts = WITH_OUTPUT if stated.get("include_input_output_embeddings") is True else LAYERS
    scheme = Scheme(form, names_in(stated, "modules_to_not_convert"), parts, lacks=lacks)
    if isinstance(given, Mapping) and plain.startswith("fqntoconfig"):
        scheme.lacks.append("torchao FqnToConfig")
    return scheme


def hqq(stated: Stated) -> Scheme:
    """HQQ: 4 bits and groups of 64 unless it says otherwise; a scale and a zero point in 16 bits each."""
    lacks: list[str] = []
    given = stated.get("quant_config")
    tags = given if isinstance(given, Mapping) else stated
    own = tags.get("weight_quant_params", tags)
    scheme = Scheme(_hqq_format(own, lacks), names_in(stated, "skip_modules"), lacks=lacks)
    for name, config in tags.items():
        if name != "weight_quant_params" and isinstance(config, Mapping) and "weight_quant_params" in config:
            scheme.special.append((Names([name], "parts"), _hqq_format(config["weight_quant_params"], lacks)))
            scheme.default = None
    return scheme


def _hqq_format(own: object, lacks: list[str]) -> Format | None:
    bits, group = (whole(own, "nbits", most=8), whole(own, "group_size")) if isinstance(own, Mapping) else (None, None)
    if bits is None or bits not in (1, 2, 4, 8):  # three bits are packed ten to an integer
        form, said = lacking(bits, f"hqq with nbits {bits}")
        lacks += said
        return form
    return Format(bits, 1, group or 0, 2, 16)


def rows_of_8_bits(scale_bytes: int) -> Callable[[Stated], Scheme]:
    """8 bits and one scale an output: FBGEMM's FP8 (32-bit scales), EETQ (16-bit scales)."""
    return lambda stated: Scheme(Format(8, 1, 0, scale_bytes), names_in(stated, "modules_to_not_convert"))


def auto_round(stated: Stated) -> Scheme:
    """AutoRound: GPTQ's or AWQ's layout, and other bits for modules that `extra_config` names."""
    packing = str(stated.get("packing_format") or "auto_round:auto_gptq").lower()
    make = formats.awq if "awq" in packing else formats.gptq
    bits, group = whole(stated, "bits", most=16), stated.get("group_size", 128)
    lacks: list[str] = []
    form: Format | None = None
    if bits is None or bits > 8 or not isinstance(group, int) or not ("gptq" in packing or "awq" in packing):
        form, lacks = lacking(bits, f"auto-round packing {packing[:40]!r}")
    else:
        form = make(bits, group)
    scheme = Scheme(form, names_in(stated, "modules_to_not_convert"), lacks=lacks)
    extra = stated.get("extra_config")
    for name, change in extra.items() if isinstance(extra, Mapping) else ():
        own_bits = whole(change, "bits", most=32) if isinstance(change, Mapping) else None
        size = change.get("group_size", group) if isinstance(change, Mapping) else group
        if own_bits is None and isinstance(change, Mapping):
            own_bits = bits
        own = None if own_bits is None or own_bits >= 16 or not isinstance(size, int) else make(own_bits, size)
        scheme.special.append((Names([name], "parts"), own))
    return scheme


def bitnet(stated: Stated) -> Scheme:
    """BitNet b1.58: four ternary weights a byte, and a scale for each matrix."""
    return Scheme(formats.plain(2, 2), names_in(stated, "modules_to_not_convert"))
