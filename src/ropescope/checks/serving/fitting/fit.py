"""Fit: whether a model fits a device, what the culprit is if not, and how far context and batch can go.

Every answer comes from the one function that counts memory (`memory.demand`): the longest context and the largest batch
are found by bisection on it, and a way to fit is only offered after it has been recounted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from ropescope.checks.serving.memory.demand import Budget, Demand, budget, demand, fits, spare_bytes
from ropescope.checks.serving.serving import MOST_SEQUENCES, MOST_TOKENS, Serving
from ropescope.checks.serving.splits.rules import split_problem
from ropescope.checks.serving.splits.ways import counts, each_alone, other_ways, with_count
from ropescope.checks.serving.support.kernels import support_problem

Outcome = Literal["fits", "tight", "may fit", "cache-bound", "weights-bound", "cannot be split", "does not run"]
"""fits: with 10 % of the budget to spare or more; tight: with less; may fit: what could be counted has room, and the
files say more that was not understood; cache-bound: all but the cache has room;
weights-bound: weights, activations and overhead alone have none; does not run: the engine has no kernels for these
weights on this device."""

TO_SPARE: Final = 0.10


@dataclass(frozen=True, slots=True)
class Fit:
    """The answer for one way of serving. `longest_context` and `largest_batch` are None where nothing bounds them, 0
    where not even one token or sequence fits."""

    serving: Serving
    outcome: Outcome
    problem: str
    demand: Demand
    budget: Budget
    longest_context: int | None
    largest_batch: int | None

    @property
    def spare_bytes(self) -> int:
        """What is left of the budget; negative where it does not suffice."""
        return self.budget.n_bytes - self.demand.total

    @property
    def outcome_in_words(self) -> str:
        """How a sentence goes on that says where: "does not run on", "cannot be split over"; "" where it could fit."""
        split = "cannot be split over" if self.serving.count > 1 else "cannot be loaded on"
        return {"does not run": "does not run on", "cannot be split": split}.get(self.outcome, "")

    @property
    def ok(self) -> bool:
        """Whether it is known to fit."""
        return self.outcome in ("fits", "tight")

    @property
    def answer(self) -> bool | None:
        """Whether it fits; None where that is open, since the count is a lower bound."""
        return None if self.outcome == "may fit" else self.ok


def fit(serving: Serving) -> Fit:
    """Whether `serving` fits, with the longest context and largest batch that do. Raises DomainError as `demand`."""
    unsupported = support_problem(serving)
    problem = unsupported or split_problem(serving)
    needed, allowed = demand(serving), budget(serving)
    return Fit(
        serving,
        "does not run" if unsupported else "cannot be split" if problem else outcome(needed, allowed),
        problem,
        needed,
        allowed,
        0 if problem else longest_context(serving),
        0 if problem else largest_batch(serving),
    )


def problem_of(serving: Serving) -> str:
    return support_problem(serving) or split_problem(serving)


def outcome(needed: Demand, allowed: Budget) -> Outcome:
    """What `needed` against `allowed` means."""
    if needed.total <= allowed.n_bytes:
        if needed.lacks:
            return "may fit"
        return "fits" if allowed.n_bytes - needed.total >= TO_SPARE * allowed.n_bytes else "tight"
    return "cache-bound" if needed.total - needed.cache.n_bytes <= allowed.n_bytes else "weights-bound"


def longest_context(serving: Serving) -> int | None:
    """The most tokens a sequence for which `serving` fits; None if nothing bounds it, 0 if none does. An encoder has no
    positions beyond those that it states."""
    found = _most(lambda tokens: replace(serving, context_tokens=tokens), MOST_TOKENS)
    stated = None if serving.model.causal else serving.model.context.longest
    return found if stated is None else min(stated, MOST_TOKENS if found is None else found)


def largest_batch(serving: Serving) -> int | None:
    """The most sequences at once for which `serving` fits; None if nothing bounds it, 0 if none does."""
    return _most(lambda sequences: replace(serving, batch=sequences), MOST_SEQUENCES)


def _most(variant: Callable[[int], Serving], limit: int) -> int | None:
    """The largest number whose variant fits. Memory grows with it, mostly in a straight line: that is tried in turn with
    halving the interval, and the number is exact."""
    low, high = 1, limit
    if (left := spare_bytes(variant(low))) < 0:
        return 0
    if (lacks := -spare_bytes(variant(high))) <= 0:
        return None
    halve = False
    while high - low > 1:
        step = (high - low) // 2 if halve else (high - low) * left // (left + lacks)
        middle = low + min(max(step, 1), high - low - 1)
        if (spare := spare_bytes(variant(middle))) >= 0:
            low, left = middle, spare
        else:
            high, lacks = middle, -spare
        halve = not halve
    return low


def splits(serving: Serving) -> tuple[Fit, ...]:
    """The same on each number of devices, shared in the engine's own way; on the number asked, as asked. Of unequal devices
    on each kind alone, and on all."""
    numbers = (with_count(serving, count) for count in sorted({*counts(serving), serving.count}))
    return tuple(map(fit, (*each_alone(serving), *numbers)))


def working_split(serving: Serving) -> Serving:
    """`serving` with the plainest split of its devices that fits, where the user asked for none and the engine's own does
    not; else as it is."""
    if serving.parallel is not None or (not problem_of(serving) and fits(serving)) or support_problem(serving):
        return serving
    return next((way for way in other_ways(serving) if not problem_of(way) and fits(way)), serving)
