"""How far voters agree who compared the same two models on the same item."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreement:
    """units: comparisons by two voters or more. share: of pairs of their votes, how many are the same.

    alpha: Krippendorff's, nominal: 1 where all agree, 0 where no more do than by chance; None where all votes are the same.
    """

    units: int
    share: float
    alpha: float | None


def agreement(votes: Iterable[tuple[Hashable, Hashable, Hashable]]) -> Agreement | None:
    """The agreement of (unit, voter, value); the first vote of a voter counts. None if no unit has two voters.

    Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability".
    """
    cast: defaultdict[Hashable, dict[Hashable, Hashable]] = defaultdict(dict)
    for unit, voter, value in votes:
        cast[unit].setdefault(voter, value)
    units = [Counter(of.values()) for of in cast.values() if len(of) > 1]
    if not units:
        return None
    total: Counter[Hashable] = sum(units, Counter())
    n, apart, same, pairs = total.total(), 0.0, 0, 0
    for values in units:
        size = values.total()
        alike = sum(count * (count - 1) for count in values.values())
        same, pairs = same + alike, pairs + size * (size - 1)
        apart += (size * (size - 1) - alike) / (size - 1)
    by_chance = n * n - sum(count * count for count in total.values())
    alpha = 1 - (n - 1) * apart / by_chance if by_chance else None
    return Agreement(len(units), same / pairs, alpha)
