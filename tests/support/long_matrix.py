"""Which rows of a large grid the default run takes; the rest carry the mark `long`, which `make test-all` runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import pytest

# One model type for each way in which attention, its positions or its cache differ.
KINDS: frozenset[str] = frozenset(
    {
        "llama", "gemma3_text", "gemma4_text", "gpt_oss", "qwen3_moe", "deepseek_v32", "deepseek_v4", "jamba", "mamba2",
        "qwen3_next", "gpt_neox", "bloom", "phi3", "llama4_text",
    }
)  # fmt: skip


def in_brief(rows: Iterable[Any], brief: Collection[str] = KINDS, name: Callable[[Any], str] = str) -> list[Any]:
    """`rows` as pytest parameters, those marked `long` whose name (`name` of the row, or of the first of several values)
    is not in `brief`, nor what stands before its first "-". A row that is a parameter already keeps its marks."""
    found = []
    for row in rows:
        if hasattr(row, "marks"):
            values, marks = row.values, row.marks
        else:
            values, marks = row if name is str and isinstance(row, tuple) else (row,), ()
        called = name(values[0])
        known = called in brief or called.split("-")[0] in brief
        found.append(pytest.param(*values, marks=(*marks, *(() if known else (pytest.mark.long,))), id=called))
    return found
