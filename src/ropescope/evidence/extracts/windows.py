"""Perplexity when only a window of recent tokens is kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ropescope.evidence.cells import Kind
from ropescope.evidence.extract import extract
from ropescope.evidence.raw import RawFiles

_FILE = "exp_b2/kv_compression_extended.json"
_EARLIER = "exp_b2/kv_compression_results.json"
_COLUMNS: dict[str, Kind] = {
    "model": "text",
    "gamma": "number",
    "context": "whole",
    "fraction": "number",
    "window_published": "whole",
    "knee": "whole",
    "windows": "numbers",
    "perplexity": "numbers",
}


@extract(
    says="Perplexity of seven Pythia models with a window of recent tokens out of 2,048, and the window D_f of the published rule.",
    files=(_FILE,),
    columns=_COLUMNS,
)
def kv_windows(raw: RawFiles) -> list[dict[str, Any]]:
    """One row a model; `knee` is where the author's heuristic sees the curve level off."""
    return [
        _row(result, ((int(window), value) for window, value in result["sweep"].items()))
        for result in raw.json(_FILE)["results"]
    ]


@extract(
    says="The same for two of the models in an earlier run.",
    files=(_EARLIER,),
    columns=_COLUMNS,
)
def kv_windows_earlier(raw: RawFiles) -> list[dict[str, Any]]:
    """One row a model, without a knee."""
    return [
        _row(result, ((cell["window"], cell["ppl"]) for cell in result["sweep"]))
        for result in raw.json(_EARLIER)["results"]
    ]


def _row(result: dict[str, Any], sweep: Iterable[tuple[int, float]]) -> dict[str, Any]:
    points = sorted(sweep)
    return {
        "model": result["model"],
        "gamma": result["gamma"],
        "context": result["N_full"],
        "fraction": result["f_target"],
        "window_published": result["D_f"],
        "knee": result.get("knee_heuristic"),
        "windows": tuple(float(window) for window, _ in points),
        "perplexity": tuple(value for _, value in points),
    }
