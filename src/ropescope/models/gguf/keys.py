"""The metadata of a GGUF header under its architecture's name, each value checked as it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ropescope.errors import FormatError
from ropescope.models.config.fields import MOST_OTHERWISE, positive_float, positive_int, short
from ropescope.models.gguf.header import GGUFArray, GGUFHeader


class Keys:
    """What the file says under `{architecture}.…`; remembers what was assumed in place of what it does not say."""

    def __init__(self, header: GGUFHeader) -> None:
        self.architecture = header.architecture
        self.metadata = header.metadata
        self.assumed: dict[str, str] = {}

    def name(self, key: str) -> str:
        """The key as the file writes it."""
        return f"{self.architecture}.{key}"

    def get(self, key: str) -> Any:
        """The value as stored; None where the file has none."""
        return self.metadata.get(self.name(key))

    def integer(self, key: str, most: int = MOST_OTHERWISE) -> int | None:
        """A whole number above zero, or None. Raises FormatError naming key and value."""
        value = self.get(key)
        return None if value is None else positive_int(value, self.name(key), most)

    def whole(self, key: str, most: int = MOST_OTHERWISE) -> int:
        """A whole number, 0 where the file has none. Raises FormatError naming key and value."""
        value = self.get(key)
        return (
            0
            if value is None or (value == 0 and not isinstance(value, bool))
            else positive_int(value, self.name(key), most)
        )

    def required(self, key: str, most: int = MOST_OTHERWISE) -> int:
        """As `integer`, but raises FormatError where there is none."""
        value = self.integer(key, most)
        if value is None:
            raise FormatError(f"{self.name(key)} is missing from the GGUF metadata: convert the model again.")
        return value

    def number(self, key: str) -> float | None:
        """A finite number above zero, or None. Raises FormatError naming key and value."""
        value = self.get(key)
        return None if value is None else positive_float(value, self.name(key))

    def flag(self, key: str, otherwise: bool) -> bool:
        """A true/false key. Raises FormatError for anything else."""
        value = self.get(key)
        if value is not None and not isinstance(value, bool):
            raise FormatError(f"{self.name(key)} is {short(value)}: it must be true or false.")
        return otherwise if value is None else value

    def per_layer(self, key: str, n_layers: int) -> tuple[int, ...] | None:
        """One whole number a layer, stored as one number or as an array; 0 marks a layer without."""
        value = self.get(key)
        if value is None:
            return None
        if not isinstance(value, GGUFArray):
            return (positive_int(value, self.name(key), 1 << 24),) * n_layers
        return tuple(
            0 if entry == 0 else positive_int(entry, f"{self.name(key)}[{index}]", 1 << 24)
            for index, entry in enumerate(self._entries(key, value, n_layers))
        )

    def marks(self, key: str, n_layers: int) -> tuple[bool, ...] | None:
        """One mark a layer, where they are stored as an array. Raises FormatError for an array too short."""
        value = self.get(key)
        return (
            tuple(bool(entry) for entry in self._entries(key, value, n_layers))
            if isinstance(value, GGUFArray)
            else None
        )

    def _entries(self, key: str, value: GGUFArray, n_layers: int) -> Sequence[Any]:
        # An array may go on with the layers for multi-token prediction.
        if value.values is None or value.length < n_layers:
            raise FormatError(f"{self.name(key)} has {value.length} entries for {n_layers} layers: convert it again.")
        return value.values[:n_layers]
