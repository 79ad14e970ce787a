"""Where pieces of a sentence meet: Chinese has its own punctuation, and a space only beside Latin letters and digits."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

HAN: Final = re.compile("[\u3400-\u9fff]")
_LATIN: Final = re.compile(r"[A-Za-z0-9`'$%°θγαβ]")
_SIGNS: Final = "，。：；？、（）！"
"""Chinese punctuation, which takes no space beside it."""

_WIDE: Final = re.compile(f" *([{_SIGNS}]) *")
_WIDE_BREAKS: Final = {"; ": "；", ": ": "："}


def joined(pieces: Iterable[str]) -> str:
    """The pieces as one text. Pieces without Chinese are put together as they are."""
    parts = list(pieces)
    whole = ""
    for place, part in enumerate(parts):
        after = parts[place + 1] if place + 1 < len(parts) else ""
        beside = HAN.match(whole[-1:]) or HAN.match(after) or whole.endswith("）")
        if part in _WIDE_BREAKS and (beside or (HAN.search(after) and (part == ": " or HAN.search(whole)))):
            part = _WIDE_BREAKS[part]
        elif part == ", " and beside:  # a list of names keeps its commas
            part = "，"
        whole = _met(whole, part)
    return whole


def _met(before: str, after: str) -> str:
    """Two texts side by side: no space between Chinese characters, one between a Chinese and a Latin one."""
    left, right = before.rstrip(" "), after.lstrip(" ")
    if not left or not right:
        return before + after
    if before[-2:] in _WIDE_BREAKS and HAN.match(right):
        return f"{before[:-2]}{_WIDE_BREAKS[before[-2:]]}{right}"
    ends = bool(HAN.match(left[-1])), bool(HAN.match(right[0]))
    if all(ends):
        return left + right
    if any(ends) and (_LATIN.match(left[-1]) or _LATIN.match(right[0])):
        return f"{left} {right}"
    return before + after


def stopped(text: str) -> str:
    """A sentence, whose full stop is Chinese if it is."""
    return f"{text[:-1]}。" if text.endswith(".") and HAN.search(text) else text


def bracketed(before: str, inside: str, after: str) -> str:
    """The text with something in brackets; `before` may end with a space, and `after` is what follows the brackets."""
    return f"{before.rstrip(' ')}（{inside}）{after}" if HAN.search(inside) else f"{before}({inside}){after}"


def closed(text: str) -> str:
    """The text without spaces beside Chinese punctuation."""
    return _WIDE.sub(r"\1", text)
