"""JSON from files nobody vouches for: bounded in bytes and in values before it is parsed, and every fault a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final

from ropescope.errors import FormatError, SourceError
from ropescope.local_files import open_bytes

MOST_BYTES: Final = 16 << 20
# The text's length alone bounds no memory: a list that holds nothing takes 64 bytes and three characters of text, a short
# entry of an object 170 bytes. The largest real file lists 100,000 tensors in 300,000 brackets and 500,000 commas.
MOST_CONTAINERS: Final = 1 << 19
MOST_VALUES: Final = 9 << 16
_PIECE_BYTES: Final = 256 << 10

PairsHook = Callable[[list[tuple[str, Any]]], Any]


def unreadable(path: Path, error: OSError) -> SourceError:
    """The error for a file that cannot be opened: it is not there, or it may not be read."""
    if isinstance(error, FileNotFoundError):
        return SourceError(f"{path} does not exist: check the path.")
    return SourceError(f"{path} cannot be read ({error.strerror or error}): check its permissions.")


def read_json(path: Path, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """The JSON object in `path`. Raises SourceError if it cannot be read, FormatError (with line) if it is not one."""
    try:
        with open_bytes(path) as file:
            raw = read_bounded(file, most_bytes + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    return json_object(raw, str(path), most_bytes)


def read_bounded(file: IO[bytes], most_bytes: int) -> bytes:
    """The first `most_bytes` of a file, in pieces: one read sets aside all that it asks for, which a browser does not give back."""
    pieces, left = [], most_bytes
    while left > 0 and (piece := file.read(min(left, _PIECE_BYTES))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def json_object(raw: bytes, where: str, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """The JSON object that `raw` holds; `where` is how errors call the file. Raises FormatError."""
    if len(raw) > most_bytes:
        raise FormatError(f"{where} is longer than {most_bytes >> 20} MiB: a model has no file of this kind that long.")
    data = parse_json(raw, where)
    if not isinstance(data, dict):
        raise FormatError(f"{where} holds a JSON {type(data).__name__}, not an object: give a model's config.json.")
    return data


def parse_json(raw: bytes, where: str, *, at: int = 0, pairs: PairsHook | None = None) -> Any:
    """The value that `raw` holds; objects pass through `pairs` where it is given.

    `where` is how errors call the file, `at` the offset of `raw` in it (0: errors give the line). Raises FormatError.
    """
    if raw.count(b"[") + raw.count(b"{") > MOST_CONTAINERS or raw.count(b",") > MOST_VALUES:
        raise FormatError(
            f"{where} holds more than {MOST_VALUES:,} JSON values: a model has no file of this kind with so many."
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{where} is not UTF-8 (byte {at + error.start}): save it as UTF-8.") from error
    if not text.strip():
        raise FormatError(f"{where} is empty: write or fetch it again.")
    try:
        return json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        place = f" (offset {at + len(text[: error.pos].encode())})" if at else f":{error.lineno}"
        raise FormatError(f"{where}{place} is not valid JSON ({error.msg}): mend that line.") from error
    except (RecursionError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(
            f"{where} cannot be parsed ({error}): it is nested too deeply or holds a number too long."
        ) from error
