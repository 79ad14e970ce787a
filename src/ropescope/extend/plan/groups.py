"""The layers of a model that share their rotary positions, under the names that transformers gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ropescope.errors import ExtendError
from ropescope.models.config.fields import families, text_part
from ropescope.models.config.rope_fields import SCALING_FIELDS, original_beside
from ropescope.models.config.ropes import LAYER_WORDS
from ropescope.models.model import Layer, Model, Rope

_FROM_ORIGINAL: Final = ("yarn", "llama3", "longrope")


@dataclass(frozen=True, slots=True)
class RopeGroup:
    """Layers with the same `rope`. `layer_type` is their key in a `rope_parameters` by type of layer, "" where the model
    has one entry for all; `window_tokens` the farthest that any of them sees (None: everything). `kept` are the fields of
    their entry that no scaling touches, and `original` the length before scaling where the config states it beside."""

    layer_type: str
    layers: tuple[int, ...]
    rope: Rope
    rotary_dim: int
    window_tokens: int | None
    kept: Mapping[str, Any] = field(default_factory=dict, hash=False)
    original: int | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """The entry of `rope_parameters` that says what the model does now."""
        scaling = dict(self.rope.scaling or {"rope_type": "default"})
        if self.original is not None and scaling["rope_type"] in _FROM_ORIGINAL:
            scaling["original_max_position_embeddings"] = self.original
        return {**self.kept, **scaling, "rope_theta": self.rope.theta}


def from_gguf(model: Model) -> bool:
    """Whether a model was read from a GGUF file, whose metadata stand in the place of a config."""
    return model.source.kind == "gguf" or "general.architecture" in model.config


def text_config(model: Model) -> tuple[Mapping[str, Any], str]:
    """(the part of the config that describes the language model, the path to it: "" or "text_config.")."""
    if from_gguf(model):
        return {}, ""
    part, _, path = text_part(model.config)
    return part, path


def rope_groups(model: Model) -> tuple[RopeGroup, ...]:
    """The groups, in the order of their first layers; empty for a model without RoPE."""
    part, _ = text_config(model)
    turning = [layer for layer in model.layers if layer.rope is not None]
    by_type: dict[tuple[str, Rope, int], list[Layer]] = {}
    nested = _has_entries_by_type(model, part)
    several = nested or len({(layer.rope, _rotary_dim(layer)) for layer in turning}) > 1
    for layer in turning:
        assert layer.rope is not None
        key = (_layer_type(layer, model.model_type, part) if several else "", layer.rope, _rotary_dim(layer))
        by_type.setdefault(key, []).append(layer)
    return tuple(
        RopeGroup(
            layer_type=layer_type,
            layers=tuple(layer.index for layer in layers),
            rope=rope,
            rotary_dim=rotary_dim,
            window_tokens=_farthest(layers),
            kept=_kept(model.model_type, part, layer_type, rope, layers[0]),
            original=None if nested or from_gguf(model) else original_beside(model.model_type, part),
        )
        for (layer_type, rope, rotary_dim), layers in by_type.items()
    )


def entry_of(part: Mapping[str, Any], layer_type: str) -> Mapping[str, Any]:
    """What a text config says of the RoPE of a type of layer, as it stands there; {} where it says nothing."""
    for name in ("rope_scaling", "rope_parameters"):
        stated = part.get(name)
        if isinstance(stated, Mapping) and stated:
            nested = stated.get(layer_type)
            if isinstance(nested, Mapping):
                return nested
            if not any(isinstance(value, Mapping) for value in stated.values()):
                return stated
    return {}


def _has_entries_by_type(model: Model, part: Mapping[str, Any]) -> bool:
    family = families()["families"].get(model.model_type, {}).get("rope_parameters", {})
    stated = part.get("rope_parameters")
    words = {word for group in LAYER_WORDS.values() for word in group}
    return any(
        isinstance(entries, Mapping) and any(isinstance(entries.get(word), Mapping) for word in words)
        for entries in (family, stated)
    )


def _layer_type(layer: Layer, model_type: str, part: Mapping[str, Any]) -> str:
    """The key of a layer's entry in `rope_parameters`: as the file has it, else as the class of its type does."""
    words = LAYER_WORDS.get(layer.kind, ("full_attention",))
    stated = part.get("rope_parameters")
    own = families()["families"].get(model_type, {}).get("rope_parameters", {})
    for entries in (stated, own):
        found = next(
            (word for word in words if isinstance(entries, Mapping) and isinstance(entries.get(word), Mapping)), None
        )
        if found is not None:
            return found
    return words[0]


def _rotary_dim(layer: Layer) -> int:
    """Rotary dimensions of a head; a proportional RoPE has a frequency for every pair, 0 for those that do not turn."""
    assert layer.rope is not None
    if layer.latent is not None:
        return layer.latent.rotary_dim
    if layer.rope.scaling is not None and layer.rope.scaling.get("rope_type") == "proportional":
        return layer.head_dim
    turning = int(layer.head_dim * layer.rope.rotary_fraction + 1e-9)
    if turning % 2:
        raise ExtendError(
            f"Layer {layer.index} rotates {turning} of {layer.head_dim} dimensions per head, an odd number: correct the "
            "config, rotary dimensions come in pairs."
        )
    return turning


def _farthest(layers: list[Layer]) -> int | None:
    windows = [layer.window_tokens for layer in layers]
    return None if None in windows else max(window for window in windows if window is not None)


def _kept(model_type: str, part: Mapping[str, Any], layer_type: str, rope: Rope, layer: Layer) -> dict[str, Any]:
    stated = entry_of(part, layer_type)
    if part and not any(part.get(name) for name in ("rope_scaling", "rope_parameters")):
        stated = entry_of(
            {"rope_parameters": families()["families"].get(model_type, {}).get("rope_parameters")}, layer_type
        )
    kept = {name: value for name, value in stated.items() if name not in SCALING_FIELDS}
    if layer.latent is None and rope.rotary_fraction != 1.0:
        # Engines that replace the whole entry would otherwise lose a share that stands elsewhere in the config.
        kept["partial_rotary_factor"] = rope.rotary_fraction
    return kept
