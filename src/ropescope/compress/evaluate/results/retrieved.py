"""How many planted facts were found, summed over depths and lengths, with Wilson's intervals."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ropescope.compress.evaluate.results.result import Retrieval, TradeoffResult
from ropescope.quality.intervals import Interval, wilson

WHOLE = "whole cache"


def shares(cells: list[Retrieval]) -> Interval:
    """The share of questions answered rightly in all of these cells."""
    return wilson(sum(cell.right for cell in cells), sum(cell.trials for cell in cells))


def grouped(result: TradeoffResult, *names: str) -> dict[tuple[Any, ...], list[Retrieval]]:
    """The cells by the values of these fields, in the order they come."""
    found: dict[tuple[Any, ...], list[Retrieval]] = defaultdict(list)
    for cell in result.retrieval:
        found[tuple(getattr(cell, name) for name in names)].append(cell)
    return dict(found)


def found_by_budget(result: TradeoffResult) -> list[dict[str, Any]]:
    """Rows for a picture: task, asked, method, held (the budget), share with its bounds."""
    rows = []
    methods = [None, *result.methods]
    step = (result.budgets[-1] - result.budgets[0] or 0.1) / 80
    for (task, asked, method, budget), cells in grouped(result, "task", "asked", "method", "budget").items():
        share = shares(cells)
        rows.append(
            {
                "task": task,
                "asked": f"asked {asked} the cut",
                "method": method or WHOLE,
                "held": budget,
                "at": budget + step * (methods.index(method) - len(methods) / 2),
                "share": share.value,
                "low": share.low,
                "high": share.high,
            }
        )
    return rows
