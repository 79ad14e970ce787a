"""Measured entropy of attention, and the "Cardy entropy" it was compared with."""

from __future__ import annotations

from typing import Any

from ropescope.evidence.extract import extract
from ropescope.evidence.raw import RawFiles

_MODELS = ("EleutherAI--pythia-70m", "EleutherAI--pythia-1b", "EleutherAI--pythia-1.4b", "meta-llama--Llama-2-7b-hf")
_FILES = tuple(f"e5_cardy/E5_{model}_mongo.json" for model in _MODELS)


@extract(
    says="Entropy of attention rows by layer, in nats at 512 tokens, and the Cardy entropy set beside it.",
    files=_FILES,
    columns={
        "model": "text",
        "theta": "number",
        "length": "whole",
        "prompts": "whole",
        "cardy": "number",
        "observed": "number",
        "by_layer": "numbers",
    },
)
def attention_entropy(raw: RawFiles) -> list[dict[str, Any]]:
    """One row a model; a layer whose attention was not finite has the entropy 0."""
    return [
        {
            "model": data["model"],
            "theta": data["theta"],
            "length": data["T_eval"],
            "prompts": data["n_prompts"],
            "cardy": data["H_cardy"],
            "observed": data["H_obs"],
            "by_layer": tuple(layer["mean_H"] for layer in data["per_layer"]),
        }
        for file in _FILES
        for data in (raw.json(file),)
    ]
