"""The blocks in which weights share a scale: what a quantised checkpoint cannot be cut through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ropescope.checks.serving.linear_layers import LinearLayer
from ropescope.checks.serving.precisions import STORED
from ropescope.checks.serving.serving import Serving
from ropescope.models.quantization import quantization_config

SMALLEST_GROUP: Final = 32
"""The smallest group into which moe_wna16.py of both engines halves those of AWQ and GPTQ experts."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks of weights that share a scale: `rows` outputs × `columns` inputs (1 row: groups of inputs), the field that
    says so, and what becomes of blocks that a split would cut: of experts' `finest` at least, if they can be re-cut."""

    rows: int
    columns: int
    field: str
    finest: int = 0
    left_alone: tuple[str, ...] = ()

    def leave_alone(self, layer: LinearLayer) -> bool:
        """Whether the checkpoint keeps this layer in 16 bits: an entry names it in the first layer that has it."""
        names = [f"layers.{layer.layer}.{module}" for module in layer.modules]
        return any(_speaks(entry, name) for entry in self.left_alone for name in names)


def blocks_of(serving: Serving) -> Blocks | None:
    """The blocks that the weights are quantised in, as the config states them or the precision implies; None without."""
    if serving.precision != STORED:
        groups = {"awq": 128, "gptq": 128, "nvfp4": 16, "mxfp8": 32}
        found = groups.get(serving.precision)
        return None if found is None else Blocks(1, found, f"{serving.precision} groups", _finest(serving.precision))
    stated = quantization_config(serving.model.config)
    method, detail = method_of(serving), serving.model.quantization.detail if serving.model.quantization else {}
    alone = _left_alone(stated)
    if (block := _pair(stated.get("weight_block_size"))) is not None:
        return Blocks(block[0], block[1], f"weight_block_size {block[0]} × {block[1]}", 0, alone)
    if method in ("compressed-tensors", "compressed_tensors"):
        return _compressed(stated, alone)
    if method in ("nvfp4", "modelopt_fp4"):
        return Blocks(1, 16, "NVFP4 groups of 16", 0, alone)
    if method == "mxfp8":
        return Blocks(1, 32, "MXFP8 groups of 32", 0, alone)
    group = next((stated.get(name, detail.get(name)) for name in ("group_size", "q_group_size")
                  if isinstance(stated.get(name, detail.get(name)), int)), None)  # fmt: skip
    if method in _GROUPED and isinstance(group, int) and group > 0:
        return Blocks(1, group, f"group_size {group}", _finest(method), alone)
    return None


_GROUPED: Final = frozenset({"awq", "gptq", "gptq_marlin", "awq_marlin", "auto_awq", "auto_gptq", "auto-round", "inc"})


def _finest(method: str) -> int:
    return SMALLEST_GROUP if method in _GROUPED else 0


def _compressed(stated: Mapping[str, Any], alone: tuple[str, ...]) -> Blocks | None:
    groups = stated.get("config_groups")
    for name, group in groups.items() if isinstance(groups, Mapping) else ():
        weights = group.get("weights") if isinstance(group, Mapping) else None
        if not isinstance(weights, Mapping):
            continue
        where = f"config_groups.{name}.weights"
        if (block := _pair(weights.get("block_structure"))) is not None and weights.get("strategy") == "block":
            return Blocks(block[0], block[1], f"{where}.block_structure {block[0]} × {block[1]}", 0, alone)
        if isinstance(size := weights.get("group_size"), int) and size > 0:
            return Blocks(1, size, f"{where}.group_size {size}", 0, alone)
    return None


def _pair(value: object) -> tuple[int, int] | None:
    if isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(n, int) and n > 0 for n in value):
        return value[0], value[1]
    return None


def _left_alone(stated: Mapping[str, Any]) -> tuple[str, ...]:
    lists = (stated.get(name) for name in ("ignored_layers", "modules_to_not_convert", "ignore", "exclude_modules"))
    return tuple(
        entry for found in lists if isinstance(found, list | tuple) for entry in found if isinstance(entry, str)
    )


def method_of(serving: Serving) -> str:
    """The quantisation of the weights in lower case, as the config names it or the precision asked for; "" for none."""
    if serving.precision != STORED:
        return serving.precision
    quantization = serving.model.quantization
    return "" if quantization is None else quantization.method.lower()


def _speaks(entry: str, name: str) -> bool:
    """Whether `entry`, a name or part of one (after `re:` an expression), means the module called `name`."""
    if entry.startswith("re:") or "*" in entry:
        return any(word in entry for word in name.split(".")[2:])  # read generously: better no refusal than a wrong one
    plain = entry.removeprefix("model.").removeprefix("language_model.").removeprefix("model.")
    return f".{plain}." in f".{name}."
