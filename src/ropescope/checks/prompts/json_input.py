"""JSON that a user gives: read whole, bounded in bytes and in nesting, with sentences that name the file and the line."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Any, Final

from ropescope.errors import FormatError
from ropescope.local_files import read_bounded
from ropescope.models.json_file import parse_json

MOST_BYTES: Final = 16 << 20
MOST_DEPTH: Final = 100


def read_input(path: Path) -> Any:
    """The JSON value in `path`. Raises SourceError where it cannot be read, FormatError (with the line) where it is not JSON."""
    raw = read_bounded(path, MOST_BYTES, missing="check the path", long="give one request or one schema")
    return value_of(raw, str(path))


def value_of(raw: bytes, where: str) -> Any:
    """The JSON value that `raw` holds; `where` is how errors call it. Raises FormatError (with the line)."""
    value = parse_json(raw.removeprefix(b"\xef\xbb\xbf"), where, pairs=lambda pairs: _once(pairs, where))
    if _deeper(value, MOST_DEPTH):
        raise FormatError(f"{where} is nested more than {MOST_DEPTH} levels deep: give a flatter file.")
    return value


def _once(pairs: list[tuple[str, Any]], where: str) -> dict[str, Any]:
    """The object of `pairs`. Raises FormatError for a key that stands twice, of which JSON readers drop one in silence, and for
    a number that JSON does not have."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for place, (key, _) in enumerate(pairs) if key in dict(pairs[:place]))
        raise FormatError(f"{where} has the key {twice[:80]!r} twice in one object: keep one of them.")
    for key, value in pairs:
        if isinstance(value, float) and not isfinite(value):
            raise FormatError(
                f"{where} has {value} at the key {key[:80]!r}, which is no JSON number: give a number or null."
            )
    return found


def _deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    if levels == 0:
        return True
    return any(_deeper(item, levels - 1) for item in (value.values() if isinstance(value, dict) else value))
