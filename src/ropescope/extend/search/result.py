"""SearchResult: the plan that was found, what it started from, and every plan that was tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ropescope.extend.plan.rope_plan import RopePlan
from ropescope.extend.search.objective import Losses


@dataclass(frozen=True, slots=True)
class Tried:
    """One plan of the search: its numbers and its losses, over the keys of one pass (the start and the guess: by whole ones)."""

    numbers: tuple[float, ...]
    losses: Losses
    cost: float


@dataclass(frozen=True, slots=True)
class Checked:
    """A plan, and its losses by whole passes of every text."""

    plan: RopePlan
    losses: Losses


@dataclass(frozen=True)
class SearchResult:
    """The best plan and the start, both scored by whole passes of the calibration texts.

    unchanged: the loss inside without any scaling. better: whether the search found anything that is surely better; if not,
    `plan` is `start`, and `unsure` a better one, if there was one that chance may have made so.
    minutes: what was given; seconds: what it took, of them `reading` for reading every text once.
    """

    model: str
    start: RopePlan
    plan: RopePlan
    started: Losses
    found: Losses
    unchanged: float
    unsure: Checked | None
    tried: tuple[Tried, ...]
    texts: tuple[str, ...]
    minutes: float
    seconds: float
    reading: float
    better: bool
    exact: bool
    partial: bool = False
    provenance: Mapping[str, Any] = field(default_factory=dict)
