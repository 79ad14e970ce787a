"""One hash for the weights of a folder, of a GGUF file or of an adapter: the same files have the same, wherever they lie.

Large files are read once: their hash is kept by path, size and times in `hashes` of the cache folder, which may be deleted.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ropescope.cache_home import cache_home
from ropescope.errors import SourceError
from ropescope.models.adapter import CONFIG, WEIGHTS
from ropescope.models.gguf_names import parts_of
from ropescope.models.kept_files import sha256_file

LARGE_BYTES: Final = 64 << 20
"""A file of this size is read in a tenth of a second; smaller ones are read each time."""


def weights_sha256(digests: Mapping[str, str]) -> str:
    """One hash for weight files: of each name and its SHA-256 (hex), in the order of the names."""
    whole = hashlib.sha256()
    for name, digest in sorted(digests.items()):
        whole.update(name.encode() + bytes.fromhex(digest))
    return whole.hexdigest()


def folder_sha256(folder: Path, *, most_bytes: int | None = None) -> str | None:
    """The hash of the safetensors files of a folder. With `most_bytes`, None where more than that would have to be read.

    Raises SourceError for a file that cannot be read, as a link to none.
    """
    digests = _digests(sorted(folder.glob("*.safetensors")), most_bytes)
    return None if digests is None else weights_sha256(digests)


def gguf_sha256(path: Path, *, most_bytes: int | None = None) -> str | None:
    """The SHA-256 of a GGUF file; of a split one, a hash of all its parts. `most_bytes` and errors as in `folder_sha256`."""
    digests = _digests([path.with_name(name) for name in parts_of(path.name)], most_bytes)
    if digests is None:
        return None
    return weights_sha256(digests) if len(digests) > 1 else digests[path.name]


def adapter_sha256(folder: Path) -> str:
    """The hash of an adapter's config and weights, which is a hash of theirs. Raises SourceError for a file that cannot be read."""
    both = "".join(sha256_file(folder / name) for name in (CONFIG, WEIGHTS))
    return hashlib.sha256(bytes.fromhex(both)).hexdigest()


def _digests(files: Sequence[Path], most_bytes: int | None) -> dict[str, str] | None:
    """File name → SHA-256; None where more than `most_bytes` would have to be read."""
    kept = {path: _kept(path) for path in files}
    unread = sum(_stamp(path)["size"] for path, digest in kept.items() if digest is None)
    if most_bytes is not None and unread > most_bytes:
        return None
    return {path.name: digest or _read(path) for path, digest in kept.items()}


def _read(path: Path) -> str:
    digest = sha256_file(path)
    with contextlib.suppress(OSError):
        stamp = _stamp(path)
        if stamp["size"] >= LARGE_BYTES:
            place = _place(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            part = place.with_suffix(f".{os.getpid()}.part")
            part.write_text(json.dumps({**stamp, "sha256": digest}))
            os.replace(part, place)
    return digest


def _kept(path: Path) -> str | None:
    try:
        found = json.loads(_place(path).read_text())
        digest, stamp = str(found.pop("sha256")), _stamp(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return digest if found == stamp and len(digest) == 64 else None


def _stamp(path: Path) -> dict[str, int]:
    """What changes with the content of a file: a write sets the time of change, which no program sets back."""
    try:
        state = path.stat()
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror or error}): check the path.") from error
    return {"size": state.st_size, "mtime": state.st_mtime_ns, "ctime": state.st_ctime_ns, "inode": state.st_ino}


def _place(path: Path) -> Path:
    name = hashlib.sha256(os.path.realpath(path).encode(errors="surrogateescape")).hexdigest()[:32]
    return cache_home() / "hashes" / f"{name}.json"
