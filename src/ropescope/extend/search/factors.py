"""Few numbers in, factors for every rotary pair out: a smooth correction of the plan that the search starts from.

The correction of the logarithm of a factor is given at five knots and joined by straight lines. A knot stands at a number
of turns that a pair makes within the trained length, so that it means the same for every base and head. Pairs that turn 512
times or more keep what they have (they tell neighbours apart), those that turn less than half share the last knot. The
sixth number is the logarithm of the attention factor over that of the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import exp, log2, pi
from typing import ClassVar

from ropescope.errors import ExtendError
from ropescope.extend.plan.planning import plan_extension
from ropescope.extend.plan.rope_plan import LayerTypePlan, RopePlan
from ropescope.models.model import Model
from ropescope.theory.rope_scaling import inverse_frequencies

KNOTS = (128.0, 32.0, 8.0, 2.0, 0.5)
"""Turns within the trained length."""
_FIXED = 512.0
STEPS = (0.02, 0.04, 0.06, 0.1, 0.1, 0.015)
"""How far a first step of the search goes: of log factors at the knots, and of the log attention factor. The faster the pair,
the smaller: on SmolLM2 a tenth at 128 turns alone costs more than is to be won."""
START = (0.0,) * (len(KNOTS) + 1)
_GUESS = (0.02, -0.015, 0.005, -0.06, -0.1, -0.033)
"""A search of SmolLM2 found these at twice its trained length. Models read a little past that length, so that slow pairs need
less stretching; then they need less of YaRN's attention factor, too."""


def guess(factor: float) -> tuple[float, ...]:
    """Where a search begins to look, for `factor` times the trained length: the correction grows as the logarithm it corrects."""
    return tuple(number * log2(factor) for number in _GUESS)


@dataclass(frozen=True, slots=True)
class FactorShape:
    """Plans around `start`, for the model it is of."""

    model: Model
    start: RopePlan

    steps: ClassVar[tuple[float, ...]] = STEPS
    probe: ClassVar[tuple[float, ...]] = (0.3,) * len(KNOTS) + (0.03,)

    @property
    def guess(self) -> tuple[float, ...]:
        """What was found once, for this factor."""
        return guess(self.start.factor)

    def plan(self, numbers: Sequence[float]) -> RopePlan:
        """The plan of six numbers; zeros give the start's own frequencies and attention factor.

        Raises ExtendError for another count of numbers.
        """
        if len(numbers) != len(START):
            raise ExtendError(f"A shape has {len(START)} numbers, not {len(numbers)}.")
        changed = [entry for entry in self.start.layer_types if entry.changed]
        by_type = {entry.layer_type: self._factors(entry, numbers[:-1]) for entry in changed}
        return plan_extension(
            self.model,
            self.start.target_length,
            "searched",
            trained=self.start.trained_given,
            factors=by_type,
            attention_factor=changed[0].attention_factor * exp(numbers[-1]),
        )

    def _factors(self, entry: LayerTypePlan, corrections: Sequence[float]) -> list[float]:
        """Divisors of the unscaled frequencies, rising from the fastest pair to the slowest."""
        plain = inverse_frequencies(entry.theta_before, entry.rotary_dim)
        length = self.start.trained_length
        raw = [
            was / now * exp(correction(length * was / (2 * pi), corrections))
            for was, now in zip(plain, entry.after, strict=True)
        ]
        return list(accumulate(raw, max))


def correction(turns: float, at_knots: Sequence[float]) -> float:
    """The correction for a pair of so many turns within the trained length."""
    points = [(log2(_FIXED), 0.0), *zip(map(log2, KNOTS), at_knots, strict=True)]
    place = log2(max(turns, 1e-30))
    if place >= points[0][0]:
        return 0.0
    for (left, before), (right, after) in pairwise(points):
        if place >= right:
            return after + (before - after) * (place - right) / (left - right)
    return points[-1][1]


def factors_of(plan: RopePlan) -> list[float]:
    """The divisors of the first group of layers that a plan changes, for a picture: 1 where a pair is left alone."""
    return next(entry for entry in plan.layer_types if entry.changed).divisors
