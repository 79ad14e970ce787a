"""Tables of claims and experiments: the header is written as one line, an estimate is one cell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ropescope.report.report import Column, Scalar, Table

if TYPE_CHECKING:
    from ropescope.measure.estimates import Estimate

ESTIMATE = "~"
"""Marks a column of estimates, which takes three: the value and the ends of its 95 % interval."""
_COLUMN = re.compile(r"(?P<name>.*?)(?: \[(?P<unit>[^]]+)\])?(?: :(?P<format>\S+))?")


def table(
    title: str, header: str | Sequence[str], rows: Iterable[Iterable[Any]], note: str = "", limit: int | None = None
) -> Table:
    """A table under the header `model | length [tokens] :,d | ~γ`: names, units in brackets, formats after a colon.

    A column `~γ` takes estimates; None there leaves its three cells empty. Cells may be numbers of numpy.
    """
    columns = header.split(" | ") if isinstance(header, str) else header
    cells = tuple(tuple(_cells(columns, row)) for row in rows)
    return Table(title, tuple(column for text in columns for column in _columns(text)), cells, note, limit)


def table_by(
    title: str, key: str, columns: Mapping[str, Mapping[Any, Any]], note: str = "", limit: int | None = None
) -> Table:
    """A table with a row for each key of the first of `columns`, which hold the cells by key, under the column `key`."""
    first = next(iter(columns.values()))
    rows = ((at, *(cells[at] for cells in columns.values())) for at in first)
    return table(title, (key, *columns), rows, note, limit)


def _columns(text: str) -> Iterator[Column]:
    found = _COLUMN.fullmatch(text.removeprefix(ESTIMATE))
    assert found is not None
    name, unit, spec = (found[part] or "" for part in ("name", "unit", "format"))
    if not text.startswith(ESTIMATE):
        yield Column(name, unit, spec)
        return
    for each in (name, "from", "to"):
        yield Column(each, unit, spec or ".3f")


def _cells(columns: Sequence[str], row: Iterable[Any]) -> Iterator[Scalar]:
    for text, cell in zip(columns, row, strict=True):
        if text.startswith(ESTIMATE):
            yield from _estimate(cell)
        else:
            yield cell.item() if hasattr(cell, "item") else cell


def _estimate(estimate: Estimate | None) -> tuple[Scalar, Scalar, Scalar]:
    if estimate is None:
        return None, None, None
    return (estimate.value, *(estimate.ci or (None, None)))
