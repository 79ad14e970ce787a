"""Sweeps over cache budgets that were measured for ropescope: how much loss each method adds, text by text.

Unlike the other tables these figures are not published ones. `benchmarks/cache_sweeps.py` writes them from the results of
`benchmarks/compress_tradeoff.py`, and says in the file what was run.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ropescope.evidence.cells import Kind, shipped_rows
from ropescope.quality.knee import knee

COLUMNS: dict[str, Kind] = {
    "model": "text",
    "length": "whole",
    "kind": "text",
    "text": "text",
    "loss": "number",
    "method": "text",
    "budgets": "numbers",
    "added": "numbers",
}
NAME_COLUMNS: dict[str, Kind] = {
    "model": "text",
    "length": "whole",
    "gamma": "number",
    "gamma_error": "number",
    "planned": "number",
    "planned_low": "number",
    "planned_high": "number",
    "naming_texts": "whole",
}
LIMIT = 0.01
"""The added loss that is looked for, as a share of the loss with the whole cache."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sweep:
    """One method on one model and length. losses: [texts] nats a token with the whole cache; added: [texts, budgets]."""

    model: str
    length: int
    method: str
    texts: tuple[str, ...]
    losses: Array
    budgets: Array
    added: Array

    def knee(self, rows: NDArray[np.int64] | None = None) -> float:
        """The smallest budget that adds no more than LIMIT, over these texts."""
        chosen = np.arange(len(self.losses)) if rows is None else rows
        return knee(self.budgets, self.added[chosen].mean(axis=0), LIMIT * float(self.losses[chosen].mean()))


@cache
def named_budgets() -> tuple[dict[str, Any], ...]:
    """For each model and length, the measured γ (with its standard error), and the budget that a plan named for LIMIT by
    scoring other text, with its 95 % interval."""
    return shipped_rows(NAME_COLUMNS, "cache_names")


@cache
def cache_sweeps() -> tuple[Sweep, ...]:
    """Every sweep, in the order of the file."""
    rows = shipped_rows(COLUMNS, "cache_sweeps")
    keys = list(dict.fromkeys((row["model"], row["length"], row["method"]) for row in rows))
    return tuple(_sweep([row for row in rows if (row["model"], row["length"], row["method"]) == key]) for key in keys)


def _sweep(rows: list[dict[str, Any]]) -> Sweep:
    first = rows[0]
    return Sweep(
        model=first["model"],
        length=first["length"],
        method=first["method"],
        texts=tuple(f"{row['kind']} {row['text']}" for row in rows),
        losses=np.array([row["loss"] for row in rows]),
        budgets=np.array(first["budgets"]),
        added=np.array([row["added"] for row in rows]),
    )
