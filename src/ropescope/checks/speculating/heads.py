"""Draft heads that a model brings itself, and drafts that are no models of their own, as configs tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ropescope.models.config.fields import text_part
from ropescope.models.model import Model

PREDICTED: Final = (
    "num_nextn_predict_layers",
    "mtp_num_hidden_layers",
    "num_mtp_layers",
    "mtp_num_layers",
    "num_mtp_modules",
)
"""Fields with the number of layers for multi-token prediction."""
_HEADS: Final = {
    "eagle": "EAGLE",
    "medusa": "Medusa",
    "mlpspeculator": "MLP speculator",
    "mlp_speculator": "MLP speculator",
}


def built_in(model: Model) -> str:
    """What a model brings to draft with, in words; "" for nothing."""
    found = {
        field: n for field, n in _stated(model.config).items() if isinstance(n, int) and not isinstance(n, bool) and n
    }
    if not found:
        return ""
    field, layers = next(iter(found.items()))
    return f"{layers} layer{'' if layers == 1 else 's'} for multi-token prediction ({field})"


def head_kind(config: Mapping[str, Any]) -> str:
    """The kind of head that a draft is: "EAGLE-3", "EAGLE", "Medusa", "MLP speculator"; "" for a model of its own."""
    named = [str(config.get("model_type", "")), *map(str, _listed(config.get("architectures")))]
    text = " ".join(named).lower()
    if "eagle3" in text or ("eagle" in text and "draft_vocab_size" in config):
        return "EAGLE-3"
    if "draft_vocab_size" in config or isinstance(config.get("eagle_config"), Mapping):
        return "EAGLE-3"
    return next((kind for word, kind in _HEADS.items() if word in text), "")


def _stated(config: Mapping[str, Any]) -> dict[str, Any]:
    part, _, _ = text_part(config)
    stated = {name: part.get(name) for name in PREDICTED}
    return stated | {key: value for key, value in config.items() if key.endswith(".nextn_predict_layers")}


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
