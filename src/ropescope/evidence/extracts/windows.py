"""Perplexity when only a window of recent tokens is kept."""

from __future__ import annotations

from typing import Any

from ropescope.evidence.extract import extract
from ropescope.evidence.raw import RawFiles

_FILE = "exp_b2/kv_compression_extended.json"


@extract(
    says="Perplexity of seven Pythia models with a window of recent tokens out of 2,048, and the window D_f of the published rule.",
    files=(_FILE,),
    columns={
        "model": "text",
        "gamma": "number",
        "context": "whole",
        "fraction": "number",
        "window_published": "whole",
        "knee": "whole",
        "windows": "numbers",
        "perplexity": "numbers",
    },
)
def kv_windows(raw: RawFiles) -> list[dict[str, Any]]:
    """One row a model; `knee` is where the author's heuristic sees the curve level off."""
    rows = []
    for result in raw.json(_FILE)["results"]:
        sweep = sorted((int(window), value) for window, value in result["sweep"].items())
        rows.append(
            {
                "model": result["model"],
                "gamma": result["gamma"],
                "context": result["N_full"],
                "fraction": result["f_target"],
                "window_published": result["D_f"],
                "knee": result["knee_heuristic"],
                "windows": tuple(float(window) for window, _ in sweep),
                "perplexity": tuple(value for _, value in sweep),
            }
        )
    return rows
