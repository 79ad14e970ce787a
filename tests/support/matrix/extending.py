"""Rows of the matrix: read a longer context."""

from __future__ import annotations

from matrix.row import TINY, Row

ROWS = (
    Row("extend plan", {"source": "{config}", "to": "256k"}, lambda d: d["target_length"] == 262_144, {"source": "{config}"}, "to"),
    Row(
        "extend evaluate",
        {"source": "{tiny}", "to": "400", "methods": "none,yarn", "texts": "1", "band": "100", **TINY},
        lambda d: d["target_length"] == 400, {"source": "{tiny}", "to": "400", "retrieval": "passkeys"}, "retrieval",
    ),
    Row(
        "extend search", {"source": "{tiny}", "to": "400", "minutes": "0.02", "texts": "1", **TINY},
        lambda d: d["plan"]["target_length"] == 400, {"source": "{tiny}", "to": "400", "minutes": "0"}, "minutes",
    ),
    Row(
        "extend lm-eval", {"source": "{tiny}", "to": "400", "tasks": "arc_easy"}, lambda d: False,
        {"source": "{tiny}", "to": "400"}, "tasks", missing="lm_eval",
    ),
)  # fmt: skip
