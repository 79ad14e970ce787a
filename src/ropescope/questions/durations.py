"""Durations as people write them: 90s, 5m, 1h, 1d; a bare number is seconds."""

from __future__ import annotations

import re
from typing import Any, Final

from ropescope.questions.kind import Kind, wrong

UNITS: Final = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_WRITTEN: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*([a-z]*)")
_MOST_SECONDS: Final = 366 * 86_400


class Duration(Kind):
    """A time from 0 s to a year, in seconds."""

    metavar: str = "TIME"

    @property
    def words(self) -> str:
        """How durations are written."""
        return "a time such as 90s, 5m or 1h"

    def read(self, name: str, text: str) -> float:
        """The seconds. Raises InputError."""
        found = _WRITTEN.fullmatch(text.strip().lower())
        if found is None or found[2] not in UNITS:
            raise wrong(name, text, self.words)
        return self.accept(name, float(found[1]) * UNITS[found[2]])

    def accept(self, name: str, value: Any) -> float:
        """The seconds of a number, or of text as a person writes it. Raises InputError."""
        if isinstance(value, str):
            return self.read(name, value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST_SECONDS:
            raise wrong(name, value, f"{self.words}, from 0 to a year")
        return float(value)

    def write(self, value: Any) -> str:
        """The seconds in their largest whole unit."""
        return written(value).replace(" ", "").replace("min", "m")

    def schema(self) -> dict[str, Any]:
        """Seconds, or text such as 5m."""
        return {"anyOf": [{"type": "number", "minimum": 0, "maximum": _MOST_SECONDS}, {"type": "string"}]}


def written(seconds: float) -> str:
    """`90 s`, `5 min`, `1 h`: a duration in its largest whole unit."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:,.6g} s"
