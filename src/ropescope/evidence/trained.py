"""γ of networks that were trained at chosen RoPE bases, measured for ropescope.

Unlike the other tables these figures are not published ones. `benchmarks/trained_bases.py` writes them from the runs that
`ropescope pilot` has kept, and says in the file what was run.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from ropescope.evidence.cells import Kind, shipped_rows

COLUMNS: dict[str, Kind] = {
    "kind": "text",
    "theta": "number",
    "seed": "whole",
    "length": "whole",
    "parameters": "whole",
    "tokens": "whole",
    "gamma": "number",
    "gamma_untrained": "number",
    "legacy_gamma": "number",
    "loss": "number",
}


@dataclass(frozen=True, slots=True)
class Trained:
    """The networks of one arm, the seeds in order. kind: rope, nope or alibi; theta: the base, None without RoPE."""

    kind: str
    theta: float | None
    length: int
    parameters: int
    tokens: int
    gamma: tuple[float, ...]
    legacy_gamma: tuple[float, ...]
    loss: tuple[float, ...]


@cache
def trained() -> tuple[Trained, ...]:
    """The arms, bases first and rising. Raises FormatError as `cells.shipped_rows`."""
    by_arm: dict[tuple[str, float | None], list[dict[str, Any]]] = {}
    for row in sorted(shipped_rows(COLUMNS, "trained_bases"), key=lambda row: row["seed"]):
        by_arm.setdefault((row["kind"], row["theta"]), []).append(row)
    found = [
        Trained(
            kind=kind,
            theta=theta,
            length=rows[0]["length"],
            parameters=rows[0]["parameters"],
            tokens=rows[0]["tokens"],
            gamma=tuple(row["gamma"] for row in rows),
            legacy_gamma=tuple(row["legacy_gamma"] for row in rows),
            loss=tuple(row["loss"] for row in rows),
        )
        for (kind, theta), rows in by_arm.items()
    ]
    return tuple(sorted(found, key=lambda arm: (arm.theta is None, arm.theta or 0.0, arm.kind)))
