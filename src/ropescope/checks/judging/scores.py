"""Scores as people write them, and what sampling alone does to a score of n items. Pure Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, erfc, sqrt
from typing import Any, Final, NamedTuple

from ropescope.errors import InputError
from ropescope.quality.intervals import NORMAL_95, POWER_80, newcombe
from ropescope.questions.kind import Kind, wrong
from ropescope.questions.names import shown

MOST_SCORES: Final = 64


class Score(NamedTuple):
    """A score as a share of 1, and whose it is ("" where no name was given)."""

    name: str
    share: float

    @property
    def percent(self) -> float:
        """The score in percent."""
        return 100 * self.share


class Scores(Kind):
    """Scores of a benchmark, with or without names: 67.2,65.1 or A=67.2%,B=0.651."""

    least: int = 1
    metavar: str = "[NAME=]X,…"

    @property
    def words(self) -> str:
        """How scores are written."""
        return f"{self.least} to {MOST_SCORES} scores such as 67.2,65.1 or A=67.2,B=65.1, all in percent or all as shares of 1"

    def read(self, name: str, text: str) -> tuple[Score, ...]:
        """The scores. Raises InputError."""
        return self.accept(name, [part.strip() for part in text.split(",") if part.strip()])

    def accept(self, name: str, value: Any) -> tuple[Score, ...]:
        """The scores from numbers, or from text as a person writes each. Raises InputError."""
        if (
            not isinstance(value, Sequence)
            or isinstance(value, str | bytes)
            or not self.least <= len(value) <= MOST_SCORES
        ):
            raise wrong(name, value, self.words)
        parts = [_parted(name, item, self.words) for item in value]
        bare = [number for _, number, percent in parts if not percent]
        # 0.9 beside 65.1 may be 90 % or a score near nothing: neither is guessed.
        if any(0 < number <= 1 for number in bare) and any(number > 1 for number in bare):
            raise InputError(
                name, f"`{name}` holds numbers up to 1 and above 1: write every score with %, as 0.9%,65.1%."
            )
        scale = 1 if bare and max(bare) <= 1 else 100
        found = [Score(label, number / (100 if percent else scale)) for label, number, percent in parts]
        labels = [one.name for one in found if one.name]
        if labels and (len(labels) != len(found) or len(set(labels)) != len(labels)):
            raise InputError(name, f"`{name}` must name every score once, or none.")
        return tuple(found)

    def write(self, value: Any) -> str:
        """The scores in percent, with commas between."""
        return ",".join(self.plain(value))

    def plain(self, value: Any) -> Any:
        """The scores as text, each in percent."""
        return [f"{one.name}={one.percent:.12g}%" if one.name else f"{one.percent:.12g}%" for one in value]

    def schema(self) -> dict[str, Any]:
        """A list of numbers, or of text such as A=67.2%."""
        return {
            "type": "array",
            "items": {"anyOf": [{"type": "number"}, {"type": "string"}]},
            "minItems": self.least,
            "maxItems": MOST_SCORES,
        }


def _parted(name: str, item: Any, words: str) -> tuple[str, float, bool]:
    """(whose, the number, whether it is in percent for sure) of one score."""
    label, percent, number = "", False, item
    if isinstance(item, Score):
        label, percent, number = item.name, True, item.percent
    elif isinstance(item, str):
        label, _, text = item.rpartition("=")
        label, text = label.strip(), text.strip()
        percent = text.endswith("%")
        try:
            number = float(text.removesuffix("%"))
        except ValueError:
            raise InputError(name, f"`{name}` holds {shown(item)}, which is no score: give {words}.") from None
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= 100:
        raise wrong(name, item, words)
    return label, float(number), percent


class Gap(NamedTuple):
    """A difference of two independent shares: second − first, its standard error, z, p and 95 % interval."""

    difference: float
    standard_error: float
    z: float
    p: float
    low: float
    high: float


def unpaired(first: float, first_n: int, second: float, second_n: int) -> Gap:
    """The z test of two scores that share no items, with the error that both have if they are equal; Newcombe's interval."""
    pooled = (first * first_n + second * second_n) / (first_n + second_n)
    error = sqrt(pooled * (1 - pooled) * (1 / first_n + 1 / second_n))
    difference = second - first
    z = difference / error if error else 0.0
    return Gap(difference, error, z, normal_p(z), *newcombe(first, first_n, second, second_n))


def needed_items(first: float, second: float) -> int | None:
    """Items in each of two samples at which this gap is found at 5 % four times in five; None without a gap.
    (Fleiss, Levin and Paik 2003, Statistical Methods for Rates and Proportions, 3rd ed., equation 4.14.)"""
    if first == second:
        return None
    pooled = (first + second) / 2
    by_chance, apart = 2 * pooled * (1 - pooled), first * (1 - first) + second * (1 - second)
    return ceil(((NORMAL_95 * sqrt(by_chance) + POWER_80 * sqrt(apart)) / (first - second)) ** 2)


def normal_p(z: float) -> float:
    """Two-sided p of a standard normal z."""
    return erfc(abs(z) / sqrt(2))


def p_text(p: float) -> str:
    """p as a sentence has it."""
    return "below 0.0001" if p < 1e-4 else f"{p:.2g}"


def detectable(share: float, n: int) -> float:
    """The smallest gap between two models near `share` that n items tell from chance at 5 %: 1.96·√(2p(1−p)/n)."""
    return NORMAL_95 * sqrt(2 * share * (1 - share) / n)


def holm(p_values: Iterable[float]) -> list[float]:
    """p adjusted so that the chance of one false finding among all is at most as small. (Holm 1979, Scand. J. Stat. 6.)"""
    given = list(p_values)
    adjusted = [1.0] * len(given)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(given)), key=given.__getitem__)):
        largest = max(largest, min(1.0, (len(given) - rank) * given[place]))
        adjusted[place] = largest
    return adjusted
