"""The number R_c that was to part models before induction heads from those after."""

from __future__ import annotations

from typing import Any

from ropescope.evidence.extract import extract
from ropescope.evidence.raw import RawFiles

_FILES = {"cloud/gqa_rc_results.json": "results", "cloud/round4_combined_results_02.json": "phase_AB_rc"}


@extract(
    says="R_c of thirteen models as the author computed it, with the sizes that went into it.",
    files=tuple(_FILES),
    columns={
        "model": "text",
        "kv_heads": "whole",
        "head_dim": "whole",
        "parameters_millions": "number",
        "ratio": "number",
    },
)
def boundary_ratios(raw: RawFiles) -> list[dict[str, Any]]:
    """One row a model, measured or not."""
    return [
        {
            "model": entry["hf_id"],
            "kv_heads": entry["n_kv"],
            "head_dim": entry["d_head"],
            "parameters_millions": entry["n_params_M"],
            "ratio": entry["R_c"],
        }
        for file, key in _FILES.items()
        for entry in raw.json(file)[key]
    ]
