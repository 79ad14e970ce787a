"""Files that are kept: the folder for them, and the SHA-256 that tells one from another."""

from __future__ import annotations

from pathlib import Path

from ropescope.cache_home import cache_home
from ropescope.errors import SourceError


def cache_folder() -> Path:
    """Where fetched models are kept: `$ROPESCOPE_HOME/models`, else `ropescope/models` in the user's cache folder."""
    return cache_home() / "models"


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file in hex, read in pieces. Raises SourceError if it cannot be read."""
    import hashlib

    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror or error}): check the path.") from error
