"""Put sentences into a text, at given depths, between its own sentences."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Literal

Ids = tuple[int, ...]
Task = Literal["passkey", "multi-key", "key-value"]
"""How a planted fact is asked for (`retrieval.trials`)."""
TASKS: tuple[Task, ...] = ("passkey", "multi-key", "key-value")
KEYS_PER_CONTEXT = 20


def plant(tokenizer: Any, text: Sequence[int], facts: Sequence[tuple[float, Ids]]) -> Ids:
    """The ids of `text` with every fact put in at the end of the sentence nearest to its depth (0 the beginning, 1 the
    end). Facts at one place stand in the order of their depths."""
    stops = _sentence_ends(tokenizer, text)
    planted: list[int] = []
    taken = 0
    for depth, fact in sorted(facts):
        goal = depth * len(text)
        after = bisect_left(stops, goal)
        near = stops[max(after - 1, 0) : after + 1]
        stop = max(taken, near[0] if abs(near[0] - goal) <= abs(near[-1] - goal) else near[-1])
        planted += [*text[taken:stop], *fact]
        taken = stop
    return (*planted, *text[taken:])


def _sentence_ends(tokenizer: Any, tokens: Sequence[int]) -> list[int]:
    """Where a sentence may be put in: after a token that ends one; anywhere in a text with hardly a full stop."""
    names = tokenizer.convert_ids_to_tokens(list(tokens))
    ends = [
        i + 1 for i, name in enumerate(names) if isinstance(name, str) and name.endswith((".", "Ċ", "\n", "<0x0A>"))
    ]
    return [*ends, len(tokens)] if len(ends) >= len(tokens) // 200 else list(range(1, len(tokens) + 1))
