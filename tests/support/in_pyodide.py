"""ropescope in Pyodide under Node, and the same sources in CPython without any other package: what both answer."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import ropescope.app.web
from ropescope.app.web.runtime import pyodide, sources
from ropescope.errors import SourceError

PAGE = Path(ropescope.app.web.__file__).parent / "page"
SCRIPT = Path(__file__).with_suffix(".mjs")
IN_CPYTHON = """
import json, sys
sys.path.insert(0, sys.argv[1])
from ropescope.app.web.in_browser import answer
print(json.dumps([json.loads(answer(json.dumps(one), lambda *said: None, None)) for one in json.load(sys.stdin)]))
"""


def runtime() -> dict[str, bytes]:
    """The files of Pyodide, fetched once; skips where they cannot be had."""
    try:
        return pyodide()
    except SourceError as error:
        pytest.skip(str(error))


def asked_in_pyodide(asked: Sequence[dict[str, Any]], folder: Path, work: Path) -> list[dict[str, Any]]:
    """What Pyodide answers, where `folder` lies under its own path; skips without Node and without Pyodide."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("No node: apt-get install nodejs")
    for name, data in runtime().items():
        (work / name).write_bytes(data)
    (work / "python.tgz").write_bytes(sources())
    told = {
        "module": str(work), "python": str(PAGE / "python.js"), "archive": str(work / "python.tgz"),
        "folder": str(folder), "asked": asked, "out": str(work / "answers.json"),
    }  # fmt: skip
    done = subprocess.run([node, SCRIPT], input=json.dumps(told), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    answers: list[dict[str, Any]] = json.loads((work / "answers.json").read_text())
    return answers


def asked_in_cpython(asked: Sequence[dict[str, Any]], work: Path) -> list[dict[str, Any]]:
    """What CPython answers with the files of the archive and its own standard library."""
    with tarfile.open(work / "python.tgz") as archive:
        archive.extractall(work / "sources", filter="data")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", IN_CPYTHON, str(work / "sources")],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def differences(one: Any, other: Any, tolerance: float = 1e-14, at: str = "") -> Iterator[str]:
    """Where two JSON values differ: texts that are numbers, and numbers, by more than the tolerance; the rest at all."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from differences(one[key], other[key], tolerance, f"{at}/{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            yield from differences(a, b, tolerance, f"{at}/{i}")
    elif one != other and not _near(one, other, tolerance):
        yield f"{at}: {one!r:.300} and {other!r:.300}"


def _near(one: Any, other: Any, tolerance: float) -> bool:
    try:
        a, b = float(one), float(other)
    except (TypeError, ValueError):
        return False
    return abs(a - b) <= tolerance * max(abs(a), abs(b))
