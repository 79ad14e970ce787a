"""Kind: what a value may be. It reads text, checks values from Python or JSON, and describes itself to people and programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ropescope.errors import DomainError, InputError


class Kind:
    """A kind of input. `metavar` stands for a value of it in help, `words` says which values it allows."""

    metavar: str = "TEXT"

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
    return DomainError(f"{name} = {value!r} is outside the domain: {name} must be {words}.")


def wrong(name: str, value: object, words: str) -> InputError:
    """The error for one input: its name, its value and what it may be."""
    return InputError(name, f"`{name}` must be {words}, not {value!r}.")


def within(schema: Mapping[str, Any], **bounds: float) -> dict[str, Any]:
    """`schema` with those bounds that are finite."""
    return {**schema, **{key: bound for key, bound in bounds.items() if abs(bound) != float("inf")}}
