"""The folder in which ropescope keeps what it fetched."""

from __future__ import annotations

import os
from pathlib import Path

from ropescope.local_files import expanded


def cache_home() -> Path:
    """`$ROPESCOPE_HOME`, else `ropescope` in the user's cache folder. What lies there may be deleted at any time."""
    if home := os.environ.get("ROPESCOPE_HOME"):
        return expanded(home)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "ropescope"
