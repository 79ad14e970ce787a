"""Products: the number types in which the quantised weights of a checkpoint may be multiplied, by what its config says.

A kernel multiplies in the type of the activations: 8 bits where the config quantises them as well, 16 where it leaves
them. Where a config does not tell, the fastest type counts: a ceiling may be high, it must not be passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ropescope.models.model import Model
from ropescope.models.quantization import quantization_config

_WIDTHS: Final[Mapping[tuple[int, str], str]] = {(8, "float"): "fp8", (8, "int"): "int8", (4, "float"): "fp4"}
_WORDS: Final = (
    ("nvfp4", "fp4"),
    ("mxfp4", "fp4"),
    ("fp4", "fp4"),
    ("mixed", "fp4"),
    ("quark", "fp4"),
    ("fp8", "fp8"),
    ("w4a8", "fp8"),
    ("fbgemm", "fp8"),
    ("int8", "int8"),
    ("w8a8", "int8"),
    ("gguf", "int8"),
)
"""What the name of a method tells of its products, the first that is in it."""


def product_types(model: Model) -> tuple[str, ...]:
    """The types (names of `devices.PEAKS`) in which the stored weights of `model` may be multiplied; "bf16" for weights
    that are expanded first, and for a model that is not quantised."""
    if model.quantization is None:
        return ("bf16",)
    groups = tuple(_group_types(quantization_config(model.config)))
    return groups or (_by_name(model.quantization.method.lower()),)


def _by_name(method: str) -> str:
    if "a16" in method or "weight_only" in method:
        return "bf16"
    return next((kind for word, kind in _WORDS if word in method), "bf16")


def _group_types(stated: Mapping[str, Any]) -> Iterator[str]:
    """For each group of compressed-tensors' modules, the type of its activations."""
    groups = stated.get("config_groups")
    for group in groups.values() if isinstance(groups, Mapping) else ():
        if not isinstance(group, Mapping) or not isinstance(group.get("weights"), Mapping):
            continue
        inputs = group.get("input_activations")
        if not isinstance(inputs, Mapping):
            yield "bf16"
            continue
        yield _WIDTHS.get((inputs.get("num_bits") or 0, str(inputs.get("type", "float"))), "bf16")
