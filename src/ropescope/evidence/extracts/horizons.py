"""The author's own list of exponents, from which horizons and modes were read."""

from __future__ import annotations

from typing import Any

from ropescope.evidence.extract import extract
from ropescope.evidence.raw import RawFiles

_FILE = "exp_gamma_field/info_horizon_results.json"


@extract(
    says="The 25 exponents on text that the author listed to three decimals, some of them not among the 56 fits.",
    files=(_FILE,),
    columns={"name": "text", "theta": "number", "context_length": "whole", "gamma": "number"},
)
def listed_exponents(raw: RawFiles) -> list[dict[str, Any]]:
    """One row a model, by the author's name for it; θ where he gives one."""
    return [
        {"name": row["name"], "theta": row["theta"], "context_length": row["T_train"], "gamma": row["gamma"]}
        for row in raw.json(_FILE)["horizon_results"]
    ]
