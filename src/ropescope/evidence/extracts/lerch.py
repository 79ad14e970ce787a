"""Exponents predicted by a sum over the RoPE frequencies."""

from __future__ import annotations

from typing import Any

from ropescope.evidence.extract import extract
from ropescope.evidence.raw import RawFiles

_FILE = "lerch_validation/lerch_validation.json"


@extract(
    says="Exponents of five models: observed, by γ_Padé, and by the author's Lerch sums over slow and over all frequencies.",
    files=(_FILE,),
    columns={
        "model": "text",
        "theta": "number",
        "observed": "number",
        "pade": "number",
        "lerch_slow": "number",
        "lerch_all": "number",
    },
)
def lerch_exponents(raw: RawFiles) -> list[dict[str, Any]]:
    """One row a model."""
    return [
        {
            "model": model,
            "theta": row["theta"],
            "observed": row["gamma_obs"],
            "pade": row["gamma_pade"],
            "lerch_slow": row["gamma_lerch_dead"],
            "lerch_all": row["gamma_lerch_full"],
        }
        for model, row in raw.json(_FILE).items()
    ]
