"""A config that says two different things of its RoPE: which one counts would depend on who reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ropescope.errors import ExtendError
from ropescope.models.config.fields import Fields
from ropescope.models.config.rope_fields import FRACTION_NAMES, THETA_NAMES, entries_of, original_beside, unread_rope
from ropescope.models.model import Model


def check_agreement(config: Mapping[str, Any], path: str = "") -> None:
    """Raises ExtendError where `rope_scaling` and `rope_parameters` of a text config, or the base beside them and the one
    inside, contradict each other. transformers before 5 reads the first of each pair, newer ones either."""
    old, new = config.get("rope_scaling"), config.get("rope_parameters")
    for name, value in (("rope_scaling", old), ("rope_parameters", new)):
        if value is not None and not isinstance(value, Mapping):
            raise ExtendError(f"{path}{name} is not an object: correct the config first.")
    if not isinstance(new, Mapping):
        return
    flat = not any(isinstance(value, Mapping) for value in new.values())
    if isinstance(old, Mapping) and old and new:
        ours = _plain(new if flat else new.get("full_attention") or {})
        theirs = _plain(old)
        wrong = sorted(
            name
            for name in (ours.keys() | theirs.keys()) - {"rope_theta", "partial_rotary_factor"}
            if ours.get(name) != theirs.get(name)
        )
        if wrong:
            raise ExtendError(
                f"{path}rope_scaling and {path}rope_parameters of the config differ in {', '.join(wrong)}, and programs differ "
                "in which one they read: remove one of the two."
            )
    if flat and new.get("rope_theta") is not None:
        for name in THETA_NAMES:
            if config.get(name) is not None and config[name] != new["rope_theta"]:
                raise ExtendError(
                    f"{path}{name} is {config[name]} and {path}rope_parameters.rope_theta is {new['rope_theta']}, and programs "
                    "differ in which one they read: remove one of the two."
                )


def check_read(model: Model, config: Mapping[str, Any], path: str = "") -> None:
    """Raises ExtendError where the text config of `model` says of RoPE what transformers does not read for its type, or reads
    otherwise: which one counts would depend on the program. A base, or a share of a head, that is in use anyway is let be."""
    fields = Fields(config, model.model_type, path)
    bases = {layer.rope.theta for layer in model.layers if layer.rope is not None}
    shares = {layer.rope.rotary_fraction for layer in model.layers if layer.rope is not None and layer.latent is None}
    for name, why in unread_rope(fields, tuple(layer.kind for layer in model.layers)):
        stated = config.get(name)
        if isinstance(stated, Mapping) or stated not in (shares if name in FRACTION_NAMES else bases):
            raise ExtendError(
                f"transformers does not read {path}{name} in the config of a {model.model_type}: {why}. Remove it, or state it "
                "there."
            )
    beside = original_beside(model.model_type, config)
    for where, entry in entries_of(config):
        inside = entry.get("original_max_position_embeddings")
        if None not in (beside, inside) and inside != beside and "." not in where:
            raise ExtendError(
                f"{path}{where}.original_max_position_embeddings is {inside}, but transformers reads {beside} from outside "
                f"that entry, from the config or the class of {model.model_type}: state one length in both places."
            )


def _plain(entry: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in entry.items() if name != "type" and value is not None}
    found.setdefault("rope_type", entry.get("type") or "default")
    return found
