"""Files that are named at the beginning of long work and written at its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from ropescope.errors import ReportError
from ropescope.report.files import require_writable


def test_unwritable_places_are_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"absent is no folder"):
        require_writable((tmp_path / "absent" / "p.parquet",))
    with pytest.raises(ReportError, match="is a folder"):
        require_writable((tmp_path,))
    require_writable((tmp_path / "p.parquet",))
    assert not list(tmp_path.iterdir())
