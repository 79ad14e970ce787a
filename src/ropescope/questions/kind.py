"""Kind: what a value may be. It reads text, checks values from Python or JSON, and describes itself to people and programs."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import get_annotations
from typing import Any, ClassVar, dataclass_transform

from ropescope.errors import DomainError, InputError
from ropescope.questions.names import shown


@dataclass_transform(frozen_default=True)
class Kind:
    """A kind of input. `metavar` stands for a value of it in help, `words` says which values it allows.

    A kind lists its parts as a dataclass does, and is made, compared and shown as one; but no code is generated for it, which
    would cost each command a tenth of its start.
    """

    metavar: str = "TEXT"
    _parts: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        own = get_annotations(cls)
        cls._parts = (*cls._parts, *(name for name in own if name not in cls._parts))

    def __init__(self, *values: Any, **named: Any) -> None:
        given = dict(zip(self._parts, values, strict=False)) | named
        missing = [name for name in self._parts if name not in given and not hasattr(type(self), name)]
        if len(values) > len(self._parts) or not given.keys() <= set(self._parts) or missing:
            raise TypeError(f"{type(self).__name__} takes {', '.join(self._parts) or 'nothing'}, not {values} {named}")
        self.__dict__.update(given)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._values == other._values

    def __hash__(self) -> int:
        return hash((type(self), self._values))

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in zip(self._parts, self._values, strict=True))
        return f"{type(self).__name__}({', '.join(shown)})"

    @property
    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._parts)

    @property
    def words(self) -> str:
        """The allowed values, as in "must be …"."""
        return "text"

    def read(self, name: str, text: str) -> Any:
        """The value that a person wrote. Raises InputError, which names the field `name`."""
        return self.accept(name, text)

    def accept(self, name: str, value: Any) -> Any:
        """The value that Python or JSON gave, clean. Raises InputError, which names `name`."""
        if not isinstance(value, str):
            raise wrong(name, value, self.words)
        return value

    def write(self, value: Any) -> str:
        """The inverse of `read`: how a person would write the value."""
        return str(value)

    def plain(self, value: Any) -> Any:
        """The value as JSON holds it; `accept` takes it back."""
        return value

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the values that `accept` takes."""
        return {"type": "string"}

    @property
    def options(self) -> tuple[str, ...]:
        """The words to choose from, for completion; empty where there is no list."""
        return ()


def outside(name: str, value: object, words: str) -> DomainError:
    """The error for one argument of a formula: its name, its value and what it may be."""
    return DomainError(f"{name} = {shown(value)} is outside the domain: {name} must be {words}.")


def wrong(name: str, value: object, words: str) -> InputError:
    """The error for one input: its name, its value and what it may be."""
    return InputError(name, f"`{name}` must be {words}, not {shown(value)}.")


def within(schema: Mapping[str, Any], **bounds: float) -> dict[str, Any]:
    """`schema` with those bounds that are finite."""
    return {**schema, **{key: bound for key, bound in bounds.items() if abs(bound) != float("inf")}}
