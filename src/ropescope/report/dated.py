"""Whether a published figure is old: prices, scores and rules change, so a figure says when it was taken."""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from typing import Final

FRESH_DAYS: Final = 180


def dated(taken: str, today: date | None = None) -> str:
    """ "dated" for a figure that was taken more than `FRESH_DAYS` before `today` (default: the machine's date), else "".

    `taken` is YYYY-MM-DD, or YYYY-MM, which counts from the end of that month. Raises ValueError for anything else.
    """
    year, month, *day = (int(part) for part in taken.split("-"))
    then = date(year, month, *day) if day else date(year, month, monthrange(year, month)[1])
    return "dated" if ((today or date.today()) - then).days > FRESH_DAYS else ""
