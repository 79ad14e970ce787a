"""Check: one thing that a template is tested for, and how it came out; with what checks need of texts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ropescope.checks.prompts.template.rendered import Rendering
from ropescope.report.text import plain

State = Literal["holds", "violated", "noted", "not known"]
Seen = Mapping[str, Rendering]


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what it is of, how it came out, what was found in a word or two, and a sentence for the reader."""

    name: str
    state: State
    found: str
    says: str


def quoted(text: str, most: int = 90) -> str:
    """A part of a text as a sentence shows it: in quotes, its line breaks as \\n, its middle left out where it is long."""
    shown = plain(text.replace("\n", "\\n").replace("\t", "\\t"))
    return f"“{shown if len(shown) <= most else f'{shown[: most // 2]} … {shown[-most // 3 :]}'}”"


def kept_characters(before: str, after: str) -> int:
    """How many characters at the start of both are the same."""
    alike = (one == other for one, other in zip(before, after, strict=False))
    return next((place for place, same in enumerate(alike) if not same), min(len(before), len(after)))


def ending(one: str, other: str) -> str:
    """The end that two texts share."""
    same = kept_characters(one[::-1], other[::-1])
    return one[len(one) - same :]


def token_start(text: str, place: int) -> int:
    """Where the markup begins that `place` is inside of; `place` where it is inside of none."""
    start = text.rfind("<", max(place - 20, 0), place)
    return start if start >= 0 and not re.search(r"[>\s]", text[start:place]) else place


def violations(checks: Sequence[Check]) -> list[Check]:
    """Those that are violated, in their order."""
    return [check for check in checks if check.state == "violated"]
