"""Where files are kept, how large that is and what is free; what is set for the Hub. No value of a token is read out."""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ropescope.cache_home import cache_home
from ropescope.local_files import expanded

MOST_SECONDS: Final = 3.0
"""How long one folder is counted."""
HUB_VARIABLES: Final = (
    "HF_ENDPOINT",
    "HF_HUB_OFFLINE",
    "TRANSFORMERS_OFFLINE",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN",
    "HF_HOME",
    "HF_HUB_CACHE",
    "ROPESCOPE_HOME",
)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of files that were fetched. whole: whether all of it was counted. free_bytes: of its disk."""

    what: str
    path: Path
    n_bytes: int
    whole: bool
    free_bytes: int | None
    writable: bool


def folders() -> tuple[Folder, ...]:
    """The caches of ropescope and of the Hub."""
    return _folder("ropescope", cache_home()), _folder("models of the Hub", hub_cache())


def _hub_home() -> Path:
    return expanded(
        os.environ.get("HF_HOME") or str(Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface"))
    )


def hub_cache() -> Path:
    """Where huggingface-hub keeps models."""
    found = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return expanded(found) if found else _hub_home() / "hub"


def token_path() -> Path:
    """Where huggingface-hub keeps the token."""
    return expanded(os.environ.get("HF_TOKEN_PATH") or str(_hub_home() / "token"))


def token_from() -> str:
    """Where the Hub's token comes from: a variable or a file; "" where there is none."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if os.environ.get(name, "").strip():
            return name
    path = token_path()
    try:
        return str(path) if path.stat().st_size > 0 else ""
    except OSError:
        return ""


def settings() -> Mapping[str, str]:
    """The variables that change where files come from and go to, without the password that an address may have."""
    found = {name: value for name in HUB_VARIABLES if (value := os.environ.get(name))}
    return {name: re.sub(r"//[^/@]*@", "//…@", value) for name, value in found.items()}


def _folder(what: str, path: Path) -> Folder:
    there, possible = _nearest(path)
    try:
        free: int | None = shutil.disk_usage(there).free
    except OSError:
        free = None
    n_bytes, whole = _size(path)
    return Folder(what, path, n_bytes, whole, free, possible and os.access(there, os.W_OK))


def _nearest(path: Path) -> tuple[Path, bool]:
    """(the folder that is there and nearest to `path`, whether `path` is a folder or can be made one)."""
    possible = True
    for one in (path, *path.absolute().parents):
        try:
            if stat.S_ISDIR(one.stat().st_mode):
                return one, possible
            possible = False  # a file stands there
        except FileNotFoundError:
            continue
        except OSError:  # a name too long, a file among the parents, or a folder that may not be entered
            possible = False
    return Path("/"), possible


def _size(path: Path) -> tuple[int, bool]:
    """(the bytes of the files in a folder, whether all were counted). A file that several names share counts once."""
    until, total, seen = time.monotonic() + MOST_SECONDS, 0, set()
    for at, _, files in os.walk(path):
        for name in files:
            try:
                found = os.lstat(os.path.join(at, name))
            except OSError:
                continue
            if (found.st_dev, found.st_ino) not in seen or not found.st_ino:
                seen.add((found.st_dev, found.st_ino))
                total += found.st_size
        if time.monotonic() > until:
            return total, False
    return total, True
