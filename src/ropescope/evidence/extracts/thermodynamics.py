"""Thermodynamic quantities as the author computed them from the exponents."""

from __future__ import annotations

from typing import Any

from ropescope.evidence.extract import extract
from ropescope.evidence.raw import RawFiles

_AREA = "exp_d4/area_law_results.json"
_POTENTIALS = "thermodynamics/thermodynamics_results.json"


@extract(
    says="Entropy S_γ that the author computed from each of 56 exponents, at a context of 2,000.",
    files=(_AREA,),
    columns={"model": "text", "corpus": "text", "gamma": "number", "entropy": "number", "phase": "text"},
)
def power_law_entropy(raw: RawFiles) -> list[dict[str, Any]]:
    """One row a measurement as listed, in which one model stands twice; `phase` is A for γ < 1, B beyond."""
    return [
        {
            "model": row["model"],
            "corpus": "text" if row["corpus"] == "mongo" else row["corpus"],
            "gamma": row["gamma"],
            "entropy": row["S_gamma"],
            "phase": row["phase"],
        }
        for row in raw.json(_AREA)["results"]
    ]


@extract(
    says="Heat capacity C_V that the author computed from 16 exponents, at a context of 2,000.",
    files=(_POTENTIALS,),
    columns={"model": "text", "corpus": "text", "gamma": "number", "heat_capacity": "number"},
)
def heat_capacities(raw: RawFiles) -> list[dict[str, Any]]:
    """One row a measurement."""
    return [
        {
            "model": row["model"],
            "corpus": "text" if row["corpus"] == "mongo" else row["corpus"],
            "gamma": row["gamma"],
            "heat_capacity": row["Cv"],
        }
        for row in raw.json(_POTENTIALS)
    ]
