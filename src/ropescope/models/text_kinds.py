"""How each kind of text file is read: a text that is all of its file, JSON, lines of JSON, tables and parquet."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final, TextIO

from ropescope.errors import FormatError, MissingExtraError, SourceError
from ropescope.local_files import open_bytes
from ropescope.questions.names import few

MOST_LINE_BYTES: Final = 64 << 20
MOST_JSON_BYTES: Final = 128 << 20
MOST_JSON_CONTAINERS: Final = 1 << 22
"""A .json file is parsed whole, and an empty list takes twenty times as much memory as text."""
MOST_UNPACKED_BYTES: Final = 4 << 30
"""A .gz file that unpacks to more is no text anyone wrote."""
_AT_ONCE: Final = 1 << 20

Text = Iterator[str]
"""The pieces of one text."""


def kind_of(path: Path) -> str:
    """The suffix that tells how a file is read, without a `.gz` behind it."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return (suffixes[-2] if len(suffixes) > 1 else "") if suffixes[-1:] == [".gz"] else (suffixes or [""])[-1]


class _Unpacked(io.RawIOBase):
    """The bytes of a gzip file, up to MOST_UNPACKED_BYTES."""

    def __init__(self, path: Path) -> None:
        self._file, self._path, self._read = gzip.open(path, "rb"), path, 0  # noqa: SIM115

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._file.read(len(buffer))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FormatError(f"{self._path} is no sound gzip file ({error}): pack it again.") from error
        self._read += len(data)
        if self._read > MOST_UNPACKED_BYTES:
            raise FormatError(f"{self._path} unpacks to more than {MOST_UNPACKED_BYTES >> 30} GiB: give a part of it.")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def opened(path: Path) -> IO[bytes]:
    """The bytes of a file, unpacked where its name ends in .gz."""
    if path.suffix.lower() != ".gz":
        return open_bytes(path)
    return io.BufferedReader(_Unpacked(path), _AT_ONCE)


def _whole(path: Path, column: str) -> Iterator[Text]:
    """A text that is all of its file."""
    pieces = _decoded(path)
    blank: list[str] = []
    for piece in pieces:
        if piece.strip():
            yield _chain(blank, piece, pieces)
            return
        blank.append(piece)


def _chain(before: list[str], piece: str, after: Iterator[str]) -> Text:
    yield from before
    yield piece
    yield from after


def _decoded(path: Path) -> Iterator[str]:
    """The characters of a UTF-8 file, without its byte-order mark, in pieces."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with opened(path) as file:
        at = 0
        while True:
            raw = file.read(_AT_ONCE)
            held = len(decoder.getstate()[0])
            try:
                piece = decoder.decode(raw, final=not raw)
            except UnicodeDecodeError as error:
                raise _no_utf8(str(path), at - held + error.start) from error
            if piece:
                yield piece.removeprefix("\ufeff") if at == 0 else piece
            if not raw:
                return
            at += len(raw)


def numbered_lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """The lines of a file, each behind its place (PATH:NUMBER). Raises FormatError for one that is too long."""
    with opened(path) as file:
        number = 0
        while raw := file.readline(MOST_LINE_BYTES + 1):
            number += 1
            where = f"{path}:{number}"
            if len(raw) > MOST_LINE_BYTES:
                raise FormatError(f"{where} is longer than {MOST_LINE_BYTES >> 20} MiB: split it.")
            yield where, raw


def _lines(path: Path, column: str) -> Iterator[Text]:
    for where, raw in numbered_lines(path):
        if text := _of_line(raw, where, column):
            yield iter((text,))


def _of_line(raw: bytes, where: str, column: str) -> str:
    line = decode(raw, where)
    if not line.strip():
        return ""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{where} is not valid JSON ({error}): mend that line.") from error
    if not isinstance(row, dict):
        raise FormatError(f"{where} is a JSON {type(row).__name__}, not an object: write one object a line.")
    return _cell(row, where, column)


def _json(path: Path, column: str) -> Iterator[Text]:
    """A JSON list of texts or of objects, one object, or objects line by line, as data sets have it in .json files."""
    with opened(path) as file:
        raw = file.read(MOST_JSON_BYTES + 1)
    if len(raw) > MOST_JSON_BYTES or raw.count(b"[") + raw.count(b"{") > MOST_JSON_CONTAINERS:
        raise FormatError(
            f"{path} is longer than {MOST_JSON_BYTES >> 20} MiB or holds more than {MOST_JSON_CONTAINERS:,} lists and "
            "objects: write them one a line, as .jsonl."
        )
    if not raw.strip():
        raise FormatError(f"{path} is empty: give a file that holds text.")
    try:
        data = json.loads(decode(raw, str(path)))
    except (ValueError, RecursionError) as error:
        lines = raw.splitlines()
        if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data" and len(lines) > 1:
            for number, line in enumerate(lines, 1):
                if text := _of_line(line, f"{path}:{number}", column):
                    yield iter((text,))
            return
        raise FormatError(f"{path} is not valid JSON ({error}): mend it.") from error
    for index, row in enumerate(_rows(data, column)):
        where = f"{path}[{index}]"
        if not isinstance(row, str | dict):
            raise FormatError(f"{where} is a JSON {type(row).__name__}: a text, or an object with one, is read.")
        if text := _text(row, where, column) if isinstance(row, str) else _cell(row, where, column):
            yield iter((text,))


def _rows(data: Any, column: str) -> list[Any]:
    """The entries of a JSON file: those of a list, also where it is the column of an object; else the one there is."""
    if isinstance(data, dict) and isinstance(data.get(column), list):
        return list(data[column])
    return data if isinstance(data, list) else [data]


def _table(path: Path, column: str) -> Iterator[Text]:
    """Rows below a line of names: commas between the cells of a .csv file, tabs in a .tsv file."""
    csv.field_size_limit(MOST_LINE_BYTES)
    text = io.TextIOWrapper(opened(path), encoding="utf-8-sig", newline="")
    with text:
        reader = csv.reader(short_lines(text, path), delimiter="\t" if kind_of(path) == ".tsv" else ",")
        try:
            names = next(reader, [])
            if names and column not in names:
                raise _no_column(str(path), column, names)
            for row in reader:
                place = names.index(column)
                if len(row) > place and row[place].strip():
                    yield iter((row[place],))
        except csv.Error as error:
            raise FormatError(f"{path}:{reader.line_num} is no sound table ({error}): mend that line.") from error
        except UnicodeDecodeError as error:
            raise FormatError(f"{path} is not UTF-8 (near line {reader.line_num + 1}): save it as UTF-8.") from error


def short_lines(file: TextIO, path: Path) -> Iterator[str]:
    """The lines of a file. Raises FormatError for one of more than MOST_LINE_BYTES characters."""
    while line := file.readline(MOST_LINE_BYTES + 1):
        if len(line) > MOST_LINE_BYTES:
            raise FormatError(f"{path} has a line longer than {MOST_LINE_BYTES >> 20} MiB: split it.")
        yield line


def _parquet(path: Path, column: str) -> Iterator[Text]:
    if path.suffix.lower() == ".gz":
        raise SourceError(f"{path} is a packed parquet file: unpack it, since parquet is read from its end.")
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError(
            f"{path} is a parquet file, and pyarrow is not installed: pip install 'ropescope[measure]'."
        ) from error
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            if column not in file.schema_arrow.names:
                raise _no_column(str(path), column, file.schema_arrow.names)
            row = 0
            for batch in file.iter_batches(batch_size=256, columns=[column]):
                for value in batch.column(0).to_pylist():
                    row += 1
                    if text := _text(value, f"{path}, row {row}", column):
                        yield iter((text,))
    except (pyarrow.ArrowException, OverflowError) as error:
        if isinstance(error, OSError):
            raise
        raise FormatError(f"{path} is no sound parquet file ({error}): download it again.") from error


def _cell(row: Mapping[str, Any], where: str, column: str) -> str:
    if column not in row:
        raise _no_column(where, column, row)
    return _text(row[column], where, column)


def _text(value: Any, where: str, column: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise FormatError(f"{where}: column {column!r} holds a {type(value).__name__}, not text: name another column.")
    return value if value.strip() else ""


def _no_column(where: str, column: str, names: Iterable[object]) -> FormatError:
    shown = few([str(name) for name in names], 20)
    return FormatError(f"{where} has no column {column!r} (it has {shown or 'none'}): name one of those.")


def decode(raw: bytes, where: str) -> str:
    """UTF-8 without its byte-order mark. Raises FormatError, which names `where`."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _no_utf8(where, error.start) from error


def _no_utf8(where: str, byte: int) -> FormatError:
    return FormatError(f"{where} is not UTF-8 (byte {byte}): save it as UTF-8.")


READERS: Final[Mapping[str, Callable[[Path, str], Iterator[Text]]]] = {
    ".txt": _whole,
    ".md": _whole,
    ".json": _json,
    ".jsonl": _lines,
    ".csv": _table,
    ".tsv": _table,
    ".parquet": _parquet,
}
"""By the suffix of a file: its texts, given the path and the column."""
