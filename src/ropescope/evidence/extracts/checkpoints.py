"""Exponents over the training of one model."""

from __future__ import annotations

from typing import Any

from ropescope.evidence.extract import extract
from ropescope.evidence.raw import RawFiles

_STEPS = (1, 1000, 10_000, 143_000)
_FILES = {
    2000: tuple(f"exp_gamma_field/EleutherAI--pythia-1b_step{step}_full_gamma_field.json" for step in _STEPS),
    1000: tuple(f"exp_gamma_field/pythia-1b_step{step}_gamma_field.json" for step in _STEPS),
}
"""Two runs over the same four checkpoints, by the largest distance that they measured."""


@extract(
    says="Exponent of four training checkpoints of Pythia-1B, measured twice.",
    files=(*_FILES[2000], *_FILES[1000]),
    columns={"model": "text", "step": "whole", "distances": "numbers", "gamma": "number", "r2": "number"},
)
def checkpoint_exponents(raw: RawFiles) -> list[dict[str, Any]]:
    """One row a checkpoint and run; `distances` are those of the fit to the mean over layers and heads."""
    return [
        {
            "model": "EleutherAI/pythia-1b",
            "step": step,
            "distances": tuple(float(d) for d in data["fit_distances"]),
            "gamma": data["summary"]["gamma_global_fit"],
            "r2": data["summary"]["r2_global"],
        }
        for files in _FILES.values()
        for step, file in zip(_STEPS, files, strict=True)
        for data in (raw.json(file),)
    ]
