"""The towers that read images, counted exactly: those of the composite model types that are released most.

Read in the modelling code of transformers 5.23 and held against the networks it builds (tests/models/counts/test_closed.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

Tower = Callable[[Callable[[str, int], int], int], int]
"""From what a field of the vision config holds, with its default, and the width of the language model, to parameters."""


def exact_tower(config: Mapping[str, Any], width: int) -> int | None:
    """The parameters of the tower of a composite `config`, and of what joins it to a language model of this `width`; None
    for a type that is not counted here, or a field that is not a whole number."""
    part = config.get("vision_config")
    tower = EXACT.get(str(config.get("model_type")))
    if tower is None or not isinstance(part, Mapping) or isinstance(config.get("vision_feature_layer"), list):
        return None  # several layers of a tower may be joined
    unread: list[str] = []

    def value(name: str, otherwise: int) -> int:
        # Both levels are asked: Mistral 3 states what joins the tower to the language model at the top.
        found = next((place[name] for place in (part, config) if place.get(name) is not None), otherwise)
        if isinstance(found, list | tuple) and name.endswith("_indexes"):
            found = len(found)
        if not isinstance(found, int) or not 0 <= found <= 1 << 24:
            unread.append(name)
            return 1
        return int(found)

    counted = tower(value, width)
    return None if unread else counted


def _siglip_with_gemma3(value: Callable[[str, int], int], text: int) -> int:
    width, middle, layers = value("hidden_size", 768), value("intermediate_size", 3072), value("num_hidden_layers", 12)
    patch = value("patch_size", 16)
    embedded = value("num_channels", 3) * patch**2 * width + width + (value("image_size", 224) // patch) ** 2 * width
    mlp = 2 * width * middle + middle + width
    attention = 4 * (width * width + width)
    head = value("vision_use_head", 1) * (width + attention + 2 * width + mlp)
    return embedded + layers * (attention + mlp + 4 * width) + 2 * width + head + width * text + width


def _pixtral_with_mistral3(value: Callable[[str, int], int], text: int) -> int:
    width, middle, layers = value("hidden_size", 1024), value("intermediate_size", 4096), value("num_hidden_layers", 24)
    embedded = value("num_channels", 3) * value("patch_size", 16) ** 2 * width + width
    merged = width + width * width * value("spatial_merge_size", 2) ** 2
    bias = 2 * text * value("multimodal_projector_bias", 0)
    return (
        embedded + layers * (4 * width * width + 3 * width * middle + 2 * width) + merged + text * (width + text) + bias
    )


def _qwen2_5(value: Callable[[str, int], int], _: int) -> int:
    width, middle, layers = value("hidden_size", 3584), value("intermediate_size", 3420), value("depth", 32)
    embedded = value("in_channels", 3) * value("temporal_patch_size", 2) * value("patch_size", 14) ** 2 * width
    block = 4 * (width * width + width) + 3 * width * middle + 2 * middle + width + 2 * width
    joined = width * value("spatial_merge_size", 2) ** 2
    out = value("out_hidden_size", 3584)
    return embedded + layers * block + width + joined * joined + joined + joined * out + out


def _qwen3(value: Callable[[str, int], int], _: int, deepstack: int | None = None) -> int:
    width, middle, layers = value("hidden_size", 1152), value("intermediate_size", 4304), value("depth", 27)
    embedded = value("in_channels", 3) * value("temporal_patch_size", 2) * value("patch_size", 16) ** 2 * width + width
    placed = value("num_position_embeddings", 2304) * width
    block = 4 * (width * width + width) + 2 * width * middle + middle + width + 4 * width
    joined = width * value("spatial_merge_size", 2) ** 2
    out = value("out_hidden_size", 3584)
    merger = joined * joined + joined + joined * out + out
    more = value("deepstack_visual_indexes", 3) if deepstack is None else deepstack
    return embedded + placed + layers * block + 2 * width + merger + more * (2 * joined + merger)


EXACT: Final[Mapping[str, Tower]] = {
    "gemma3": _siglip_with_gemma3,
    "mistral3": _pixtral_with_mistral3,
    "qwen2_5_vl": _qwen2_5,
    "qwen3_vl": _qwen3,
    "qwen3_vl_moe": _qwen3,
    "qwen3_5": lambda value, text: _qwen3(value, text, 0),
    "qwen3_5_moe": lambda value, text: _qwen3(value, text, 0),
}
"""Composite model type → its tower with what joins it."""
