"""Texts in files of the user's: plain, JSON, CSV or parquet, each of them packed by gzip or not.

Files are read piece by piece, so that what needs the beginning of a text reads no more than that, and a small file that
unpacks to a huge one fills no memory. A line ends in "\\n" whatever ends it in the file (CRLF of Windows, CR), so that the
same text is measured alike wherever it was saved.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from ropescope.errors import FormatError, SourceError
from ropescope.models.json_file import unreadable
from ropescope.models.text_kinds import READERS, Text, kind_of

KINDS: Final = ".txt, .md, .json, .jsonl, .csv, .tsv or .parquet, or one of them with .gz behind it"

READABLE: Final = tuple(READERS)
"""The suffixes that are read, without .gz."""

HEAD_CHARACTERS: Final = 4 << 20
"""How much of each file is read before any work, to find what is wrong with it."""


def read_texts(paths: str | Path | Iterable[str | Path], *, column: str = "text") -> Iterator[str]:
    """The texts in `paths`: a .txt or .md file is one text; every .jsonl line, entry of a .json list, and row of a .csv,
    .tsv or .parquet file is one. Each kind may be packed: `.jsonl.gz`.

    `column` names the field that holds the text; a row where it is null or empty is left out. Files are checked to exist
    before the first text is given, and read piece by piece. Raises SourceError for a file that is missing, unreadable or
    of another kind, FormatError for a missing column, invalid JSON (file and line), text that is not UTF-8, a damaged or
    an empty file, and MissingExtraError when pyarrow is needed and absent.
    """
    texts = _texts(_checked(paths), column)
    return ("".join(pieces) for pieces in texts)


def read_pieces(paths: str | Path | Iterable[str | Path], *, column: str = "text") -> Iterator[str]:
    """The texts in `paths` one after the other, an empty line between them, in pieces of up to a mebibyte of a file.

    Raises as `read_texts`.
    """
    texts = _texts(_checked(paths), column)
    return _joined(texts)


def text_pieces(path: Path, *, column: str = "text") -> Iterator[Text]:
    """Each text of one file in pieces of up to a mebibyte, which must be read before the next text. Raises as `read_texts`."""
    return _texts(_checked(path), column)


def check_texts(paths: Sequence[Path], column: str = "text", *, least_bytes: int = 0) -> None:
    """Raise now what `read_texts` would raise for the files themselves and for the beginning of each, and SourceError where
    all their text together is shorter than `least_bytes` in UTF-8."""
    if not paths:
        return
    for path in _checked(paths):
        _read_head(path, column)
    found = 0
    for piece in read_pieces(paths, column=column):
        found += len(piece.encode())
        if found >= least_bytes:
            return
    raise SourceError(
        f"{', '.join(path.name for path in paths)} holds {found:,} bytes of text, and at least {least_bytes:,} are needed: "
        "give more text, a shorter `length`, or fewer prompts or texts."
    )


def _read_head(path: Path, column: str) -> None:
    """Raise what stands against the first HEAD_CHARACTERS of the texts of a file: a broken line, a missing column."""
    read = 0
    for piece in read_pieces([path], column=column):
        read += len(piece)
        if read >= HEAD_CHARACTERS:
            return


def _checked(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    files = [Path(paths)] if isinstance(paths, str | os.PathLike) else [Path(path) for path in paths]
    if not files:
        raise SourceError(f"no text file was given: give a {KINDS} file.")
    for path in files:
        if not path.is_file():
            raise SourceError(f"{path} is no file: check the path.")
        if kind_of(path) not in READERS:
            raise SourceError(f"{path} is of a kind that is not read: give a {KINDS} file.")
    return files


def _texts(files: Iterable[Path], column: str) -> Iterator[Text]:
    for path in files:
        empty = True
        try:
            for text in READERS[kind_of(path)](path, column):
                empty = False
                yield _with_newlines(text)
        except OSError as error:
            raise unreadable(path, error) from error
        if empty:
            raise FormatError(f"{path} holds no text: give a file with text in it.")


def _with_newlines(pieces: Text) -> Text:
    """A text with universal newlines."""
    line_ends = io.IncrementalNewlineDecoder(None, translate=True)
    for piece in pieces:
        if shown := line_ends.decode(piece):
            yield shown
    if last := line_ends.decode("", final=True):
        yield last


def _joined(texts: Iterator[Text]) -> Iterator[str]:
    for index, pieces in enumerate(texts):
        if index:
            yield "\n\n"
        yield from pieces
