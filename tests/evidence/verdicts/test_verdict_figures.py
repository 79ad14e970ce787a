"""The scatter: every group and line is named once, and parameter counts read as people write them."""

import pytest

from ropescope.evidence.verdicts.figures import Points, scatter_figure
from ropescope.report.figure import svg


def test_every_group_and_line_is_named_once():
    pytest.importorskip("vl_convert")
    groups = (Points("left ones", (1e7, 1e8), (0.1, 0.2), ("a", "b")), Points("right ones", (2e9,), (0.3,)))
    drawn = svg(scatter_figure("s", "T", "size", "y", groups, (Points("law", (1e7, 2e9), (0.1, 0.3)),), x_log=True))
    assert [drawn.count(f">{name}<") for name in ("left ones", "right ones", "law")] == [1, 1, 1]
    assert all(f">{tick}<" in drawn for tick in ("10M", "100M", "1B")) and ">10B<" not in drawn
