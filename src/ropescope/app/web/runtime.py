"""Python for the browser: the files of Pyodide, and one archive with ropescope and the two packages that it needs there.

Nothing of Pyodide is executed here: five files are taken out of its npm package, whose SHA-512 is checked.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib.util
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ropescope.cache_home import cache_home
from ropescope.errors import FormatError, SourceError
from ropescope.report.files import write_whole

VERSION: Final = "314.0.7"
PACKAGE: Final = f"pyodide-{VERSION}.tgz"
ADDRESS: Final = f"https://registry.npmjs.org/pyodide/-/{PACKAGE}"
INTEGRITY: Final = "0YvXxEhfEdpLfb/XkM2BFAeMROq0iMUX2bzzH9pOttyMcWkwq+HbE5uyuGD82LN7y2q+SNvi/6V5JEsOlD2R1A=="
"""The SHA-512 of the package, as npm writes it."""

LOCK: Final = "pyodide-lock.json"
MEMBERS: Final = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", LOCK)
MOST_BYTES: Final = 64 << 20
SECONDS: Final = 60
PACKAGES: Final = ("jinja2", "markupsafe")


def pyodide(package: Path | None = None, *, fetch: bool = True) -> dict[str, bytes]:
    """The files of Pyodide by name: from `package`, an npm package that was fetched before, from the cache, or from the
    npm registry. Raises SourceError, with what to do by hand, where it cannot be had, and FormatError for another package."""
    cached = cache_home() / "web" / PACKAGE
    if package is not None:
        return _members(_read(package), str(package))
    if cached.is_file():
        return _members(_read(cached), str(cached))
    if not fetch:
        raise SourceError(f"Pyodide is not on this machine: fetch {ADDRESS} and give its path as `pyodide`.")
    raw = _fetched()
    found = _members(raw, ADDRESS)
    cached.parent.mkdir(parents=True, exist_ok=True)
    write_whole(cached, raw)
    return found


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES)
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read ({error.strerror or error}): give the npm package {PACKAGE} as `pyodide`."
        ) from error


def _fetched() -> bytes:
    from urllib.request import urlopen

    try:
        with urlopen(ADDRESS, timeout=SECONDS) as answer:
            raw: bytes = answer.read(MOST_BYTES)
    except OSError as error:
        raise SourceError(
            f"Pyodide cannot be fetched ({getattr(error, 'reason', error)}): fetch {ADDRESS} by hand and give its path as "
            "`pyodide`."
        ) from error
    return raw


def _members(raw: bytes, where: str) -> dict[str, bytes]:
    if base64.b64encode(hashlib.sha512(raw).digest()).decode() != INTEGRITY:
        raise FormatError(
            f"{where} is not the npm package pyodide {VERSION}: its SHA-512 differs. Fetch {ADDRESS} again."
        )
    found = {}
    with tarfile.open(fileobj=io.BytesIO(raw), mode="r:gz") as archive:
        for name in MEMBERS:
            member = archive.extractfile(f"package/{name}")
            assert member is not None  # the hash says what is in it
            found[name] = member.read()
    # No package of Pyodide's is loaded: its list of them, 119 kB, stays behind.
    found[LOCK] = json.dumps({"info": json.loads(found[LOCK])["info"], "packages": {}}).encode()
    return found


def sources() -> bytes:
    """ropescope, jinja2 and markupsafe as one .tgz: the same bytes for the same files. Raises SourceError for a package that
    is not installed as files."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, path in _files():
            data = path.read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(raw.getvalue(), 9, mtime=0)


def _files() -> Iterator[tuple[str, Path]]:
    for package in ("ropescope", *PACKAGES):
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None or not (folder := Path(spec.origin).parent).is_dir():
            raise SourceError(f"{package} is not installed as files: install it with pip, not as one archive.")
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and _wanted(package, name, path.suffix):
                yield f"{package}/{name}", path


def _wanted(package: str, name: str, suffix: str) -> bool:
    if package != "ropescope":
        return suffix == ".py"
    return suffix not in (".pyc", ".pyi", ".so", ".pyd") and not name.startswith("app/web/page/")
