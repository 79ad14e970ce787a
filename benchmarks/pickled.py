"""What a benchmark measures once and keeps in its folder, for itself and for the processes that share its pieces."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Made = TypeVar("Made")


def once(path: Path, make: Callable[[], Made]) -> Made:
    """What `make` gives, kept at `path`: read from there where it was made before. Another process never meets half a file."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(pickle.dumps(make()))
        os.replace(part, path)
    found: Made = pickle.loads(path.read_bytes())
    return found
