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
)  # fmt: skip
