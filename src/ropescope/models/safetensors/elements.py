"""How many parameters a stored tensor stands for: packed integers are unpacked, and what only unpacks them counts none.

Formats: GPTQ and AWQ (`qweight`, `qzeros`, `scales`, `g_idx`), bitsandbytes (`weight` beside `weight.absmax` or `SCB`),
compressed-tensors (`weight_packed`, `weight_scale`), modelopt and Quark NVFP4 and MXFP4 (`weight` as bytes beside
`weight_scale`), gpt-oss MXFP4 (`…_blocks`, `…_scales`), FP8 with scales of any kind, BitNet (four weights in a byte).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any, Final

from ropescope.models.safetensors.header import StoredTensor

FLOATS: Final = frozenset(("F64", "F32", "F16", "BF16"))
_EXPERT: Final = re.compile(r"(?<=experts\.)\d+")
_INTEGERS: Final = frozenset(("BOOL", "U8", "I8", "I16", "U16", "I32", "U32", "I64", "U64"))

_BUFFER: Final = re.compile(
    # Buffers that checkpoints carry and no optimiser ever touched, by the names transformers gives them.
    r"(?:^|\.)(?:rotary_emb|rotary_pos_emb|rope)\.|inv_freq$|(?:^|\.)masked_bias$|position_ids$|num_batches_tracked$"
    r"|running_(?:mean|var)$|(?:gate|mlp|router)\.e_score_correction_bias$|\.layer_scalar$|act_fn\.(?:beta|eps)$"
    r"|self_attn\.(?:slope_rate|query_decay|key_decay|diagonal_decay)$|\.tid\d*eid$|\.balancing_biases$"
    r"|encoder_embedding\.global_(?:mean|invstd)$|\.pos_idx_to_embed$|\.summary_idxs$"
)
_HELPER: Final = re.compile(
    # What belongs to a packed or scaled tensor of the same name without this ending.
    r"(?:\.(?:absmax|quant_map|nested_absmax|nested_quant_map|quant_state\..+)"
    r"|_(?:weight_|input_)?(?:scale|scales|scale_inv|scale_2|global_scale|zero_point|g_idx|shape|scale_packed))$"
)
_HELPER_OF_MODULE: Final = frozenset(
    tuple(
        """
    scales qzeros g_idx SCB weight_format input_scale input_global_scale input_zero_point input_scale_ub output_scale
    q_scale k_scale v_scale kv_scale prob_output_scale bitmask row_offsets pre_quant_scale activation_scale
    """.split()
    )
)
"""What a quantised module keeps beside its weight."""


class Uncountable(Exception):
    """A tensor is packed in a way that is not known here; the message names it."""


def alike(tensors: Iterable[StoredTensor]) -> list[tuple[StoredTensor, int]]:
    """The tensors, where those that differ in nothing but the number of an expert are one, and how many it stands for.

    A model of 100,000 tensors has some thousand kinds of them.
    """
    kinds: dict[tuple[str, str, tuple[int, ...]], tuple[StoredTensor, int]] = {}
    for tensor in tensors:
        kind = (_EXPERT.sub("#", tensor.name), tensor.dtype, tensor.shape)
        first, seen = kinds.get(kind, (tensor, 0))
        kinds[kind] = first, seen + 1
    return list(kinds.values())


def elements(
    kinds: Sequence[tuple[StoredTensor, int]], tensors: Sequence[StoredTensor], method: Mapping[str, Any]
) -> dict[str, int]:
    """How many parameters each of the `kinds` of `tensors` (see `alike`) stands for, by the name of the first of its
    kind; tensors that are no parameters are left out.

    `method` is the config's `quantization_config`, {} without one. Raises Uncountable for a packing not known here.
    """
    kinds = [(tensor, times) for tensor, times in kinds if not is_buffer(tensor)]
    if all(tensor.dtype in FLOATS for tensor, _ in kinds):
        return {tensor.name: times * prod(tensor.shape) for tensor, times in kinds}
    packing = _Packing({tensor.name: tensor for tensor in tensors}, method)
    found = [(tensor.name, times, packing.count(tensor)) for tensor, times in kinds]
    return {name: times * count for name, times, count in found if count is not None}


def is_buffer(tensor: StoredTensor) -> bool:
    """Whether a tensor is a buffer of the network, not a parameter: masks, frequencies, running means."""
    # GPT-2 and GPT-NeoX saved their causal mask as the bias of the attention; a true bias has no four dimensions.
    mask = tensor.name.endswith(".bias") and len(tensor.shape) == 4
    return mask or _BUFFER.search(tensor.name) is not None


class _Packing:
    """How the tensors of one model are packed."""

    def __init__(self, tensors: Mapping[str, StoredTensor], method: Mapping[str, Any]) -> None:
        self.tensors = tensors
        self.kind = str(method.get("quant_method", "")).lower()
        self.bits, self.group_size = _bits_and_group(method)

    def count(self, tensor: StoredTensor) -> int | None:
        """How many parameters `tensor` holds; None if it only helps to unpack another. Raises Uncountable."""
        name, dtype, shape, n_bytes = tensor
        module, _, leaf = name.rpartition(".")
        if self._helps(name, module, leaf):
            return None
        if leaf == "qweight":
            return self._qweight(tensor, module)
        if leaf == "weight_packed":
            return self._weight_packed(tensor, module)
        if leaf.endswith("_blocks") and dtype == "U8" and f"{name.removesuffix('_blocks')}_scales" in self.tensors:
            return 2 * n_bytes
        if f"{name}.absmax" in self.tensors:
            # Two weights a byte, whatever type the bytes are stored as (bnb_4bit_quant_storage).
            return 2 * n_bytes
        if leaf == "compressed" and (mask := self.tensors.get(f"{module}.bitmask")) is not None:
            return 8 * mask.n_bytes  # a sparse matrix: one bit for each of its elements, zeros included
        if dtype not in _INTEGERS:
            return prod(shape)
        if dtype == "BOOL" or len(shape) < 2:
            return None  # no packing has fewer dimensions than the matrix it packs
        if dtype not in ("U8", "I8") or not self._is_scaled(name, module):
            raise Uncountable(name)
        if dtype == "I8":
            return prod(shape)
        return n_bytes * (4 if self.kind == "bitnet" else 2)

    def _helps(self, name: str, module: str, leaf: str) -> bool:
        if leaf in _HELPER_OF_MODULE:
            return leaf != "scales" or f"{module}.qweight" in self.tensors
        found = _HELPER.search(name)
        if found is None:
            return False
        base = name[: found.start()]
        return any(f"{base}{ending}" in self.tensors for ending in ("", "_packed", "_blocks", "_weight_qdata"))

    def _is_scaled(self, name: str, module: str) -> bool:
        return f"{module}.SCB" in self.tensors or any(
            f"{name}{ending}" in self.tensors for ending in ("_scale", "_scales", "_scale_inv", "_weight_scale")
        )

    def _qweight(self, tensor: StoredTensor, module: str) -> int:
        """GPTQ packs rows, AWQ columns; the scales tell how many columns there are."""
        scales = self.tensors.get(f"{module}.scales")
        if tensor.dtype != "I32" or len(tensor.shape) != 2 or scales is None or len(scales.shape) != 2:
            raise Uncountable(tensor.name)
        rows, columns = tensor.shape
        if columns != scales.shape[1]:
            return rows * scales.shape[1]
        order = self.tensors.get(f"{module}.g_idx")
        if order is not None and len(order.shape) == 1:
            return order.shape[0] * columns
        if self.bits is None:
            raise Uncountable(tensor.name)
        return 32 * rows // self.bits * columns

    def _weight_packed(self, tensor: StoredTensor, module: str) -> int:
        """compressed-tensors: rows of `32 // bits` weights an integer, filled up at their end; or two a byte."""
        if tensor.dtype == "U8":
            return 2 * tensor.n_bytes
        scale = self.tensors.get(f"{module}.weight_scale")
        if tensor.dtype != "I32" or len(tensor.shape) < 2 or scale is None:
            raise Uncountable(tensor.name)
        if self.group_size and len(scale.shape) == len(tensor.shape) and scale.shape[-1] > 1:
            return prod(scale.shape) * self.group_size
        if self.bits is None:
            raise Uncountable(tensor.name)
        return prod(tensor.shape) * (32 // self.bits)


def _bits_and_group(method: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """(bits a weight, weights that share a scale) as the config states them for all its weights alike."""
    places: list[Mapping[str, Any]] = [method]
    groups = method.get("config_groups")
    if isinstance(groups, Mapping):
        places = [
            group["weights"]
            for group in groups.values()
            if isinstance(group, Mapping) and isinstance(group.get("weights"), Mapping)
        ]
    found: list[int | None] = []
    for names in (("bits", "w_bit", "num_bits"), ("group_size", "q_group_size")):
        values = {place[name] for place in places for name in names if _is_size(place.get(name))}
        found.append(values.pop() if len(values) == 1 else None)
    return found[0], found[1]


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1 << 16
