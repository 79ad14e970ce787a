"""Domains: kinds whose values are numbers, words or truths between bounds, in words for people and as fast checks for calls.

A check takes whatever the caller gave and returns a clean value (float, int, str, bool or tuple of floats); anything
outside the domain, NaN and infinity included, raises `DomainError` with the argument's name, its value and the domain.
The checks are closures with their bounds bound once, so that a formula pays less than a microsecond an argument.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from itertools import pairwise
from math import inf
from typing import Any

from ropescope.errors import DomainError
from ropescope.questions.kind import Kind, outside, within, wrong
from ropescope.questions.numbers import read_number

Check = Callable[[Any], Any]

_NO_LIMIT = 10**6
"""An upper bound from here on guards against slips of the hand; it is said to who passes it."""


class Domain(Kind):
    """A kind whose check is a closure: `checker(name)` is for calls that must be fast, `accept` for everything else."""

    def checker(self, name: str) -> Check:
        """A function that returns its argument clean, or raises `DomainError`."""
        raise NotImplementedError

    def said_of(self, value: Any) -> str:
        """The domain as a person would say it after "must be" of a `value` that is outside."""
        return self.words

    def accept(self, name: str, value: Any) -> Any:
        """The value, clean. Raises InputError."""
        try:
            return self.checker(name)(value)
        except DomainError:
            raise wrong(name, value, self.said_of(value)) from None


class Real(Domain):
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
                    raise outside(name, value, self.words)
                try:
                    value = float(value)
                except (TypeError, ValueError, OverflowError):
                    raise outside(name, value, self.words) from None
            # NaN fails every comparison, so it is refused here with everything else.
            if at_least <= value <= at_most and above < value < below and value != excluding:
                return value  # type: ignore[no-any-return]
            raise outside(name, value, self.words)

        return check

    def said_of(self, value: Any) -> str:
        """As in: a number above 0 and at most 1."""
        bounds = (
            f"above {_number(self.above)}" if self.above > -inf else "",
            f"at least {_number(self.at_least)}" if self.at_least > -inf else "",
            f"below {_number(self.below)}" if self.below < inf else "",
            f"at most {_number(self.at_most)}" if self.at_most < inf else "",
        )
        return f"a number {' and '.join(filter(None, bounds))}".strip()

    @property
    def metavar(self) -> str:  # type: ignore[override]
        """A number."""
        return "X"

    def read(self, name: str, text: str) -> float:
        """A number such as 0.5, 1e6 or 1M."""
        return float(self.accept(name, read_number(name, text)))

    def schema(self) -> dict[str, Any]:
        """A number between the bounds."""
        return within(
            {"type": "number"},
            minimum=self.at_least,
            maximum=self.at_most,
            exclusiveMinimum=self.above,
            exclusiveMaximum=self.below,
        )


class Whole(Domain):
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
                    raise outside(name, value, self.words)
                if isinstance(value, float) and value.is_integer():
                    value = int(value)
                try:
                    value = operator.index(value)
                except TypeError:
                    raise outside(name, value, self.words) from None
            if at_least <= value <= at_most and not (even and value % 2):
                return value  # type: ignore[no-any-return]
            raise outside(name, value, self.words)

        return check

    def said_of(self, value: Any) -> str:
        """As in: a whole number from 1 to 4,096."""
        beyond = isinstance(value, int | float) and value > self.at_most
        most = f" to {self.at_most:,}" if self.at_most < _NO_LIMIT or beyond else ""
        return f"{'an even' if self.even else 'a whole'} number from {self.at_least:,}{most}"

    @property
    def metavar(self) -> str:  # type: ignore[override]
        """A whole number."""
        return "N"

    def read(self, name: str, text: str) -> int:
        """A whole number such as 12, 2_000 or 1e6."""
        return int(self.accept(name, read_number(name, text)))

    def schema(self) -> dict[str, Any]:
        """A whole number between the bounds."""
        return within({"type": "integer"}, minimum=self.at_least, maximum=self.at_most)


class Choice(Domain):
    """One of a few words."""

    among: tuple[str, ...]

    @property
    def words(self) -> str:
        """The words, separated by bars."""
        return " | ".join(self.among)

    @property
    def options(self) -> tuple[str, ...]:
        """The words."""
        return self.among

    @property
    def metavar(self) -> str:  # type: ignore[override]
        """The words, as long as they are few."""
        return "|".join(self.among) if len(self.among) <= 5 else "NAME"

    def schema(self) -> dict[str, Any]:
        """One of the words."""
        return {"type": "string", "enum": list(self.among)}

    def accept(self, name: str, value: Any) -> str:
        """The word. Raises InputError, which lists the words."""
        if isinstance(value, str) and value in self.among:
            return value
        *before, last = self.among
        raise wrong(name, value, f"{', '.join(before)} or {last}" if before else last)

    def checker(self, name: str) -> Check:
        """A function that returns its argument, or raises `DomainError`."""
        options = self.among

        def check(value: Any) -> str:
            if isinstance(value, str) and value in options:
                return value
            raise outside(name, value, self.words)

        return check


class Flag(Domain):
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
            raise outside(name, value, self.words)

        return check

    def read(self, name: str, text: str) -> bool:
        """true or false."""
        if text.strip().lower() not in ("true", "false"):
            raise wrong(name, text, self.words)
        return text.strip().lower() == "true"

    def write(self, value: Any) -> str:
        """true or false."""
        return str(value).lower()

    def schema(self) -> dict[str, Any]:
        """True or false."""
        return {"type": "boolean"}


class Reals(Domain):
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
                raise outside(name, value, self.words)
            try:
                values = tuple(member(item) for item in value)
            except TypeError:
                raise outside(name, value, self.words) from None
            ordered = all(a < b for a, b in pairwise(values))
            if len(values) < self.min_length or (self.increasing and not ordered):
                raise outside(name, value, self.words)
            return values

        return check

    @property
    def metavar(self) -> str:  # type: ignore[override]
        """Numbers with commas between."""
        return "X,X,…"

    def read(self, name: str, text: str) -> tuple[float, ...]:
        """Numbers with commas between, such as 30,50,100."""
        return tuple(self.accept(name, [read_number(name, part) for part in text.split(",")]))

    def write(self, value: Any) -> str:
        """Numbers with commas between."""
        return ",".join(f"{item:g}" for item in value)

    def plain(self, value: Any) -> Any:
        """A list of numbers."""
        return list(value)

    def schema(self) -> dict[str, Any]:
        """A list of numbers between the bounds."""
        return {
            "type": "array",
            "items": within({"type": "number"}, minimum=self.at_least, maximum=self.at_most),
            "minItems": self.min_length,
        }


def _number(value: float) -> str:
    if value == inf:
        return "∞"
    if value == -inf:
        return "−∞"
    text = f"{value:,}" if isinstance(value, int) and abs(value) < 10**7 else f"{value:g}"
    return text.replace("-", "−") if text.startswith("-") else text
