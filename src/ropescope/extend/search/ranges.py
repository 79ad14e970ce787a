"""Two numbers in, `near_tokens` and `far_divisor` out: Leaky ReRoPE around what its rule gives.

The first is the logarithm (to 2) of the near tokens over those of the rule; the second the (natural) logarithm of the
slow-down over the one that lets the farthest key of the target read at the trained length, given what is near.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import ClassVar

from ropescope.errors import ExtendError
from ropescope.extend.plan.methods import default_far_divisor, default_near_tokens
from ropescope.extend.plan.planning import plan_extension
from ropescope.extend.plan.rope_plan import RopePlan
from ropescope.models.model import Model

_MOST_NEAR = 0.75
"""Of the trained length: the nearer to all of it, the more far tokens share each distance that is left."""


@dataclass(frozen=True, slots=True)
class RangeShape:
    """Plans around `start`, for the model it is of."""

    model: Model
    start: RopePlan

    guess: ClassVar[tuple[float, ...]] = (0.0, 0.0)
    steps: ClassVar[tuple[float, ...]] = (0.7, 0.1)
    probe: ClassVar[None] = None

    def plan(self, numbers: Sequence[float]) -> RopePlan:
        """The plan of two numbers; zeros give the start. Raises ExtendError for another count of numbers."""
        near, far_divisor = ranges_of(self.start, numbers)
        return plan_extension(
            self.model,
            self.start.target_length,
            "rerope",
            trained=self.start.trained_given,
            near=near,
            slower=far_divisor,
        )


def ranges_of(start: RopePlan, numbers: Sequence[float]) -> tuple[int, float]:
    """(near tokens, by how much distance grows slower beyond) of two numbers around `start`."""
    if len(numbers) != 2:
        raise ExtendError(f"A shape has 2 numbers, not {len(numbers)}.")
    trained = start.trained_length
    near = max(1, min(round(default_near_tokens(trained) * 2.0 ** numbers[0]), int(_MOST_NEAR * trained)))
    return near, max(1.0, default_far_divisor(near, trained, start.target_length) * exp(numbers[1]))
