"""Files that are named at the beginning of long work and written at its end."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from ropescope.errors import ReportError
from ropescope.report.files import require_writable, write_whole


def test_unwritable_places_are_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"absent is no folder"):
        require_writable((tmp_path / "absent" / "p.parquet",))
    with pytest.raises(ReportError, match="is a folder"):
        require_writable((tmp_path,))
    require_writable((tmp_path / "p.parquet",))
    assert not list(tmp_path.iterdir())


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    """As /dev/null and /dev/stdout do: a rename would put a file in their place, where a program runs as root."""
    pipe, found = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: found.append(pipe.read_text()))
    reader.start()
    require_writable((pipe,))
    assert write_whole(pipe, "whole") == pipe
    reader.join()
    assert found == ["whole"] and pipe.is_fifo() and list(tmp_path.iterdir()) == [pipe]
    null = Path(os.devnull)
    require_writable((null, null))
    write_whole(null, "nothing")
    assert null.is_char_device()


@pytest.mark.parametrize("name", ["n" * 300 + ".json", "circle/a.json", "circle"])
def test_a_path_that_the_system_refuses_is_told_before_any_work(tmp_path: Path, name: str) -> None:
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(ReportError, match="cannot be written"):
        require_writable([tmp_path / name])
