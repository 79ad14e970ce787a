"""Extract: which figures are taken from which raw files. One registry, read by the compile script and by `--data`.

Each module in `extracts/` holds functions marked with `@extract`; a new one is found without being listed anywhere.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from importlib import import_module
from typing import Any

from ropescope.errors import FormatError
from ropescope.evidence.cells import Kind, read_csv, shipped_rows, write_csv
from ropescope.evidence.raw import PUBLISHED_AT, RawFiles

Rows = tuple[dict[str, Any], ...]
Entries = Iterable[Mapping[str, Any]]
Found = Kind | tuple[Kind, str]
"""What a column holds and which key of an entry has it (dots go into an entry); without a key, the column's name."""


@dataclass(frozen=True, slots=True)
class Extract:
    """A table of figures: its columns, the raw files, and the function that finds one entry a row in their contents."""

    name: str
    says: str
    files: tuple[str, ...]
    found: Mapping[str, Found]
    entries: Callable[..., Entries]

    @property
    def columns(self) -> dict[str, Kind]:
        """What each column holds."""
        return {name: found if isinstance(found, str) else found[0] for name, found in self.found.items()}

    def shipped(self) -> Rows:
        """The rows as they come with the package."""
        return shipped_rows(self.columns, self.name)

    def from_raw(self, raw: RawFiles) -> Rows:
        """The rows taken from raw files. Raises SourceError or FormatError for a file that cannot be read."""
        keys = {name: name if isinstance(found, str) else found[1] for name, found in self.found.items()}
        contents = [raw.json(file) for file in self.files]
        try:
            rows = [{name: _value(entry, key) for name, key in keys.items()} for entry in self.entries(*contents)]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FormatError(
                f"The raw files of the table {self.name} are not as published ({error!r}): get them again from {PUBLISHED_AT}."
            ) from error
        # By way of the text, so that a whole number in a raw file has the type that the shipped one has.
        return read_csv(self.columns, write_csv(self.columns, rows, ""), self.name)


def _value(entry: Mapping[str, Any], key: str) -> Any:
    return reduce(lambda inner, part: inner[part], key.split("."), entry)


_EXTRACTS: dict[str, Extract] = {}


def extract(
    *, says: str, files: tuple[str, ...], columns: Mapping[str, Found]
) -> Callable[[Callable[..., Entries]], Callable[..., Entries]]:
    """Register a function as the extract of its own name; it is given the contents of `files` and returns one entry a row."""

    def register(entries: Callable[..., Entries]) -> Callable[..., Entries]:
        _EXTRACTS[entries.__name__] = Extract(entries.__name__, says, files, dict(columns), entries)
        return entries

    return register


@cache
def extracts() -> Mapping[str, Extract]:
    """Every extract by name, sorted."""
    package = import_module("ropescope.evidence.extracts")
    for module in pkgutil.iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_EXTRACTS.items()))
