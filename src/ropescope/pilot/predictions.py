"""What is said before anything is trained, and which of it stands afterwards. Pure Python; no torch.

Four statements on the same statistics, each with a range. A statement is confirmed if the whole 95 % interval over seeds lies
in its range, contradicted if none of the interval does, and unclear otherwise; then the number of seeds that would decide is
told, from the variance that was measured. The ranges of the statements on the slope do not overlap, so no two of them can be
confirmed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, log, sqrt
from statistics import fmean, stdev
from typing import Final, Literal

from ropescope.errors import InputError
from ropescope.quality.intervals import Interval, paired, t_95
from ropescope.theory.decay import gamma_pade

PUBLISHED_ERROR: Final = 0.0507
"""The largest relative error against γ_Padé that the paper states for its pilot (Part I, abstract)."""
FLAT: Final = 0.1
"""A slope within this share of the predicted one, on either side of zero, counts as none."""
LEAST_CHANGE: Final = 0.01
MOST_SEEDS: Final = 1000

SLOPE: Final = "slope of γ on ln θ"

Standing = Literal["confirmed", "contradicted", "unclear"]


@dataclass(frozen=True, slots=True)
class Range:
    """The values that a statement allows, both ends included."""

    low: float = -inf
    high: float = inf

    def standing(self, found: Interval) -> Standing:
        """What the interval leaves of the statement. Raises nothing: without bounds it is unclear."""
        if found.low is None or found.high is None:
            return "unclear"
        if self.low <= found.low and found.high <= self.high:
            return "confirmed"
        return "contradicted" if found.high < self.low or found.low > self.high else "unclear"

    def margin(self, value: float) -> float:
        """How far `value` is from the nearest end, on whichever side."""
        return min(abs(value - end) for end in (self.low, self.high) if abs(end) < inf)

    def __str__(self) -> str:
        if self.low == -inf:
            return f"at most {self.high:+.4f}"
        return f"at least {self.low:+.4f}" if self.high == inf else f"{self.low:+.4f} to {self.high:+.4f}"


@dataclass(frozen=True, slots=True)
class Statement:
    """One hypothesis. says: in words. expects: the range of each statistic by its name; all must hold."""

    name: str
    says: str
    expects: Mapping[str, Range]


@dataclass(frozen=True, slots=True)
class Judged:
    """A statement with what became of it. more_seeds: how many seeds would decide where it is unclear; None where it is
    decided, or where not even 1,000 would do."""

    statement: Statement
    standing: Standing
    seeds_to_decide: int | None = None


def predictions(thetas: Sequence[float], length: int) -> tuple[Statement, ...]:
    """The statements for bases and a length in tokens. Raises InputError for fewer than two bases, or bases so alike that
    theory and rivals say the same."""
    bases = sorted(set(thetas))
    if len(bases) < 2:
        raise InputError("theta", "`theta` needs two bases or more: with one there is nothing to compare.")
    slope = predicted_slope(bases, length)
    if gamma_pade(bases[-1], float(length)) - gamma_pade(bases[0], float(length)) < LEAST_CHANGE:
        raise InputError(
            "theta",
            f"`theta`: over these bases γ_Padé changes by less than {LEAST_CHANGE} at {length:,} tokens, so theory and no "
            "dependence say the same: give lower bases.",
        )
    flat = FLAT * slope
    across = log(bases[-1] / bases[0])
    levels = {
        level_of(base): Range(
            *sorted(gamma_pade(base, float(length)) * (1 + sign * PUBLISHED_ERROR) for sign in (-1, 1))
        )
        for base in bases
    }
    return (
        Statement(
            "theory, level",
            f"γ is γ_Padé(θ, {length:,}) to {100 * PUBLISHED_ERROR:.2f} % at every base.",
            levels,
        ),
        Statement(
            "theory, change",
            f"γ rises with θ as γ_Padé does, by {slope:.4f} for each factor e; nearer to that than to nothing.",
            {SLOPE: Range(slope / 2, 3 * slope / 2)},
        ),
        Statement(
            "rival 1, no dependence",
            f"θ does not matter: γ changes by less than {flat * across:.3f} from the lowest base to the highest.",
            {SLOPE: Range(-flat, flat)},
        ),
        Statement(
            "rival 2, γ falls",
            "γ falls as θ rises, as it did where θ was changed after training.",
            {SLOPE: Range(high=-flat)},
        ),
    )


def level_of(theta: float) -> str:
    """The statistic that is γ at a base."""
    return f"γ at θ = {theta:,.10g}"


def predicted_slope(thetas: Sequence[float], length: int) -> float:
    """The least-squares slope of γ_Padé on ln θ over the bases."""
    return slope([log(theta) for theta in thetas], [gamma_pade(theta, float(length)) for theta in thetas])


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Of the least-squares line of y on x."""
    centre = fmean(x)
    return sum((a - centre) * b for a, b in zip(x, y, strict=True)) / sum((a - centre) ** 2 for a in x)


def statistics(gammas: Mapping[float, Sequence[float]]) -> dict[str, list[float]]:
    """One value a seed of each statistic. gammas: γ by base, the seeds in the same order for every base."""
    bases = sorted(gammas)
    x = [log(base) for base in bases]
    by_seed = zip(*(gammas[base] for base in bases), strict=True)
    return {
        SLOPE: [slope(x, values) for values in by_seed],
        **{level_of(base): list(gammas[base]) for base in bases},
    }


def judge(statements: Sequence[Statement], measured: Mapping[str, Sequence[float]]) -> tuple[Judged, ...]:
    """What stands of each statement. measured: of `statistics`."""
    found = []
    for statement in statements:
        each = {
            name: (range_, measured[name], range_.standing(paired(measured[name])))
            for name, range_ in statement.expects.items()
        }
        standings = {standing for _, _, standing in each.values()}
        if "contradicted" in standings:
            found.append(Judged(statement, "contradicted"))
        elif standings == {"confirmed"}:
            found.append(Judged(statement, "confirmed"))
        else:
            needed = [
                seeds_to_decide(values, range_) for range_, values, standing in each.values() if standing == "unclear"
            ]
            most = None if None in needed else max(n for n in needed if n is not None)
            found.append(Judged(statement, "unclear", most))
    return tuple(found)


def seeds_to_decide(values: Sequence[float], allowed: Range) -> int | None:
    """How many seeds make the interval so short that it reaches no end of `allowed`, if mean and variance stay as they are.

    None for a single value, and beyond 1,000.
    """
    if len(values) < 2:
        return None
    margin, spread = allowed.margin(fmean(values)), stdev(values)
    for n in range(len(values), MOST_SEEDS + 1):
        if t_95(n - 1) * spread / sqrt(n) < margin:
            return n
    return None
