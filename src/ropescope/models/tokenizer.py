"""Tokenizer: what the files say of a model's tokenizer, without loading it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """`vocab_size` counts the tokens that have an id (the embedding may have more rows); `special_ids` maps "bos",
    "eos", "pad", "unk" to ids; `chat_template` is its text as stored (never rendered here), None without one;
    `kind` is the algorithm as the file names it ("BPE", "Unigram", "gpt2", …)."""

    vocab_size: int | None = None
    special_ids: Mapping[str, tuple[int, ...]] = field(default_factory=dict, hash=False)
    chat_template: str | None = None
    kind: str = ""
    source: str = ""
