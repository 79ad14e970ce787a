"""From what a user types to the name that is looked up: an alias, a folder, a file, or the name itself."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from ropescope.errors import SourceError
from ropescope.local_files import expanded
from ropescope.models.source import ALIASES

HUB_ID: Final = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


def asked_name(source: str) -> tuple[str, str]:
    """The name to look up for what a user typed, and where it was taken from if it is not that text.

    An existing folder gives the Hub id of its config or of its place in the Hub cache, else its own name; an existing
    file its name; an alias the model it stands for; anything else itself. Raises SourceError for an empty name.
    """
    text = source.strip()
    if not re.search(r"[A-Za-z0-9]", text):
        raise SourceError(f"{source!r} names no model: give a Hub id such as org/name, a folder or a .gguf file.")
    if text in ALIASES:
        return ALIASES[text], f"the alias {text}"
    path = expanded(text)
    try:
        there, folder = path.exists(), path.is_dir()
    except OSError:  # longer than any file name may be
        return text, ""
    if not there:
        return text, ""
    parts = path.resolve().parts
    cached = [part.removeprefix("models--").replace("--", "/") for part in parts if part.startswith("models--")]
    if cached:
        return cached[-1], "its folder in the Hub cache"
    if folder and (stated := _stated_id(path / "config.json")):
        return stated, "_name_or_path in its config.json"
    return path.resolve().name, "its folder" if folder else "its file name"


def _stated_id(config: Path) -> str | None:
    try:
        name = json.loads(config.read_text(encoding="utf-8")).get("_name_or_path")
    except (OSError, ValueError, AttributeError):
        return None
    return name if isinstance(name, str) and HUB_ID.fullmatch(name) else None
