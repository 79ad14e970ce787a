"""Rows of the matrix: serve a model."""

from __future__ import annotations

from matrix.row import Row

ROWS = (
    Row(
        "fit", {"source": "{config}", "gpu": "4090", "context": "8k"}, lambda d: d["bytes"]["cache"] == 131_072 * 8_192,
        {"source": "{config}", "gpu": "4090", "context": "8x"}, "context",
    ),
    Row(
        "speed", {"source": "{config}", "gpu": "h100-sxm"}, lambda d: d["decode"]["bound"] == "memory",
        {"source": "{config}", "gpu": "h100-sxm", "efficiency": "2"}, "efficiency",
    ),
    Row(
        "launch", {"source": "{config}", "gpu": "h100-sxm", "context": "8k"}, lambda d: d["command"].startswith("vllm serve"),
        {"source": "{config}", "gpu": "h100-sxm", "engine": "vlm"}, "engine",
    ),
    Row("devices", {}, lambda d: len(d["devices"]) > 150, {"name": "4090"}, "name"),
)  # fmt: skip
