"""Exponents of single heads."""

from __future__ import annotations

from typing import Any

from ropescope.evidence.extract import extract
from ropescope.evidence.raw import RawFiles

_FOLDER = "exp_gamma_field/EleutherAI--pythia-"
_TRAINED = tuple(f"{_FOLDER}{size}_gamma_field.json" for size in ("70m", "410m", "1b", "1.4b", "2.8b"))
_UNTRAINED = f"{_FOLDER}1b_step1_full_gamma_field.json"
_DECIMALS = 5
"""Kept of each number: three more than its error lets one read."""


@extract(
    says="Exponent and R² of every head of five Pythia models, and of Pythia-1B after its first training step (5 decimals).",
    files=(*_TRAINED, _UNTRAINED),
    columns={"model": "text", "trained": "whole", "layer": "whole", "gamma": "numbers", "r2": "numbers"},
)
def head_exponents(raw: RawFiles) -> list[dict[str, Any]]:
    """One row a layer; a head whose attention was not finite has the exponent nan."""
    return [
        {
            "model": data["model"],
            "trained": int(file != _UNTRAINED),
            "layer": layer,
            "gamma": _rounded(data["gamma_matrix"][layer]),
            "r2": _rounded(data["r2_matrix"][layer]),
        }
        for file in (*_TRAINED, _UNTRAINED)
        for data in (raw.json(file),)
        for layer in range(data["n_layers"])
    ]


def _rounded(values: list[float]) -> tuple[float, ...]:
    return tuple(round(value, _DECIMALS) for value in values)
