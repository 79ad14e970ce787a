"""A logarithmic axis of a plot."""

from __future__ import annotations

from typing import Any


def log_axis(
    field: str, title: str, domain: list[float], values: list[float] | None = None, base: int = 10
) -> dict[str, Any]:
    """A quantitative channel on a logarithmic scale, clipped to `domain`, with labels at `values` if given."""
    axis: dict[str, Any] = {"format": "~s", "grid": values is not None}
    if values is not None:
        axis.update(values=values, format=",~g" if max(values) <= 10_000 else "~s")
    elif base == 10:
        axis["tickCount"] = 5
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": {
            "type": "log",
            "domain": domain,
            "nice": False,
            "clamp": True,
            **({} if base == 10 else {"base": base}),
        },
        "axis": axis,
    }
