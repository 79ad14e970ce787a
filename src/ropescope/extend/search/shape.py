"""What a search varies: few numbers in, a plan out, zeros for the plan that it starts from and never ends behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ropescope.errors import ExtendError
from ropescope.extend.plan.planning import plan_extension
from ropescope.extend.plan.rope_plan import RopePlan
from ropescope.extend.search.factors import FactorShape
from ropescope.extend.search.ranges import RangeShape
from ropescope.models.model import Model

Numbers = tuple[float, ...]


class Shape(Protocol):
    """Plans around `start`. guess: the numbers under which texts are read, and which CMA-ES starts from; steps: how far its
    first steps go; probe: numbers far enough from the start that keys turned in a wrong way show within a hundred tokens,
    None where no plan turns the keys that are cached."""

    @property
    def start(self) -> RopePlan: ...
    @property
    def guess(self) -> Numbers: ...
    @property
    def steps(self) -> Numbers: ...
    @property
    def probe(self) -> Numbers | None: ...
    def plan(self, numbers: Sequence[float]) -> RopePlan: ...


def shape_of(model: Model, target: int, method: str, trained: int | None = None) -> Shape:
    """The shape that a search for `target` tokens from `method` (yarn or rerope) varies. Raises ExtendError for others."""
    if method not in ("yarn", "rerope"):
        raise ExtendError(
            "A search starts from yarn (a factor for every pair) or rerope (near tokens and growth beyond), not from "
            f"{method!r}."
        )
    start = plan_extension(model, target, method, **({} if trained is None else {"trained": trained}))
    return FactorShape(model, start) if method == "yarn" else RangeShape(model, start)
