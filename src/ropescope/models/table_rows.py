"""Rows of a table in a file: JSON lines, a JSON list of objects, or CSV, told apart by how the text begins.

The name of the file says only whether it is packed (.gz), so that a pasted table is read as well.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ropescope.errors import FormatError, SourceError
from ropescope.models.json_file import unreadable
from ropescope.models.text_kinds import (
    MOST_JSON_BYTES,
    MOST_JSON_CONTAINERS,
    MOST_LINE_BYTES,
    decode,
    numbered_lines,
    opened,
    short_lines,
)

ACCEPTED: Final = "CSV with a line of names, JSON lines, or a JSON list of objects"

Row = tuple[str, Mapping[str, Any]]
"""Where a row stands (file and line), and its values by column. Values of CSV are text."""


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a table, one after the other.

    Raises SourceError for a file that is missing or unreadable, and FormatError, with file and line, for what is no table:
    broken JSON, a row that has more cells than there are names, names that stand twice, text that is not UTF-8.
    """
    if not path.is_file():
        raise SourceError(f"{path} is no file: check the path.")
    try:
        with opened(path) as file:
            start = file.read(1 << 16).removeprefix(b"\xef\xbb\xbf").lstrip()
        if not start:
            raise FormatError(f"{path} is empty: give {ACCEPTED}.")
        if start[:4] == b"PAR1" or b"\0" in start:
            raise FormatError(f"{path} is not a text file: give {ACCEPTED}.")
        if start[:1] == b"[":
            yield from _json_list(path)
        elif start[:1] == b"{":
            yield from _json_lines(path)
        else:
            yield from _csv(path)
    except OSError as error:
        raise unreadable(path, error) from error


def _json_lines(path: Path) -> Iterator[Row]:
    for where, raw in numbered_lines(path):
        if line := decode(raw, where).strip():
            yield where, _object(_parsed(line, where), where)


def _json_list(path: Path) -> Iterator[Row]:
    with opened(path) as file:
        raw = file.read(MOST_JSON_BYTES + 1)
    if len(raw) > MOST_JSON_BYTES or raw.count(b"[") + raw.count(b"{") > MOST_JSON_CONTAINERS:
        raise FormatError(
            f"{path} is longer than {MOST_JSON_BYTES >> 20} MiB or holds more than {MOST_JSON_CONTAINERS:,} lists and "
            "objects: write one object a line, as .jsonl."
        )
    for index, row in enumerate(_parsed(decode(raw, str(path)), str(path))):
        where = f"{path}[{index}]"
        yield where, _object(row, where)


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{where} is not valid JSON ({error}): mend it.") from error


def _object(row: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(row, dict):
        raise FormatError(f"{where} is a JSON {type(row).__name__}, not an object: a row is an object.")
    return row


def _csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(MOST_LINE_BYTES)
    with io.TextIOWrapper(opened(path), encoding="utf-8-sig", newline="") as text:
        lines = short_lines(text, path)
        try:
            above, head = next((number, line) for number, line in enumerate(lines, 1) if line.strip())
            between = max(",\t;", key=head.count)
            names = [name.strip() for name in next(csv.reader([head], delimiter=between))]
            if len(set(names)) < len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise FormatError(f"{path}:{above} names the column {twice!r} twice: rename one of them.")
            reader = csv.reader(lines, delimiter=between)
            for cells in reader:
                where = f"{path}:{above + reader.line_num}"
                if len(cells) > len(names):
                    raise FormatError(
                        f"{where} has {len(cells)} cells, and the line of names has {len(names)}: mend that line."
                    )
                if cells:
                    yield where, dict(zip(names, cells, strict=False))
        except csv.Error as error:
            raise FormatError(f"{path} is no sound table ({error}): give {ACCEPTED}.") from error
        except UnicodeDecodeError as error:
            raise FormatError(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8.") from error
