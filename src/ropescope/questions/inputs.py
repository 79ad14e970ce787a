"""Inputs: a dataclass whose fields say what kind of value they take, what it means, and what stands where none is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from numbers import Integral, Real
from typing import Any, Final, TypeVar

from ropescope.errors import InputError, RopescopeError
from ropescope.questions.kind import Kind, wrong
from ropescope.questions.names import named_in, nearest, shown

REQUIRED: Final = MISSING
_ASKED: Final = "asked"
_LAST: Final = ("text", "machine", "run")
"""Groups of inputs that many questions share."""

Inputs = TypeVar("Inputs")


@dataclass(frozen=True, slots=True)
class Asked:
    """One field of an input dataclass.

    help: one sentence. group: the fields that belong together in a form. placed: given by its place on a command line.
    also: other names that it was or is given under. only_with: fields of which one must be given for this one to be read.
    """

    name: str
    kind: Kind
    help: str
    default: Any
    group: str = ""
    placed: bool = False
    also: tuple[str, ...] = ()
    only_with: tuple[str, ...] = ()

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return self.default is REQUIRED


def asked(
    kind: Kind,
    help: str,
    *,
    default: Any = REQUIRED,
    group: str = "",
    placed: bool = False,
    also: tuple[str, ...] = (),
    only_with: tuple[str, ...] = (),
) -> Any:
    """A dataclass field that takes a value of `kind`; without a `default` it must be given."""
    about = {_ASKED: (kind, help, group, placed, also, only_with)}
    return field(metadata=about) if default is REQUIRED else field(default=default, metadata=about)


def fields_of(inputs: Any) -> tuple[Asked, ...]:
    """The fields of an input dataclass, in its order; those that many questions share stand last, by group."""
    return _fields_of(inputs)


@cache
def _fields_of(inputs: Any) -> tuple[Asked, ...]:
    found = [_asked(one) for one in fields(inputs)]
    return tuple(sorted(found, key=lambda one: _LAST.index(one.group) if one.group in _LAST else -1))


def _asked(one: Field[Any]) -> Asked:
    kind, told, group, placed, also, only_with = one.metadata[_ASKED]
    return Asked(one.name, kind, told, one.default, group, placed, also, only_with)


def from_text(inputs: type[Inputs], given: Mapping[str, str | list[str] | bool]) -> Inputs:
    """The inputs that a person wrote, each field as text (a list of texts where it repeats, a truth where it is a flag).

    Raises InputError for a value that its kind does not allow, an unknown field and a missing one.
    """
    known = {one.name: one for one in fields_of(inputs)}
    values = {}
    for name, text in given.items():
        values[name] = read(_known(known, name).kind, name, text)
    return _made(inputs, known, values)


def read(kind: Kind, name: str, text: str | list[str] | bool) -> Any:
    """The value of one field that a person wrote. Raises InputError."""
    if isinstance(text, bool):
        return kind.accept(name, text)
    if isinstance(text, str):
        return kind.read(name, text)
    of = getattr(kind, "of", None)
    if of is None:
        raise wrong(name, text, kind.words)
    return kind.accept(name, [of.read(name, part) for part in text])


def from_values(inputs: type[Inputs], given: Mapping[str, Any]) -> Inputs:
    """The inputs from values as Python or JSON holds them; None stands for what is not given. Raises InputError as
    `from_text` does."""
    known = {one.name: one for one in fields_of(inputs)}
    values = {name: _known(known, name).kind.accept(name, value) for name, value in given.items() if value is not None}
    return _made(inputs, known, values)


def from_either(inputs: type[Inputs], given: Mapping[str, Any]) -> Inputs:
    """The inputs from text as a person writes it or from values, as each comes (`take`); None stands for what is not given.
    Raises InputError as `from_text` does."""
    known = {one.name: one for one in fields_of(inputs)}
    values = {name: take(_known(known, name).kind, name, value) for name, value in given.items() if value is not None}
    return _made(inputs, known, values)


def take(kind: Kind, name: str, value: Any) -> Any:
    """The value of one field, from text as a person writes it, or from a value as Python or JSON holds it.

    Numbers of numpy count as numbers, and one value as a list of one. A number stands for its text where text alone is
    taken, as the device 4090. Raises InputError.
    """
    of = getattr(kind, "of", None)
    if of is not None:
        if isinstance(value, str) and not getattr(kind, "repeats", False):
            return kind.read(name, value)
        alone = isinstance(value, str | Mapping) or not isinstance(value, Iterable)
        return kind.accept(name, [take(of, name, item) for item in ([value] if alone else value)])
    if isinstance(value, str | bool):
        return read(kind, name, value)
    try:
        if isinstance(value, Integral):
            value = int(value)
        elif isinstance(value, Real):
            value = float(value)
        if isinstance(value, int | float) and kind.schema() == {"type": "string"}:
            value = str(value)
    except (OverflowError, ValueError):  # too large for a float, or for Python to write
        raise wrong(name, value, kind.words) from None
    return kind.accept(name, value)


def to_values(inputs: Any) -> dict[str, Any]:
    """The inputs that differ from their defaults, as JSON holds them. `from_values` gives the inputs back."""
    found = {}
    for one in fields_of(type(inputs)):
        value = getattr(inputs, one.name)
        if value != one.default:
            found[one.name] = one.kind.plain(value)
    return found


def schema_of(inputs: type) -> dict[str, Any]:
    """JSON Schema of the inputs: an object with every field's kind, help and default."""
    properties = {}
    for one in fields_of(inputs):
        about: dict[str, Any] = {**one.kind.schema(), "description": one.help}
        if not one.required and one.default is not None:
            about["default"] = one.kind.plain(one.default)
        properties[one.name] = about
    return {
        "type": "object",
        "properties": properties,
        "required": [one.name for one in fields_of(inputs) if one.required],
        "additionalProperties": False,
    }


def _known(known: Mapping[str, Asked], name: str) -> Asked:
    if name not in known:
        near = nearest(name, known)
        named = ", ".join(f"`{one}`" for one in known)
        hint = f" Did you mean `{near[0]}`?" if near else f" There are {named}."
        raise InputError(name, f"There is no input {shown(name)}.{hint}")
    return known[name]


def _made(inputs: type[Inputs], known: Mapping[str, Asked], values: Mapping[str, Any]) -> Inputs:
    for one in known.values():
        if one.required and one.name not in values:
            raise InputError(one.name, f"`{one.name}` is missing: give {one.kind.words}.")
    try:
        made = inputs(**values)
    except RopescopeError as error:
        error.field = error.field or named_in(str(error), known)
        raise
    for one in known.values():
        others = [name for name in one.only_with if name in known]
        if one.only_with and getattr(made, one.name) != one.default and not any(getattr(made, name) for name in others):
            needed = " or ".join(f"`{name}`" for name in others)
            raise InputError(
                one.name, f"`{one.name}` is given and not read: it goes with {needed}. Leave it out, or give that too."
            )
    return made
