"""Cells: how a value stands in a shipped CSV, and how it is read back equal to the last bit."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Literal

from ropescope.errors import FormatError

Kind = Literal["text", "whole", "number", "numbers", "series"]
"""What a column holds: a word, an integer, a float, floats (spaces between), or several lists of floats (| between)."""

Row = Mapping[str, Any]


def write_csv(columns: Mapping[str, Kind], rows: Sequence[Row], comment: str) -> str:
    """A CSV with `comment` above it, each of its lines behind a #; an absent value is an empty cell."""
    out = io.StringIO()
    for line in comment.splitlines():
        out.write(f"# {line}\n")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_write(row[name], kind) for name, kind in columns.items()] for row in rows)
    return out.getvalue()


def read_csv(columns: Mapping[str, Kind], text: str, name: str) -> tuple[dict[str, Any], ...]:
    """The rows of `write_csv`. Raises FormatError, naming `name`, for other columns or a cell that does not read."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    reader = csv.DictReader(lines)
    if list(reader.fieldnames or ()) != list(columns):
        raise FormatError(f"The table {name} has the columns {reader.fieldnames}, and {list(columns)} were expected.")
    try:
        return tuple({key: _read(row[key], kind) for key, kind in columns.items()} for row in reader)
    except (ValueError, AttributeError) as error:
        raise FormatError(f"The table {name} has a cell that does not read: {error}.") from error


def shipped_rows(columns: Mapping[str, Kind], name: str) -> tuple[dict[str, Any], ...]:
    """The rows of the table `name` that comes with the package. Raises FormatError as `read_csv`."""
    text = files("ropescope.evidence").joinpath("data", f"{name}.csv").read_text(encoding="utf-8")
    return read_csv(columns, text, name)


def _write(value: Any, kind: Kind) -> str:
    if value is None:
        return ""
    if kind == "numbers":
        return " ".join(repr(float(item)) for item in value)
    if kind == "series":
        return "|".join(_write(item, "numbers") for item in value)
    # repr is the shortest text that reads back as the same float.
    return repr(float(value)) if kind == "number" else str(value)


def _read(cell: str, kind: Kind) -> Any:
    if kind == "numbers":
        return tuple(float(item) for item in cell.split())
    if kind == "series":
        return tuple(_read(part, "numbers") for part in cell.split("|")) if cell else ()
    if kind == "text":
        return cell
    if not cell:
        return None
    return int(cell) if kind == "whole" else float(cell)
