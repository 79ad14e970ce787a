"""What data tell of themselves: in a notebook as a report of their main facts, elsewhere in one line."""

from __future__ import annotations

from typing import Any

from ropescope.report.report import Report
from ropescope.report.text import plain


class Described:
    """Data that show themselves by a report. Their dataclass is made with `repr=False`."""

    __slots__ = ()

    def described(self) -> Report:
        """The main facts."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return plain(f"<{type(self).__name__}: {self.described().verdict}>")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from ropescope.report.notebook import report_bundle

        return report_bundle(self.described())
