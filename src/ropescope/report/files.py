"""Files are written whole or not at all: what was there before stays until the new one is complete."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ropescope.errors import ReportError
from ropescope.questions.names import cut


@contextlib.contextmanager
def draft_of(path: str | Path) -> Iterator[Path]:
    """The path of a draft to write in the `with` block: it takes the place of `path` when the block ends, and is gone if
    the block fails. A device or a pipe (/dev/null, /dev/stdout, a FIFO) is not replaced: what the draft holds is written into it.
    An OSError is the caller's to word."""
    if _is_stream(Path(path)):
        with tempfile.TemporaryDirectory() as folder:
            draft = Path(folder) / "draft"
            yield draft
            with draft.open("rb") as made, open(path, "wb") as stream:
                shutil.copyfileobj(made, stream)
        return
    # A link is followed, so that the file it names is replaced and not the link. The name is short and in the same
    # folder: a rename is atomic within one file system only, and a long name plus a suffix may pass its limit.
    target = Path(os.path.realpath(path))
    draft = target.parent / f".ropescope-{secrets.token_hex(6)}.tmp"
    try:
        yield draft
        os.replace(draft, target)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def write_whole(path: str | Path, content: str | bytes) -> Path:
    """Write `content` (text as UTF-8) to `path` in one step, and return the path.

    Raises ReportError in a sentence if the folder is missing, is not writable, or the disk is full; a file that was at
    `path` is then unchanged.
    """
    path = Path(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        with (
            draft_of(path) as draft,
            open(draft, "xb") as file,
        ):  # unlike mkstemp, this obeys the umask: others can read it
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ReportError(_sentence(path, error)) from error
    return path


def require_writable(paths: Iterable[Path]) -> None:
    """Raise ReportError now for a path that could not be written at the end of long work, or is there twice."""
    seen: set[str] = set()
    for path in paths:
        try:
            stream = _is_stream(path)
        except OSError as error:  # a name too long, a circle of links, a folder that may not be entered
            raise ReportError(
                f"{cut(str(path))} cannot be written ({error.strerror or error}): name another file."
            ) from error
        if stream:
            if not os.access(path, os.W_OK):
                raise ReportError(f"{path} cannot be written ({os.strerror(errno.EACCES)}): choose a file.")
            continue
        real = os.path.realpath(path)
        if real in seen:
            raise ReportError(
                f"{path} is named for two results, and the second would replace the first: name another file."
            )
        seen.add(real)
        folder = path.parent
        if not folder.is_dir():
            raise ReportError(f"{folder} is no folder, so {path.name} cannot be written there: create it first.")
        if path.is_dir():
            raise ReportError(f"{path} is a folder: give a file name in it.")
        if not os.access(folder, os.W_OK):
            raise ReportError(f"{path} cannot be written ({os.strerror(errno.EACCES)}): choose another folder.")


def _is_stream(path: Path) -> bool:
    """Whether something is there that is neither a file nor a folder. A link is followed. Raises OSError."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _sentence(path: Path, error: OSError) -> str:
    if not os.path.isdir(path.parent):
        return f"Cannot write {path}: the folder {path.parent} does not exist. Create it, or name another."
    if path.is_dir():
        return f"Cannot write {path}: it is a folder. Name a file in it."
    return f"Cannot write {path}: {error.strerror or error}. What was there before is unchanged."
