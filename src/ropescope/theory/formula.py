"""Formula: one function with what a reader must know of it, in one place.

The decorator `@formula` keeps the function's name, symbol, source, definition, arguments (unit and domain), standing and
worth in a registry. The documentation, the command line and the tests all read that registry, so none can drift.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from inspect import Parameter, signature
from math import isfinite
from typing import Any, Literal, ParamSpec, TypeVar, cast

from ropescope.errors import DomainError
from ropescope.theory.domain import Domain, Reals

P = ParamSpec("P")
R = TypeVar("R")

Standing = Literal["exact", "identity", "heuristic", "contradicted", "open"]

STANDINGS: Mapping[Standing, str] = {
    "exact": "mathematics: true of the numbers given, whatever the model does",
    "identity": "true by definition, so it tells nothing of a model",
    "heuristic": "rests on a constant or a shape set by hand",
    "contradicted": "the public measurements speak against it",
    "open": "claimed, and not decidable from what is public",
}


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
        parameters = signature(function).parameters
        if tuple(parameters) != tuple(argument.name for argument in arguments):
            raise TypeError(f"{function.__name__}: the declared arguments are not those of the function")
        completed = tuple(_with_default(argument, parameters[argument.name]) for argument in arguments)
        checked = _checked(function, completed)
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


def _with_default(argument: Argument, parameter: Parameter) -> Argument:
    default = ... if parameter.default is Parameter.empty else parameter.default
    return Argument(argument.name, argument.meaning, argument.domain, argument.unit, default)


def _checked(function: Callable[P, R], arguments: tuple[Argument, ...]) -> Callable[P, R]:
    names = tuple(argument.name for argument in arguments)
    checks = tuple(argument.domain.checker(argument.name) for argument in arguments)
    n_arguments = len(arguments)
    name = function.__name__
    bind = signature(function).bind

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        values: tuple[Any, ...] = args
        if kwargs or len(args) != n_arguments:
            bound = bind(*args, **kwargs)
            bound.apply_defaults()
            values = tuple(bound.arguments.values())
        result = cast(Callable[..., R], function)(*[check(value) for check, value in zip(checks, values, strict=True)])
        if type(result) is float and not isfinite(result):
            given = ", ".join(f"{key} = {value!r}" for key, value in zip(names, values, strict=True))
            raise DomainError(f"{name}({given}) has no value that a float can hold.")
        return result

    return checked


def accepts_list(argument: Argument) -> bool:
    """Whether an argument takes a list of numbers."""
    return isinstance(argument.domain, Reals)
