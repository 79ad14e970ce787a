"""What came of work that was carried out here or elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from ropescope.errors import MeasurementError
from ropescope.report.report import Report

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Done(Generic[Value]):
    """What a function gave. lost: the pieces that were given up, since every worker that began one was killed."""

    value: Value
    lost: tuple[str, ...] = ()

    def told(self, report: Report) -> Report:
        """The report, with a caveat for pieces that were given up."""
        if not self.lost:
            return report
        names = ", ".join(sorted(piece.rpartition("/")[2] for piece in self.lost))
        caveat = (
            f"Given up, since every worker that began them was killed (most likely for lack of memory): {names}. "
            "`resume` tries them again."
        )
        return replace(report, caveats=(*report.caveats, caveat))


def interrupted() -> MeasurementError:
    """What is said when work on a cluster was interrupted."""
    return MeasurementError(
        "Interrupted. The pieces that were finished are kept: the same command with `resume` goes on from there."
    )
