"""Losses within and beyond the trained length under ways of scaling, and γ at each base, measured for ropescope.

Unlike the other tables these figures are not published ones. `benchmarks/extension_tables.py` writes them from the results
of `benchmarks/extend_quality.py` and of the experiment base-scaling, and says in the file what was run.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

from ropescope.evidence.cells import Kind, shipped_rows
from ropescope.quality.intervals import Interval, paired

LOSS_COLUMNS: dict[str, Kind] = {
    "model": "text",
    "trained": "whole",
    "target": "whole",
    "kind": "text",
    "text": "text",
    "method": "text",
    "alpha": "number",
    "dtype": "text",
    "inside": "number",
    "beyond": "number",
    "last": "number",
}
EXPONENT_COLUMNS: dict[str, Kind] = {
    "model": "text",
    "alpha": "number",
    "gamma": "number",
    "low": "number",
    "high": "number",
}

Where = Literal["inside", "beyond", "last"]
"""The bands within the trained length, all those beyond it, or the last one."""
PLACES: tuple[Where, ...] = get_args(Where)


@dataclass(frozen=True, slots=True)
class Extension:
    """One way of scaling at one target length. alpha: what the base is multiplied by, None where more is done than that;
    losses: nats a token by text, in the order of `texts`."""

    model: str
    trained: int
    target: int
    method: str
    alpha: float | None
    texts: tuple[str, ...]
    losses: dict[Where, tuple[float, ...]]

    def less(self, other: Extension, where: Where) -> Interval:
        """The mean loss less that of another on the texts that both read, with Student's t interval over texts."""
        theirs = dict(zip(other.texts, other.losses[where], strict=True))
        mine = zip(self.texts, self.losses[where], strict=True)
        return paired([loss - theirs[text] for text, loss in mine if text in theirs])

    def mean(self, where: Where) -> float:
        """Nats a token."""
        return sum(self.losses[where]) / len(self.texts)


@cache
def extensions() -> dict[int, dict[str, Extension]]:
    """By target length and name of the method, in the order of the file."""
    found: dict[int, dict[str, list[dict[str, Any]]]] = {}
    for row in shipped_rows(LOSS_COLUMNS, "extended_losses"):
        found.setdefault(row["target"], {}).setdefault(row["method"], []).append(row)
    return {
        target: {name: _extension(rows) for name, rows in methods.items()} for target, methods in sorted(found.items())
    }


@cache
def exponents() -> tuple[dict[str, Any], ...]:
    """γ at each multiple of the base, inside the trained length, with its 95 % interval."""
    return shipped_rows(EXPONENT_COLUMNS, "extended_exponents")


def _extension(rows: list[dict[str, Any]]) -> Extension:
    first = rows[0]
    return Extension(
        model=first["model"],
        trained=first["trained"],
        target=first["target"],
        method=first["method"],
        alpha=first["alpha"],
        texts=tuple(f"{row['kind']} {row['text']}" for row in rows),
        losses={where: tuple(row[where] for row in rows) for where in PLACES},
    )
