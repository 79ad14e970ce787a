"""A figure is dated from the 181st day on."""

from __future__ import annotations

from datetime import date

import pytest

from ropescope.report.dated import dated


def test_a_figure_is_dated_after_180_days() -> None:
    # 2026-01-01 + 180 days = 2026-06-30.
    assert dated("2026-01-01", date(2026, 6, 30)) == ""
    assert dated("2026-01-01", date(2026, 7, 1)) == "dated"


def test_a_month_counts_from_its_end() -> None:
    # 2024-02-29 + 180 days = 2024-08-27.
    assert dated("2024-02", date(2024, 8, 27)) == ""
    assert dated("2024-02", date(2024, 8, 28)) == "dated"


@pytest.mark.parametrize("wrong", ["", "2026", "spring", "2026-13", "2026-02-30"])
def test_what_is_no_date_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError):
        dated(wrong)
