"""The same schema with the reasoning ahead of the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ropescope.checks.prompts.schemas.documents import as_list, put
from ropescope.checks.prompts.schemas.orders import Order, Pair


def reordered(schema: Any, pairs: Sequence[Pair], orders: frozenset[Order]) -> tuple[Any, list[str], bool]:
    """(`schema` with the reasoning of each pair ahead of its first answer, fields that had to become required, whether all pairs
    could be mended).

    `orders` are those of the engines in question: where required fields come first, an optional reasoning has to become required.
    """
    grown: list[str] = []
    whole = True
    for pair in pairs:
        node = schema
        for step in pair.found.path:
            node = node[step]
        fields = pair.found.properties
        listed = node.get("properties")
        if not isinstance(listed, dict) or [one.name for one in fields] != list(listed):
            whole = False  # fields that allOf brings stand elsewhere
            continue
        first = next(at for at, one in enumerate(fields) if "answer" in one.holds)
        moved = [one for one in fields[first:] if "reasoning" in one.holds]
        rest = [one for one in fields[first:] if "reasoning" not in one.holds]
        names = [one.name for one in (*fields[:first], *moved, *rest)]
        must = [] if "required first" not in orders else _must(pair)
        grown += must
        asked = [name for name in as_list(node.get("required")) if isinstance(name, str)]
        required = [name for name in names if name in asked or name in must]
        required += [name for name in asked if name not in names]
        new = {**node, "properties": {name: listed[name] for name in names}}
        if required:
            new["required"] = required
        schema = put(schema, pair.found.path, new)
    return schema, grown, whole


def _must(pair: Pair) -> list[str]:
    answers = [one for one in pair.found.properties if "answer" in one.holds]
    reasons = [one for one in pair.found.properties if "reasoning" in one.holds]
    if not any(one.required for one in answers) or any(one.required for one in reasons):
        return []
    return [pair.reasoning.name]
