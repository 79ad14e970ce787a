"""Zipf exponents of the text corpus."""

from __future__ import annotations

from typing import Any

from ropescope.evidence.extract import extract
from ropescope.evidence.raw import RawFiles

_FILE = "zipf/zipf_analysis.json"


@extract(
    says="Zipf exponent of the text corpus under the tokenizers of seven models, beside the exponent of attention.",
    files=(_FILE,),
    columns={"model": "text", "tokens": "whole", "vocabulary_used": "whole", "zipf": "number", "gamma": "number"},
)
def zipf_exponents(raw: RawFiles) -> list[dict[str, Any]]:
    """One row a model; the eighth, whose tokenizer could not be had, is left out."""
    return [
        {
            "model": row["model"],
            "tokens": row["total_tokens"],
            "vocabulary_used": row["vocab_used"],
            "zipf": row["alpha_zipf"],
            "gamma": row["gamma_mongo"],
        }
        for row in raw.json(_FILE)
        if "error" not in row
    ]
