"""Rows of the matrix: judge a claim."""

from __future__ import annotations

from matrix.row import Row

ROWS = (
    Row("claims", {"ids": ["C2"]}, lambda d: d["claims"][0]["id"] == "C2", {"ids": ["C99"]}, "C99"),
    Row("panel", {"family": "Pythia", "corpus": "text"}, lambda d: len(d["measurements"]) == 8, {"family": "Pithia"}, "Pythia"),
)  # fmt: skip
