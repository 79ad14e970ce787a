"""A reader of our output who leaves costs nothing: no traceback, no file, no exit status."""

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ropescope.app.start import main

FORMULA = ("compute", "compression_window", "gamma=0.75", "n_tokens=2k")


@pytest.fixture(params=["buffered", "python -u"])
def left(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Standard output and error go to pipes that nobody reads."""
    for name in ("stdout", "stderr"):
        reader, writer = os.pipe()
        os.close(reader)
        raw = io.FileIO(writer, "wb")
        buffered = request.param == "buffered"
        stream = io.TextIOWrapper(io.BufferedWriter(raw) if buffered else raw, "utf-8", write_through=not buffered)
        monkeypatch.setattr(sys, name, stream)
    yield
    monkeypatch.undo()


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["ropescope", *arguments])
    with pytest.raises(SystemExit) as done:
        main()
    sys.stdout.flush()
    sys.stderr.flush()
    return int(done.value.code or 0)


@pytest.mark.usefixtures("left")
def test_a_reader_who_leaves_costs_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert run(monkeypatch, *FORMULA, "--html", str(tmp_path / "page.html")) == 0
    assert "compression_window" in (tmp_path / "page.html").read_text()


@pytest.mark.usefixtures("left")
@pytest.mark.parametrize(("arguments", "status"), [(["--help"], 0), (["formulas"], 0), (["compute", "no-such"], 2)])
def test_the_exit_status_is_that_of_the_work(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], status: int
) -> None:
    assert run(monkeypatch, *arguments) == status


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(io.FileIO("/dev/full", "w"))))
    monkeypatch.setattr(sys, "argv", ["ropescope", *FORMULA])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert capfd.readouterr().err == "error: Standard output cannot be written (no space left on the device).\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--html", "missing/page.html"], "is no folder"),
        (["--html", "."], "is a folder"),
        (["--html", ""], "--html must be a path"),
    ],
)
def test_a_file_that_cannot_be_written_is_told_before_any_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["ropescope", "fit", "/no/model/is/read", "--gpu", "4090", *arguments])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert sentence in capsys.readouterr().err
