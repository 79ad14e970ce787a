"""Raw: the measurement files as they were published, in a folder of the user's, checked against their known content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from ropescope.errors import FormatError, SourceError
from ropescope.evidence.cells import Kind, shipped_rows
from ropescope.local_files import expanded

PUBLISHED_AT = "https://github.com/karlesmarin/tafagent"
LANDMARK = "e4_gamma"
"""The folder by which a measurement folder is known."""

MANIFEST_COLUMNS: dict[str, Kind] = {"file": "text", "bytes": "whole", "sha256": "text"}


class RawFiles:
    """A folder of raw measurement files, or a clone of the public repository, where they lie in `data/`.

    Raises SourceError for a folder that is neither.
    """

    def __init__(self, folder: str | Path) -> None:
        given = expanded(str(folder))
        found = next((f for f in (given, given / "data") if (f / LANDMARK).is_dir()), None)
        if found is None:
            raise SourceError(
                f"{given} holds no raw measurements: it has no folder {LANDMARK}/ nor data/{LANDMARK}/. "
                f"Name a clone of {PUBLISHED_AT}, or leave `data` out to use the shipped figures."
            )
        self.folder = found

    def has(self, file: str) -> bool:
        """Whether the file, named as the table names it, is there."""
        return (self.folder / file).is_file()

    def missing(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of `names` that are not in the folder."""
        return tuple(name for name in names if not self.has(name))

    def changed(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of `names` that are in the folder with another content than the one the shipped figures come from."""
        known = published_digests()
        return tuple(name for name in names if name in known and self.has(name) and self.digest(name) != known[name])

    def digest(self, file: str) -> str:
        """SHA-256 of a file, in hexadecimal."""
        return hashlib.sha256(self._bytes(file)).hexdigest()

    def size(self, file: str) -> int:
        """Size of a file in bytes."""
        return len(self._bytes(file))

    def json(self, file: str) -> Any:
        """The content of a file. Raises SourceError if it is not there, FormatError if it is not JSON (NaN allowed)."""
        try:
            return json.loads(self._bytes(file))
        except ValueError as error:
            raise FormatError(
                f"{self.folder / file} is not JSON ({error}): get it again from {PUBLISHED_AT}."
            ) from error

    def _bytes(self, file: str) -> bytes:
        try:
            return (self.folder / file).read_bytes()
        except OSError as error:
            raise SourceError(
                f"Cannot read {self.folder / file} ({error.strerror or error}): get it from {PUBLISHED_AT}, folder data/."
            ) from error


@cache
def manifest() -> tuple[dict[str, Any], ...]:
    """Every raw file that a shipped table was compiled from: its name, size and SHA-256."""
    return shipped_rows(MANIFEST_COLUMNS, "raw_files")


@cache
def published_digests() -> dict[str, str]:
    """SHA-256 of those files by their names."""
    return {row["file"]: row["sha256"] for row in manifest()}
