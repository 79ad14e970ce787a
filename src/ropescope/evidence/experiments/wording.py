"""Wording: estimates as they stand in a sentence and in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ropescope.measure.estimates import Estimate


def spoken(estimate: Estimate, decimals: int = 3) -> str:
    """`0.892 (95 % 0.863 to 0.920)`; a dash where there is no number."""
    if estimate.value is None:
        return "–"
    # Rounded first, so that no end reads −0.000.
    value, *ends = (f"{round(end, decimals) + 0.0:.{decimals}f}" for end in (estimate.value, *(estimate.ci or ())))
    return f"{value} (95 % {ends[0]} to {ends[1]})" if ends else value


def plain(estimate: Estimate) -> dict[str, object]:
    """The estimate for JSON."""
    return {"value": estimate.value, "se": estimate.se, "ci": None if estimate.ci is None else list(estimate.ci)}
