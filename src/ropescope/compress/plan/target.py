"""What a plan is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ropescope.errors import PlanError

DEFAULT_SINKS = 4

TYPES: Mapping[str, str] = {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}
"""Cache types by the type a model computes in."""


_WAYS = ("keep_mass", "budget_bytes", "budget_share", "max_loss")


@dataclass(frozen=True, slots=True)
class Target:
    """What a plan is asked for: a share of the attention mass outside the sinks, a budget for the whole cache in bytes or
    as a share of the bytes without a plan, or the greatest added loss as a share of the loss (which only scoring can
    tell: `budget_for_loss`). Raises PlanError unless exactly one is given, in its range."""

    keep_mass: float | None = None
    budget_bytes: int | None = None
    budget_share: float | None = None
    max_loss: float | None = None

    def __post_init__(self) -> None:
        if sum(getattr(self, name) is not None for name in _WAYS) != 1:
            raise PlanError(
                "Give one of: a share of the mass to keep (`keep_mass`), a budget (`budget`), or the added loss to allow "
                "(`max_loss`)."
            )
        if self.max_loss is not None and not 0 < self.max_loss < 1:
            raise PlanError(f"`max_loss` is {self.max_loss:.4g}: it is a share of the loss between 0 and 100 %, as 1%.")
        if self.keep_mass is not None and not 0 < self.keep_mass < 1:
            raise PlanError(f"`keep_mass` is {self.keep_mass}: it lies between 0 and 1, both excluded.")
        if self.budget_share is not None and not 0 < self.budget_share <= 1:
            raise PlanError(f"A budget of {self.budget_share:.0%} cannot be had: give more than 0 % and at most 100 %.")
        if self.budget_bytes is not None and self.budget_bytes < 1:
            raise PlanError(f"A budget of {self.budget_bytes} bytes holds nothing: give a positive number.")

    def to_dict(self) -> dict[str, Any]:
        """The one that is given, by its name."""
        values = {name: getattr(self, name) for name in _WAYS}
        return {name: value for name, value in values.items() if value is not None}
