"""What was learnt of Hub repositories, kept by commit: their files, their licence, and the headers of large files.

A commit never changes, so nothing here goes stale; only which commit a branch means does, and that is asked anew while
the Hub can be reached. It lies in `$ROPESCOPE_HOME/headers`, else `ropescope/headers` in the user's cache folder, and may
be deleted at any time. A folder that cannot be written costs the next process its speed and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ropescope.models.kept_files import cache_folder

COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SIZE_BYTES: Final = 8
_unwritten: dict[Path, bytes] = {}
"""What could not be written, for as long as this process runs."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at a commit: the names of its files, and its licence as its card states it."""

    files: tuple[str, ...]
    licence: str | None = None


def keep_repository(repo_id: str, revision: str | None, commit: str, found: Repository) -> None:
    """Remember a repository at `commit`, and that `revision` meant this commit."""
    text = json.dumps({"files": found.files, "licence": found.licence})
    _write(_place(repo_id, commit, "repository"), text.encode())
    _write(_place(repo_id, "refs", revision or ""), commit.encode())


def repository(repo_id: str, commit: str) -> Repository | None:
    """What is remembered of a repository at a commit."""
    raw = _read(_place(repo_id, commit, "repository"))
    try:
        found = json.loads(raw or b"null")
        return None if found is None else Repository(tuple(map(str, found["files"])), found["licence"])
    except (ValueError, KeyError, TypeError):  # a damaged record is none
        return None


def commit_of(repo_id: str, revision: str | None) -> str | None:
    """The commit that `revision` meant when it was last asked for; None where the repository is not remembered."""
    commit = (_read(_place(repo_id, "refs", revision or "")) or b"").decode("ascii", "replace")
    return commit if COMMIT.fullmatch(commit) and repository(repo_id, commit) else None


def keep_beginning(repo_id: str, commit: str, name: str, size: int, data: bytes) -> None:
    """Remember the first bytes of a file of `size` bytes."""
    _write(_place(repo_id, commit, f"file {name}"), size.to_bytes(_SIZE_BYTES, "little") + data)


def beginning(repo_id: str, commit: str, name: str) -> tuple[int, bytes] | None:
    """(the size of a file, its first bytes) as remembered."""
    raw = _read(_place(repo_id, commit, f"file {name}"))
    if raw is None or len(raw) < _SIZE_BYTES:
        return None
    return int.from_bytes(raw[:_SIZE_BYTES], "little"), raw[_SIZE_BYTES:]


def _place(repo_id: str, commit: str, what: str) -> Path:
    # Names from a repository never become names on this disk.
    name = hashlib.sha256(what.encode()).hexdigest()[:32]
    return cache_folder().parent / "headers" / repo_id.replace("/", "--") / commit / name


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return _unwritten.get(path)


def _write(path: Path, data: bytes) -> None:
    part = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(prefix=path.name, dir=path.parent)
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
        os.replace(part, path)
    except OSError:
        _unwritten[path] = data
        with contextlib.suppress(OSError):
            os.unlink(part)
