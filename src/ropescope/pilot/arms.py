"""The arms of the trial: a RoPE base, no positions at all (NoPE), or ALiBi. An arm with a seed is one run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ropescope.runs.job import Piece

ABLATIONS: Final = ("nope", "alibi")
POSITIONS: Final = {"rope": "rope", "nope": "none", "alibi": "alibi"}
"""What a Model calls the positions of each kind of arm."""


@dataclass(frozen=True, slots=True)
class Arm:
    """How order enters a decoder. kind: rope, nope or alibi. theta: the base of RoPE, else None."""

    kind: str
    theta: float | None = None

    @property
    def words(self) -> str:
        """As in a table: θ = 10,000, NoPE, ALiBi."""
        if self.theta is None:
            return {"nope": "NoPE", "alibi": "ALiBi"}[self.kind]
        return f"θ = {self.theta:,.10g}"

    @property
    def name(self) -> str:
        """As in a file name: rope-10000, nope, alibi."""
        return self.kind if self.theta is None else f"rope-{re.sub('[^0-9a-z.-]', '', f'{self.theta:.10g}')}"


def arms_of(thetas: Iterable[float], ablations: Iterable[str]) -> tuple[Arm, ...]:
    """The arms of a trial: each base once, rising, then the ablations."""
    bases = tuple(Arm("rope", float(theta)) for theta in sorted(set(thetas)))
    return bases + tuple(Arm(kind) for kind in ABLATIONS if kind in set(ablations))


def pieces_of(arms: Sequence[Arm], seeds: int) -> list[Piece]:
    """The runs: the RoPE bases seed by seed, so that a trial that is cut short holds whole pairs, then the ablations."""
    bases, others = [arm for arm in arms if arm.theta is not None], [arm for arm in arms if arm.theta is None]
    return [
        Piece(f"{arm.name}-seed-{seed}", {"kind": arm.kind, "theta": arm.theta, "seed": seed})
        for group in (bases, others)
        for seed in range(seeds)
        for arm in group
    ]
