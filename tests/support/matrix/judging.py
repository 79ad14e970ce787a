"""Rows of the matrix: judge a claim."""

from __future__ import annotations

import json

from matrix.row import Row


def log(right: int) -> str:
    """A per-sample log of lm-eval: 40 documents, of which the first `right` are right."""
    same = {"filter": "none", "metrics": ["acc"], "prompt_hash": "p", "target_hash": "t"}
    rows = ({"doc_id": i, "doc_hash": f"d{i}", "acc": float(i < right), **same} for i in range(40))
    return "".join(json.dumps(row) + "\n" for row in rows)


ROWS = (
    Row("claims", {"ids": ["C2"]}, lambda d: d["claims"][0]["id"] == "C2", {"ids": ["C99"]}, "C99"),
    Row("panel", {"family": "Pythia", "corpus": "text"}, lambda d: len(d["measurements"]) == 8, {"family": "Pithia"}, "Pythia"),
    Row(
        "arena", {"votes": "{new}/votes.csv"}, lambda d: d["differences"][0]["sure"] is True,
        {"votes": "{new}/votes.csv", "labels": "A"}, "labels",
        files={"votes.csv": "model_a,model_b,winner\n" + "A,B,model_a\n" * 60 + "A,B,model_b\n" * 40},
    ),
    Row(
        "drift", {"first": "{new}/a.jsonl", "second": "{new}/b.jsonl"}, lambda d: d["comparisons"][0]["p"] == 2 / 2**10,
        {"scores": "67.2,65.1"}, "`n`", files={"a.jsonl": log(30), "b.jsonl": log(20)},
    ),
    Row(
        "saturation", {"benchmark": "humaneval", "scores": "A=95,B=80"}, lambda d: d["n"] == 164 and d["pairs"][0]["separate"],
        {"benchmark": "humaneval", "scores": "A=95,B=0.8"}, "every score with %",
    ),
    Row(
        "contamination", {"items": "{new}/items.txt", "corpus": ["{new}/corpus.txt"]},
        lambda d: [item["share"] for item in d["overlap"]["items"]] == [0.9],
        {"items": "items.txt"}, "corpus",
        files={"items.txt": "a b c d e f g h i j\n", "corpus.txt": "So: a b c d e f g h i, and no more."},
    ),
    Row(
        "cannot-tell", {"name": "horizon"}, lambda d: d["counterexample"]["longest_yes"] == 600_000,
        {"name": "horizont"}, "Did you mean horizon",
    ),
)  # fmt: skip
