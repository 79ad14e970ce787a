"""The licence of a model: what the card (the front matter of its README) states."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

MOST_README_BYTES: Final = 256 << 10
MOST_LICENCE_BYTES: Final = 4 << 10

FRONT_MATTER: Final = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL)
"""Where a README begins with one; group 1 is YAML."""
# The lines of the fields that speak of the licence, with the lines that go on with them.
_LICENCE_LINES: Final = re.compile(r"^license(?:_name)?[ \t]*:.*(?:\n(?:[ \t]+|-[ \t]).*)*", re.MULTILINE)
_PLAIN: Final = re.compile(r"(license|license_name)[ \t]*:[ \t]*([A-Za-z][A-Za-z0-9.+_-]*)[ \t]*\r?")


def readme_licence(readme: str) -> str | None:
    """The licence that a README states in its front matter; None without one. Damaged front matter states none."""
    front = FRONT_MATTER.match(readme)
    lines = _LICENCE_LINES.findall(front[1]) if front is not None else []
    plain = [_PLAIN.fullmatch(line) for line in lines]
    if None not in plain:
        return stated_licence({found[1]: found[2] for found in plain if found is not None})
    text = "\n".join(lines)
    if len(text) > MOST_LICENCE_BYTES:
        return None
    try:
        import yaml  # type: ignore[import-untyped]  # comes with huggingface-hub; few licences are more than one word
    except ImportError:  # in a browser
        return None
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return stated_licence(found) if isinstance(found, Mapping) else None


def stated_licence(card: Mapping[str, Any]) -> str | None:
    """The licence by the fields of a card: its identifier, or the name of one that has no identifier ("other")."""
    licence, name = card.get("license"), card.get("license_name")
    if isinstance(licence, list) and licence and all(isinstance(entry, str) for entry in licence):
        licence = ", ".join(licence)
    if licence == "other" and isinstance(name, str) and name:
        licence = name
    return licence[:200] if isinstance(licence, str) and licence else None
