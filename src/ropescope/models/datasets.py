"""Texts to measure on: from files of the user's, or from one data file of a dataset on the Hub."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from ropescope.errors import FormatError, MissingExtraError, SourceError

PREFERENCE: Final = (".parquet", ".jsonl", ".txt")
"""Which data file of a dataset to take, best first."""

MOST_LINE_BYTES: Final = 64 << 20


def read_texts(paths: str | Path | Iterable[str | Path], *, column: str = "text") -> Iterator[str]:
    """The texts in `paths`: a .txt or .md file is one text, every .jsonl line and parquet row is one.

    `column` names the field that holds the text in .jsonl and .parquet; a row where it is null or empty is left out.
    Files are checked to exist before the first text is given, and read piece by piece. Raises SourceError for a file
    that is missing, unreadable or of another kind, FormatError for a missing column, invalid JSON (file and line), text
    that is not UTF-8, or an empty file, and MissingExtraError when pyarrow is needed and absent.
    """
    files = [Path(paths)] if isinstance(paths, str | os.PathLike) else [Path(path) for path in paths]
    if not files:
        raise SourceError("no text file was given: give a .txt, .md, .jsonl or .parquet file.")
    readers = {".txt": _whole, ".md": _whole, ".jsonl": _lines, ".parquet": _parquet}
    for path in files:
        if not path.is_file():
            raise SourceError(f"{path} is no file: check the path.")
        if path.suffix.lower() not in readers:
            raise SourceError(f"{path} is of a kind that is not read: give a .txt, .md, .jsonl or .parquet file.")

    def texts() -> Iterator[str]:
        for path in files:
            empty = True
            try:
                for text in readers[path.suffix.lower()](path, column):
                    empty = False
                    yield text
            except OSError as error:
                raise SourceError(
                    f"{path} cannot be read ({error.strerror or error}): check its permissions."
                ) from error
            if empty:
                raise FormatError(f"{path} holds no text: give a file with text in it.")

    return texts()


def fetch_dataset(
    repo_id: str, *, revision: str | None = None, split: str = "train", column: str = "text"
) -> tuple[tuple[Path, ...], str]:
    """(the local paths of one data file of a Hub dataset, the commit it was taken at).

    The file is the first of the preferred kind (parquet, then .jsonl, then .txt) whose name contains `split`. That
    `column` is in it is checked at once. Raises SourceError where the dataset or a suitable file cannot be had, and
    what `read_texts` raises for its content.
    """
    from ropescope.models.hub import fetch_file, list_files, pin

    commit, _ = pin(repo_id, revision, repo_type="dataset")
    name = choose_file(list_files(repo_id, commit, repo_type="dataset"), split)
    if name is None:
        raise SourceError(
            f"{repo_id} holds no .parquet, .jsonl or .txt file: choose another dataset, or give a local file."
        )
    path = fetch_file(repo_id, commit, name, repo_type="dataset")
    next(read_texts(path, column=column))
    return (path,), commit


def choose_file(names: Iterable[str], split: str) -> str | None:
    """The data file to take from a listing, None if there is none: with `split` in its name first, then by kind,
    then by the alphabet."""
    ranked = []
    for name in names:
        path = Path(name)
        if path.suffix.lower() not in PREFERENCE or path.name.lower() in (
            "readme.txt",
            "license.txt",
            "requirements.txt",
        ):
            continue
        without = bool(split) and split.lower() not in name.lower()
        ranked.append((without, PREFERENCE.index(path.suffix.lower()), name))
    return min(ranked)[2] if ranked else None


def _whole(path: Path, column: str) -> Iterator[str]:
    text = _decode(path.read_bytes(), str(path))
    if text.strip():
        yield text


def _lines(path: Path, column: str) -> Iterator[str]:
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(MOST_LINE_BYTES + 1):
            number += 1
            where = f"{path}:{number}"
            if len(raw) > MOST_LINE_BYTES:
                raise FormatError(f"{where} is longer than {MOST_LINE_BYTES >> 20} MiB: split it.")
            line = _decode(raw, where)
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise FormatError(f"{where} is not valid JSON ({error}): mend that line.") from error
            if not isinstance(row, dict):
                raise FormatError(f"{where} is a JSON {type(row).__name__}, not an object: write one object a line.")
            if column not in row:
                raise _no_column(where, column, row)
            if text := _text(row[column], where, column):
                yield text


def _parquet(path: Path, column: str) -> Iterator[str]:
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
                        yield text
    except (pyarrow.ArrowException, OverflowError) as error:
        if isinstance(error, OSError):
            raise
        raise FormatError(f"{path} is no sound parquet file ({error}): download it again.") from error


def _text(value: Any, where: str, column: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise FormatError(f"{where}: column {column!r} holds a {type(value).__name__}, not text: name another column.")
    return value if value.strip() else ""


def _no_column(where: str, column: str, names: Iterable[object]) -> FormatError:
    listed = [str(name) for name in names]
    shown = ", ".join(listed[:20]) + (f" and {len(listed) - 20} more" if len(listed) > 20 else "")
    return FormatError(f"{where} has no column {column!r} (it has {shown or 'none'}): name one of those.")


def _decode(raw: bytes, where: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{where} is not UTF-8 (byte {error.start}): save it as UTF-8.") from error
