"""Rows of the matrix: before you download."""

from __future__ import annotations

from matrix.row import Row

ROWS = (
    Row(
        "ask", {"words": ["llama 8b 32k on a 4090"]},
        lambda d: d["questions"][0] == {"question": "fit", "inputs": {"source": "MODEL", "gpu": "4090", "context": "32k"}},
        {"words": ["zzz"]}, "zzz",
    ),
    Row(
        "profile", {"source": "{config}", "gpu": "4090", "context": "8k"},
        lambda d: d["full_layers"] == 32 and d["cache_bytes"] == 131_072 * 8_192 and d["ruler"]["length"] == "8K",
        {"source": "{config}", "precision": "Q4_K_M"}, "gpu",
    ),
    Row("show", {"source": "{config}"}, lambda d: d["model"]["parameters"]["total"] == 8_030_261_248, {"source": ""}, "source"),
    Row("compare", {"sources": ["{config}", "{config}"]}, lambda d: d["different"] == {}, {"sources": ["{config}"]}, "2 to 8"),
    Row(
        "files", {"source": "{tiny}"},
        lambda d: [(row["kind"], row["bits_per_weight"]) for row in d["files"]] == [("model", 32)],
        {"source": "{config}", "context": "8k"}, "gpu",
    ),
    Row(
        "tokenizer", {"tokenizers": ["bytes", "claude-sonnet-4-5"], "text": "{new}/ja.txt", "same": "{new}/en.txt"},
        lambda d: d["costs"][0]["premium"] == 6 / 5 and "claude-sonnet-4-5" in d["not_known"],
        {"tokenizers": ["bytes"]}, "parallel", files={"ja.txt": "日本", "en.txt": "Japan"},
    ),
    Row("evidence", {"model": "Qwen/Qwen3-8B"}, lambda d: len(d["matches"]) == 1, {"model": " "}, "model"),
    Row(
        "doctor", {"quick": True}, lambda d: d["faults"] == [] and d["version"].count(".") == 2,
        {"extras": "mesure"}, "Did you mean measure?",
    ),
)  # fmt: skip
