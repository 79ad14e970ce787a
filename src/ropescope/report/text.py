"""Text from outside (model names, file names, prompts), made harmless to show.

A terminal obeys control characters and a reader is misled by bidirectional overrides, so both go. Everything else stays
as it is: markup such as `[red]` or `<b>` is a matter of the face, which shows it literally.
"""

from __future__ import annotations

import re

_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 and C1, with ESC and CSI: what moves a cursor or sets a colour
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what makes text read in another order than it is stored
_NOT_XML = "\ufffe\uffff"
_SURROGATES = "\ud800-\udfff"  # halves of a character: no encoding can write them

_REMOVED = re.compile(f"[{_CONTROLS}{_BIDI}{_NOT_XML}]")
_HALVES = re.compile(f"[{_SURROGATES}]")
_BREAKS = re.compile("[\t\n\r\v\f\x85\u2028\u2029]+")


def plain(text: str) -> str:
    """`text` on one line, without control characters; line breaks and tabs become one space."""
    return lines(_BREAKS.sub(" ", text))


def lines(text: str) -> str:
    """`text` without control characters, its line breaks (`\\n`) and tabs kept."""
    return _HALVES.sub("\ufffd", _REMOVED.sub("", text))


def slug(text: str) -> str:
    """`text` as a part of a file name or an identifier: ASCII letters, digits, `.`, `_` and `-`; never empty."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:80] or "figure"
