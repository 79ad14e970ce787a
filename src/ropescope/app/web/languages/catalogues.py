"""The catalogues: .po files as Babel writes them, read when a language is first asked for. Standard library only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from ropescope.errors import InputError

LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "es": "Español", "fr": "Français", "zh": "中文"}
"""What the page speaks, each by its own name."""

PARTS: Final = ("page", "questions", "reports")
"""The page's own words; what the registry says of questions and inputs; what answers say."""


def known_language(language: str) -> str:
    """`language`, if the page speaks it. Raises InputError."""
    if language not in LANGUAGES:
        raise InputError("language", f"`language` must be {' | '.join(LANGUAGES)}, not {language[:20]!r}.")
    return language


@cache
def messages(language: str, part: str) -> Mapping[str, str]:
    """The translations of one part, by their English; none for English itself."""
    if known_language(language) == "en":
        return {}
    return read_po(files(__package__).joinpath(language, f"{part}.po").read_text(encoding="utf-8"))


def read_po(text: str) -> dict[str, str]:
    """The messages of a .po file, empty where there is no translation yet. Plurals and contexts are not used here."""
    found: dict[str, str] = {}
    entry: dict[str, list[str]] = {}
    keyword = ""
    for line in (*text.splitlines(), "msgid"):
        head, _, rest = line.partition(" ")
        if head in ("msgid", "msgstr"):
            if head == "msgid" and entry:
                english, said = ("".join(entry.get(key, ())) for key in ("msgid", "msgstr"))
                if english:
                    found[english] = said
                entry = {}
            keyword, line = head, rest
        if line.startswith('"'):
            entry.setdefault(keyword, []).append(json.loads(line))
    return found
