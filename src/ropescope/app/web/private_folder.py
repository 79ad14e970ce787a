"""The private folder of the server, for uploads and results. It ends with the server; the next one removes that of a killed one."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

PREFIX: Final = "ropescope-web-"
_LOCK: Final = "lock"
_NEW_SECONDS: Final = 60.0
"""A younger folder may be of a server that has not taken its lock yet."""


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder that only this user may enter, locked until the block ends and then removed."""
    _remove_left_over(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as made:
        lock = FileLock(Path(made, _LOCK))
        with suppress(Timeout, OSError, NotImplementedError):  # a file system without locks: nobody removes it then
            lock.acquire(timeout=0)
        try:
            yield Path(made)
        finally:
            lock.release()


def _remove_left_over(above: Path) -> None:
    """Remove the folders of servers that are gone: of this user, no links, with a lock that nobody holds."""
    with suppress(OSError):
        for folder in above.glob(f"{PREFIX}*"):
            with suppress(OSError, NotImplementedError):
                _remove_unless_held(folder)


def _remove_unless_held(folder: Path) -> None:
    found, lock = folder.lstat(), folder / _LOCK
    mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    if not (stat.S_ISDIR(found.st_mode) and mine and stat.S_ISREG(lock.lstat().st_mode)):
        return
    if time.time() - lock.lstat().st_mtime < _NEW_SECONDS:
        return
    held = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout:
        return
    try:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        held.release()
