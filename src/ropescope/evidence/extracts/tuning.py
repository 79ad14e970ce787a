"""Exponents before and after instruction tuning."""

from __future__ import annotations

from typing import Any

from ropescope.evidence.extract import extract
from ropescope.evidence.raw import RawFiles

_SUMMARY = "rlhf_gamma/rlhf_summary.json"
_CURVES = "rlhf_gamma/rlhf_real_pairs.json"


@extract(
    says="Exponent of three base models and of their instruct versions.",
    files=(_SUMMARY, _CURVES),
    columns={
        "base": "text",
        "instruct": "text",
        "theta_in_file": "number",
        "gamma_base": "number",
        "gamma_instruct": "number",
        "r2_base": "number",
        "r2_instruct": "number",
    },
)
def tuned_pairs(raw: RawFiles) -> list[dict[str, Any]]:
    """One row a pair; two pairs are published to four decimals and without their curves."""
    return [
        {
            "base": pair["base"],
            "instruct": pair["instruct"],
            "theta_in_file": pair["theta"],
            "gamma_base": pair["gamma_base"],
            "gamma_instruct": pair["gamma_instruct"],
            "r2_base": pair["R2_base"],
            "r2_instruct": pair["R2_instruct"],
        }
        for pair in (*raw.json(_SUMMARY)["pairs"], *raw.json(_CURVES))
    ]
