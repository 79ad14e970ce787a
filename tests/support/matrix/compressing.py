"""Rows of the matrix: shrink the kv cache or the weights."""

from __future__ import annotations

from matrix.row import TINY, Row

ROWS = (
    Row(
        "compress plan", {"source": "{profile}", "model": "{tiny}", "budget": "60%"},
        lambda d: d["bytes_after"] <= 0.6 * d["bytes_before"],
        {"source": "{profile}", "budget": "lots"}, "budget",
    ),
    Row(
        "compress evaluate",
        {"source": "{tiny}", "length": "128", "budgets": "50%", "methods": "uniform", "texts": "1", "scored": "16", **TINY},
        lambda d: d["length"] == 128, {"source": "{tiny}", "budgets": "0"}, "budgets",
    ),
    Row(
        "quantisation", {"source": "meta-llama/Meta-Llama-3-8B", "format": "Q4_K_M"},
        lambda d: d["costs"][1]["kld"] == 0.031273, {"source": "meta-llama/Meta-Llama-3-8B", "format": "Q4_K_N"}, "format",
    ),
)  # fmt: skip
