"""Wording: estimates as they stand in a sentence and in a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ropescope.report.report import Column, Scalar

if TYPE_CHECKING:
    from ropescope.measure.estimates import Estimate


def spoken(estimate: Estimate, decimals: int = 3) -> str:
    """`0.892 (95 % 0.863 to 0.920)`; a dash where there is no number."""
    if estimate.value is None:
        return "–"
    # Rounded first, so that no end reads −0.000.
    value, *ends = (f"{round(end, decimals) + 0.0:.{decimals}f}" for end in (estimate.value, *(estimate.ci or ())))
    return f"{value} (95 % {ends[0]} to {ends[1]})" if ends else value


def estimate_columns(name: str, unit: str = "", decimals: int = 3) -> tuple[Column, Column, Column]:
    """Columns for an estimate and the ends of its interval; `estimate_cells` fills them."""
    spec = f".{decimals}f"
    return Column(name, unit, spec), Column("from", unit, spec), Column("to", unit, spec)


def estimate_cells(estimate: Estimate) -> tuple[Scalar, Scalar, Scalar]:
    """The value and the ends of its 95 % interval."""
    low, high = estimate.ci if estimate.ci is not None else (None, None)
    return estimate.value, low, high


def plain(estimate: Estimate) -> dict[str, object]:
    """The estimate for JSON."""
    return {"value": estimate.value, "se": estimate.se, "ci": None if estimate.ci is None else list(estimate.ci)}
