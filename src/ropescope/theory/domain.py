"""Domain: the values an argument may take, in words for people and as a fast check for calls.

A check takes whatever the caller gave and returns a clean value (float, int, str, bool or tuple of floats); anything
outside the domain, NaN and infinity included, raises `DomainError` with the argument's name, its value and the domain.
The checks are closures with their bounds bound once, so that a formula pays less than a microsecond an argument.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Any, NoReturn

from ropescope.errors import DomainError

Check = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Real:
    """A finite real number between bounds; an excluded bound is written `above` or `below`."""

    at_least: float = -inf
    at_most: float = inf
    above: float = -inf
    below: float = inf
    excluding: float = inf

    @property
    def words(self) -> str:
        """The domain as an interval, for example `(0, 1e+21]`."""
        left = f"({_number(self.above)}" if self.above >= self.at_least else f"[{_number(self.at_least)}"
        right = f"{_number(self.below)})" if self.below <= self.at_most else f"{_number(self.at_most)}]"
        without = "" if self.excluding == inf else f" without {_number(self.excluding)}"
        return f"real, in {left}, {right}{without}"

    def checker(self, name: str) -> Check:
        """A function that returns its argument as a float, or raises `DomainError`."""
        at_least, at_most, above, below, excluding = (
            self.at_least,
            self.at_most,
            self.above,
            self.below,
            self.excluding,
        )

        def check(value: Any) -> float:
            kind = type(value)
            if kind is not float:
                if kind is bool or isinstance(value, str | bytes):
                    refuse(name, value, self.words)
                try:
                    value = float(value)
                except (TypeError, ValueError, OverflowError):
                    refuse(name, value, self.words)
            # NaN fails every comparison, so it is refused here with everything else.
            if at_least <= value <= at_most and above < value < below and value != excluding:
                return value  # type: ignore[no-any-return]
            refuse(name, value, self.words)

        return check


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number between bounds, even if `even`; a float such as 1e6 that is whole is taken as one."""

    at_least: int
    at_most: int
    even: bool = False

    @property
    def words(self) -> str:
        """The domain as an interval of whole numbers."""
        return f"{'even ' if self.even else ''}whole, in [{_number(self.at_least)}, {_number(self.at_most)}]"

    def checker(self, name: str) -> Check:
        """A function that returns its argument as an int, or raises `DomainError`."""
        at_least, at_most, even = self.at_least, self.at_most, self.even

        def check(value: Any) -> int:
            kind = type(value)
            if kind is not int:
                if kind is bool:
                    refuse(name, value, self.words)
                if isinstance(value, float) and value.is_integer():
                    value = int(value)
                try:
                    value = operator.index(value)
                except TypeError:
                    refuse(name, value, self.words)
            if at_least <= value <= at_most and not (even and value % 2):
                return value  # type: ignore[no-any-return]
            refuse(name, value, self.words)

        return check


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    options: tuple[str, ...]

    @property
    def words(self) -> str:
        """The words, separated by bars."""
        return " | ".join(self.options)

    def checker(self, name: str) -> Check:
        """A function that returns its argument, or raises `DomainError`."""
        options = self.options

        def check(value: Any) -> str:
            if isinstance(value, str) and value in options:
                return value
            refuse(name, value, self.words)

        return check


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    @property
    def words(self) -> str:
        """The two values."""
        return "true | false"

    def checker(self, name: str) -> Check:
        """A function that returns its argument, or raises `DomainError`."""

        def check(value: Any) -> bool:
            if value is True or value is False:
                return value
            refuse(name, value, self.words)

        return check


@dataclass(frozen=True, slots=True)
class Reals:
    """A list of finite real numbers, each between bounds, with at least `min_length` of them."""

    at_least: float = -inf
    at_most: float = inf
    min_length: int = 0
    increasing: bool = False

    @property
    def words(self) -> str:
        """The domain of the list and of its members."""
        order = "increasing " if self.increasing else ""
        size = f"at least {self.min_length} " if self.min_length else ""
        return f"{size}{order}reals, each in [{_number(self.at_least)}, {_number(self.at_most)}]"

    def checker(self, name: str) -> Check:
        """A function that returns its argument as a tuple of floats, or raises `DomainError`."""
        member = Real(at_least=self.at_least, at_most=self.at_most).checker(name)

        def check(value: Any) -> tuple[float, ...]:
            if isinstance(value, str | bytes):
                refuse(name, value, self.words)
            try:
                values = tuple(member(item) for item in value)
            except TypeError:
                refuse(name, value, self.words)
            ordered = all(a < b for a, b in pairwise(values))
            if len(values) < self.min_length or (self.increasing and not ordered):
                refuse(name, value, self.words)
            return values

        return check


Domain = Real | Whole | Choice | Flag | Reals


def refuse(name: str, value: object, words: str) -> NoReturn:
    """Raise the `DomainError` for one argument: its name, its value and what it may be."""
    raise DomainError(f"{name} = {value!r} is outside the domain: {name} must be {words}.")


def _number(value: float) -> str:
    if value == inf:
        return "∞"
    if value == -inf:
        return "−∞"
    text = f"{value:,}" if isinstance(value, int) and abs(value) < 10**7 else f"{value:g}"
    return text.replace("-", "−") if text.startswith("-") else text
