"""Names in a sentence: how an error quotes one, which of the known names it may mean, and how several are listed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final

MOST_QUOTED: Final = 100
"""Characters of a value that an error quotes whole."""

MOST_REPEATED: Final = 300
"""Characters of a path or text that an error repeats whole: the end of a path tells more than its beginning."""

_LONGEST: Final = 200
"""Characters; no known name is so long that a longer text could be a slip of it."""

_ALIKE: Final = 0.5
"""Share of characters in common from which two names are alike."""


def shown(value: object) -> str:
    """`value` as an error quotes it: of a long one, how it begins."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no whole number of more than some thousand digits
        return "a number of thousands of digits"
    return text if len(text) <= MOST_QUOTED else f"{text[: MOST_QUOTED - 20]}…"


def cut(text: str) -> str:
    """A path or text as an error repeats it without quotes: of a long one, how it begins and ends."""
    return text if len(text) <= MOST_REPEATED else f"{text[:80]}…{text[-40:]}"


def named_in(sentence: str, names: Collection[str]) -> str | None:
    """The name in backquotes that a sentence begins with, else the only one that it has; None where there is none, or several."""
    named = [name for name in re.findall(r"`(\w+)`", sentence) if name in names]
    begins = bool(named) and sentence.startswith(f"`{named[0]}`")
    return named[0] if begins or len(set(named)) == 1 else None


def nearest(name: str, known: Iterable[str], n: int = 1) -> list[str]:
    """Up to `n` of the known names that are spelled like `name`, in upper or lower case, the nearest first; where none is, those
    that hold it."""
    if len(name) > _LONGEST:
        return []
    from difflib import get_close_matches  # takes as long to import as all of this room

    written = {one.lower(): one for one in known}
    wanted = name.strip().lower()
    near = get_close_matches(wanted, written, n, _ALIKE)
    holding = [one for one in written if wanted in one] if len(wanted) > 2 else []
    return [written[one] for one in near or holding[:n]]


def did_you_mean(name: str, known: Iterable[str], n: int = 1) -> str:
    """The question to put after the sentence that `name` is not a known name; empty where none is near."""
    near = nearest(name, known, n)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`; empty for none."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def few(names: Sequence[str], most: int) -> str:
    """The first `most` names with commas between, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")
