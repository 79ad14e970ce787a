"""What a config says of the type of its weights, and of how they were quantised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ropescope.models.config.fields import text_part
from ropescope.models.parameters import Quantization

BITS_OF_METHOD: Final[Mapping[str, float]] = {"fp8": 8, "fbgemm_fp8": 8, "mxfp4": 4, "nvfp4": 4, "eetq": 8}
"""Bits a weight of the methods that have one width only."""


def stated_dtype(config: Mapping[str, Any]) -> str:
    """The type the model computes in ("bfloat16", …); "" where the config does not say."""
    part = text_part(config)[0]
    for place in (part, config):
        for name in ("dtype", "torch_dtype"):
            if isinstance(value := place.get(name), str) and 0 < len(value) <= 32 and value != "auto":
                return value.removeprefix("torch.")
    return ""


def quantization_config(config: Mapping[str, Any], modelopt: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """How the weights were quantised, by the config or by `modelopt`, its hf_quant_config.json; {} without a word."""
    part = text_part(config)[0]
    for place in (config, part):
        for name in ("quantization_config", "compression_config", "quantization"):
            if isinstance(found := place.get(name), Mapping):
                expert = place.get("expert_dtype", part.get("expert_dtype"))
                # DeepSeek-V4 states the type of its experts beside it.
                return found if expert is None or "expert_dtype" in found else {**found, "expert_dtype": expert}
    stated = (modelopt or {}).get("quantization")
    return {"quant_method": "modelopt", **stated} if isinstance(stated, Mapping) else {}


def stated_config(config: Mapping[str, Any], quantised: Mapping[str, Any]) -> dict[str, Any]:
    """`config` with the quantisation that a file beside it states, where its own fields do not: as engines take it."""
    return (
        {**config}
        if not quantised or quantization_config(config)
        else {**config, "quantization_config": dict(quantised)}
    )


def quantization_of(stated: Mapping[str, Any]) -> Quantization | None:
    """The Quantization that `quantization_config` returned describes; None for {} or an entry that names no method."""
    method = stated.get("quant_method")
    if method is None and (stated.get("load_in_4bit") or stated.get("load_in_8bit")):
        method = "bitsandbytes"  # before configs named their method
    if method is None and all(isinstance(stated.get(name), int) for name in ("bits", "group_size")):
        method = "mlx"  # MLX names none: mlx_lm writes the bits and the group alone
    if not isinstance(method, str) or not method:
        return None
    method = method.lower()
    algorithm = stated.get("quant_algo")
    if method.startswith("modelopt") and isinstance(algorithm, str) and algorithm:
        method = algorithm.lower()
    groups = stated.get("config_groups")
    weights = [part for group in _mappings(groups) if isinstance(part := group.get("weights"), Mapping)]
    detail: dict[str, object] = _scalars(stated)
    if weights:
        detail["weights"] = [_scalars(part) for part in weights[:4]]
    return Quantization(method, _bits(stated, weights, method), detail)


def _bits(stated: Mapping[str, Any], weights: list[Mapping[str, Any]], method: str) -> float | None:
    for flag, bits in (("load_in_4bit", 4.0), ("load_in_8bit", 8.0), ("_load_in_4bit", 4.0), ("_load_in_8bit", 8.0)):
        if stated.get(flag) is True:
            return bits
    found = {
        value
        for place in (stated, *weights)
        for name in ("bits", "w_bit", "num_bits", "nbits")
        if isinstance(value := place.get(name), int) and not isinstance(value, bool) and 0 < value <= 64
    }
    # Several widths in one model are no single number; the detail lists them.
    return float(found.pop()) if len(found) == 1 else (None if found else BITS_OF_METHOD.get(method))


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value.values() if isinstance(entry, Mapping)] if isinstance(value, Mapping) else []


def _scalars(value: Mapping[str, Any]) -> dict[str, object]:
    """The entries that are a number, a flag or a word; lists of modules can have thousands."""
    return {
        key: entry
        for key, entry in value.items()
        if isinstance(entry, int | float | str) and len(str(entry)) <= 100 and not key.startswith("_")
    }
