"""Pictures of renderings: what adding a turn keeps, and how far two renderings agree. One bar a prompt, in characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ropescope.checks.prompts.template.check import kept_characters
from ropescope.checks.prompts.template.checks import TURNS
from ropescope.checks.prompts.template.rendered import Rendering
from ropescope.report.report import Figure
from ropescope.report.theme import BLUE, FAINT, SKY, VERMILLION

KEPT, CHANGED, NEW = "stays", "is written anew", "is added"
SAME, HERE, THERE = "the same in both", "only in the first", "only in the second"


def turns_figure(seen: Mapping[str, Rendering], name: str) -> Figure | None:
    """What each added turn keeps of the prompt before it; None where a turn is not rendered."""
    rows = []
    for what, old, new in TURNS:
        before, after = seen[old].text, seen[new].text
        if not before or not after:
            return None
        kept = kept_characters(before, after)
        changed = min(len(before), len(after)) - kept
        rows.append((f"+ {what}", {KEPT: kept, CHANGED: changed, NEW: len(after) - kept - changed}))
    caption = f"Chat template of {name}, as a conversation grows. A prompt cache serves the part that stays."
    colours = {KEPT: BLUE, CHANGED: VERMILLION, NEW: FAINT}
    return Figure("added-turns", "What stays when a turn is added", _bars(rows, colours), caption)


def difference_figure(here: Mapping[str, Rendering], there: Mapping[str, Rendering], names: Sequence[str]) -> Figure:
    """How far two renderings of each prompt agree from their start; a prompt that one of them refuses has no bar."""
    rows = []
    for prompt, one in here.items():
        other = there[prompt]
        if one.text is not None and other.text is not None:
            same = kept_characters(one.text, other.text)
            rows.append((prompt, {SAME: same, HERE: len(one.text) - same, THERE: len(other.text) - same}))
    colours = {SAME: BLUE, HERE: VERMILLION, THERE: SKY}
    caption = f"First: {names[0]}. Second: {names[1]}. From the first character that differs, both rests are drawn."
    return Figure("two-renderings", "How far two renderings agree", _bars(rows, colours), caption)


def _bars(rows: Sequence[tuple[str, Mapping[str, int]]], colours: Mapping[str, str]) -> dict[str, Any]:
    values = [
        {"prompt": name, "part": part, "order": order, "characters": count}
        for name, parts in rows
        for order, (part, count) in enumerate(parts.items())
    ]
    return {
        "width": 460,
        "height": {"step": 26},
        "data": {"values": values},
        "mark": {"type": "bar", "height": {"band": 0.68}},
        "encoding": {
            "y": {
                "field": "prompt", "type": "nominal", "title": None, "sort": [name for name, _ in rows],
                "axis": {"labelLimit": 230},
            },
            "x": {
                "field": "characters", "type": "quantitative", "title": "characters", "stack": "zero",
                "axis": {"format": ",d"},
            },
            "color": {
                "field": "part", "type": "nominal", "title": None, "sort": list(colours),
                "scale": {"domain": list(colours), "range": list(colours.values())},
            },
            "order": {"field": "order", "type": "quantitative"},
            "tooltip": [{"field": name} for name in ("prompt", "part", "characters")],
        },
    }  # fmt: skip
