"""Files that are named at the beginning of long work and written at its end."""

from __future__ import annotations

import os
import stat
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


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_or_a_device_is_not_replaced(tmp_path: Path) -> None:
    # Renaming a draft to /dev/null as root would leave the machine without that device.
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(ReportError, match="a device or a pipe, which a file would replace"):
            require_writable((path,))
        with pytest.raises(ReportError, match="a device or a pipe"):
            write_whole(path, "text")
    assert stat.S_ISFIFO(pipe.stat().st_mode) and sorted(found.name for found in tmp_path.iterdir()) == ["link", "pipe"]
