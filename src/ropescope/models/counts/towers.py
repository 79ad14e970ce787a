"""The towers beside the language model of a composite config: a rough count where they are plain vision transformers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ropescope.models.counts.vision import exact_tower

_TOWERS: Final = ("vision_config", "audio_config", "speech_config", "vision_tower_config")


def tower_counts(config: Mapping[str, Any], width: int) -> tuple[int, str, tuple[str, ...]]:
    """(parameters of the vision tower, what to say of it, the configs of the towers that are left out): 0 and "" without
    towers, 0 where it cannot be told. `width` is that of the language model.

    A tower that `vision` does not count exactly is taken as a vision transformer with biases, a plain MLP, a patch
    embedding and learned positions; what joins it to the language model is then not counted.
    """
    present = [name for name in _TOWERS if isinstance(config.get(name), Mapping)]
    if not present:
        return 0, "", ()
    if present == ["vision_config"] and (exact := exact_tower(config, width)) is not None:
        return exact, "", ()
    n = _transformer(config["vision_config"]) if "vision_config" in present else None
    left_out = tuple(name for name in present if name != "vision_config" or n is None)
    said = "" if n is None else "; the vision tower is a rough count, without what joins it to the language model"
    if left_out:
        named = " and ".join(name.removesuffix("_config") for name in left_out)
        said += f"; the {named} {'towers are' if len(left_out) > 1 else 'tower is'} not counted"
    return n or 0, said, left_out


def _transformer(config: Mapping[str, Any]) -> int | None:
    width = _number(config, "embed_dim", "hidden_size", "width")
    layers = _number(config, "num_hidden_layers", "depth", "num_layers", "layers")
    middle = _number(config, "intermediate_size", "ffn_dim")
    if width is None or layers is None:
        return None
    if middle is None:
        ratio = config.get("mlp_ratio", 4)
        middle = int(ratio * width) if isinstance(ratio, int | float) and 0 < ratio < 64 else 4 * width
    if str(config.get("model_type", "")).startswith("glm4v"):
        middle = _number(config, "out_hidden_size") or middle  # intermediate_size is that of what joins it to the text
    patch = _number(config, "patch_size", "spatial_patch_size") or 14
    channels = _number(config, "num_channels", "in_channels", "in_chans") or 3
    image = _number(config, "image_size")
    positions = (image // patch) ** 2 * width if image else 0
    gated = config.get("hidden_act") == "silu"
    layer = 4 * width * width + (3 if gated else 2) * width * middle + 9 * width + middle
    return layers * layer + channels * patch * patch * width + width + positions + 2 * width


def _number(config: Mapping[str, Any], *names: str) -> int | None:
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1 << 20:
            return value
    return None
