"""Formula: one function with what a reader must know of it, in one place.

The decorator `@formula` keeps the function's name, symbol, source, definition, arguments (unit and domain), standing
and worth in a registry. The documentation, the command line and the tests all read that registry, so none can drift.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from math import isfinite
from typing import Any, Literal, ParamSpec, TypeVar

from ropescope.errors import DomainError
from ropescope.questions.domains import Domain

P = ParamSpec("P")
R = TypeVar("R")

Standing = Literal["exact", "identity", "heuristic", "contradicted", "open"]
"""What a formula is worth, in one word."""

STANDINGS: Mapping[Standing, str] = {
    "exact": "mathematics: true of the numbers given, whatever the model does",
    "identity": "true by definition, so it tells nothing of a model",
    "heuristic": "rests on a constant or a shape set by hand",
    "contradicted": "the public measurements speak against it",
    "open": "claimed, and not decidable from what is public",
}
"""What each standing means."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a formula: its name, unit, domain, meaning, and its default where it has one."""

    name: str
    meaning: str
    domain: Domain
    unit: str = ""
    default: object = ...

    @property
    def required(self) -> bool:
        """Whether a caller must give it."""
        return self.default is ...


@dataclass(frozen=True, slots=True)
class Formula:
    """What the registry holds of one formula; `function` is the checked function itself."""

    name: str
    symbol: str
    room: str
    source: str
    definition: str
    arguments: tuple[Argument, ...]
    unit: str
    standing: Standing
    worth: str
    example: Mapping[str, Any] = field(repr=False)
    function: Callable[..., Any] = field(repr=False)


FORMULAS: dict[str, Formula] = {}
"""Every formula by name, in the order of the source files."""


def formula(
    *,
    symbol: str,
    source: str,
    definition: str,
    arguments: tuple[Argument, ...],
    standing: Standing,
    worth: str,
    example: Mapping[str, Any],
    unit: str = "",
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Register a function as a formula, and check its arguments and result on every call.

    The function raises `DomainError` for an argument outside its domain, and for a result too large for a float.
    """

    def register(function: Callable[P, R]) -> Callable[P, R]:
        names = _parameters(function)
        if names != tuple(argument.name for argument in arguments):
            raise TypeError(f"{function.__name__}: the declared arguments are not those of the function")
        defaults = function.__defaults__ or ()
        padded = (...,) * (len(names) - len(defaults)) + defaults
        completed = tuple(
            Argument(argument.name, argument.meaning, argument.domain, argument.unit, default)
            for argument, default in zip(arguments, padded, strict=True)
        )
        checked: Callable[P, R] = _checked(function, completed)
        name = function.__name__
        FORMULAS[name] = Formula(
            name=name,
            symbol=symbol,
            room=function.__module__.rpartition(".")[2],
            source=source,
            definition=definition,
            arguments=completed,
            unit=unit,
            standing=standing,
            worth=worth,
            example=example,
            function=checked,
        )
        return checked

    return register


def _parameters(function: Any) -> tuple[str, ...]:
    """The names of a function's parameters, read from its code: `inspect.signature` would double the import time."""
    code = function.__code__
    return tuple(code.co_varnames[: code.co_argcount])


def _checked(function: Any, arguments: tuple[Argument, ...]) -> Any:
    name = function.__name__
    n_arguments = len(arguments)
    names = tuple(argument.name for argument in arguments)
    defaults = tuple(argument.default for argument in arguments)
    checks = tuple(argument.domain.checker(argument.name) for argument in arguments)

    def complete(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        values = [*args, *defaults[len(args) :]]
        for key, value in kwargs.items():
            if key not in names[len(args) :]:
                raise TypeError(f"{name}() got an unexpected or repeated argument {key!r}")
            values[names.index(key)] = value
        missing = [key for key, value in zip(names, values, strict=False) if value is ...]
        if missing or len(values) != n_arguments:
            raise TypeError(f"{name}() takes {n_arguments} arguments; missing: {missing}")
        return values

    @wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        values = args if len(args) == n_arguments and not kwargs else complete(args, kwargs)
        result = function(*[check(value) for check, value in zip(checks, values, strict=True)])
        if isinstance(result, float) and not isfinite(result):
            given = ", ".join(f"{key} = {value!r}" for key, value in zip(names, values, strict=True))
            raise DomainError(f"{name}({given}) has no value that a float can hold.")
        return result

    return checked
