"""Attributes that were changed on a network, and how they get their old values back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Undo:
    """The old values: (owner, name, value), in the order of the changes."""

    before: list[tuple[Any, str, Any]] = field(default_factory=list)

    def change(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute, and keep its old value."""
        self.before.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    def restore(self) -> None:
        """Put back every old value: the same modules, not copies of them."""
        while self.before:
            owner, name, value = self.before.pop()
            setattr(owner, name, value)
