"""What a killed server leaves goes when the next one starts, and nothing else does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

pytest.importorskip("filelock")

from ropescope.app.web.private_folder import PREFIX, private_folder

HELD = """
import sys, time
from ropescope.app.web.private_folder import private_folder
with private_folder() as folder:
    (folder / "upload").write_text("x")
    print(folder, flush=True)
    time.sleep(60)
"""


def aged(folder: Path) -> Path:
    """`folder`, whose lock was made an hour ago."""
    os.utime(folder / "lock", (time.time() - 3600,) * 2)
    return folder


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_the_folder_of_a_killed_server_is_removed_and_that_of_a_running_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    process = subprocess.Popen([sys.executable, "-c", HELD], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        theirs = aged(Path(process.stdout.readline().strip()))
        with private_folder() as mine:
            assert mine.parent == theirs.parent == tmp_path and mine.stat().st_mode & 0o077 == 0
            assert (theirs / "upload").is_file()
        assert not mine.exists()
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (theirs / "upload").is_file()
        with private_folder():
            assert not theirs.exists()
    finally:
        process.kill()
        process.stdout.close()  # type: ignore[union-attr]


def test_what_may_be_another_thing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    precious = tmp_path / "precious"
    for folder in (precious, tmp_path / f"{PREFIX}new", tmp_path / f"{PREFIX}old", tmp_path / "other-old"):
        folder.mkdir()
        (folder / "lock").touch()
    for folder in (precious, tmp_path / f"{PREFIX}old", tmp_path / "other-old"):
        aged(folder)
    (tmp_path / f"{PREFIX}link").symlink_to(precious)
    (tmp_path / f"{PREFIX}without").mkdir()
    (tmp_path / f"{PREFIX}file").touch()
    if hasattr(os, "getuid"):
        own = os.getuid()
        monkeypatch.setattr("os.getuid", lambda: own + 1)
        with private_folder():
            assert (tmp_path / f"{PREFIX}old").exists(), "of another user"
        monkeypatch.setattr("os.getuid", lambda: own)
    with private_folder():
        left = {path.name.removeprefix(PREFIX) for path in tmp_path.iterdir()}
    assert left >= {"precious", "new", "other-old", "link", "without", "file"} and "old" not in left
    assert (precious / "lock").is_file()
