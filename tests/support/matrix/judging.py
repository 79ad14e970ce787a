"""Rows of the matrix: judge a claim."""

from __future__ import annotations

from matrix.row import Row

ROWS = (
    Row("claims", {"ids": ["C2"]}, lambda d: d["claims"][0]["id"] == "C2", {"ids": ["C99"]}, "C99"),
    Row("panel", {"family": "Pythia", "corpus": "text"}, lambda d: len(d["measurements"]) == 8, {"family": "Pithia"}, "Pythia"),
    Row(
        "arena", {"votes": "{new}/votes.csv"}, lambda d: d["differences"][0]["sure"] is True,
        {"votes": "{new}/votes.csv", "labels": "A"}, "labels",
        files={"votes.csv": "model_a,model_b,winner\n" + "A,B,model_a\n" * 60 + "A,B,model_b\n" * 40},
    ),
)  # fmt: skip
