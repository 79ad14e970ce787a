"""Extract: which figures are taken from which raw files. One registry, read by the compile script and by `--data`.

Each module in `extracts/` holds functions marked with `@extract`; a new one is found without being listed anywhere.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any

from ropescope.evidence.cells import Kind, read_csv, write_csv
from ropescope.evidence.raw import RawFiles

Rows = tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Extract:
    """A table of figures: its columns, the raw files it is taken from, and the function that takes them."""

    name: str
    says: str
    files: tuple[str, ...]
    columns: Mapping[str, Kind]
    take: Callable[[RawFiles], list[dict[str, Any]]]

    def shipped(self) -> Rows:
        """The rows as they come with the package."""
        text = files("ropescope.evidence").joinpath("data", f"{self.name}.csv").read_text(encoding="utf-8")
        return read_csv(self.columns, text, self.name)

    def from_raw(self, raw: RawFiles) -> Rows:
        """The rows taken from raw files. Raises SourceError or FormatError for a file that cannot be read."""
        # By way of the text, so that a whole number in a raw file has the type that the shipped one has.
        return read_csv(self.columns, write_csv(self.columns, self.take(raw), ""), self.name)


_EXTRACTS: dict[str, Extract] = {}


def extract(
    *, says: str, files: tuple[str, ...], columns: Mapping[str, Kind]
) -> Callable[[Callable[[RawFiles], list[dict[str, Any]]]], Callable[[RawFiles], list[dict[str, Any]]]]:
    """Register a function as the extract of its own name; it returns one dict a row, with a value for every column."""

    def register(take: Callable[[RawFiles], list[dict[str, Any]]]) -> Callable[[RawFiles], list[dict[str, Any]]]:
        _EXTRACTS[take.__name__] = Extract(take.__name__, says, files, dict(columns), take)
        return take

    return register


@cache
def extracts() -> Mapping[str, Extract]:
    """Every extract by name, sorted."""
    package = import_module("ropescope.evidence.extracts")
    for module in pkgutil.iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_EXTRACTS.items()))
