"""Reading the header of a safetensors file: names, types, shapes and places of its tensors, and none of their numbers.

Layout: eight bytes with the length of the header, the header as JSON, then the numbers of all tensors without a gap.
The checks are those of the safetensors library (0.8), and duplicate names, of which that takes the last, are refused.
A header as that library writes it is taken apart by one regular expression, which is three times as fast for 100,000
tensors as a JSON parser; any other way of writing the same JSON is read by the parser.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from ropescope.errors import FormatError
from ropescope.models.json_file import parse_json

LENGTH_BYTES: Final = 8
MOST_HEADER_BYTES: Final = 16 << 20
"""The format allows 100 MB; the header of 100,000 tensors takes 12."""

MOST_DIMENSIONS: Final = 64  # as torch has it

BITS: Final[Mapping[str, int]] = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "C64": 64,
    "F64": 64,
    "I64": 64,
    "U64": 64,
}
"""The types of the format, and the bits of one element."""

_NUMBER: Final = "(?:0|[1-9][0-9]{0,18})"
_COMPACT: Final = re.compile(
    rf'"([^"\\\x00-\x1f]*)":{{"dtype":"(\w+)","shape":\[((?:{_NUMBER}(?:,{_NUMBER})*)?)\],'
    rf'"data_offsets":\[({_NUMBER}),({_NUMBER})\]}}([,}}])'
)
_COMPACT_MARKS: Final = len('"":{"dtype":"","shape":[],"data_offsets":[,]}')
_COMPACT_START: Final = re.compile(r'\{(?:"__metadata__":\{"format":"(\w+)"\},)?')
_FIELDS: Final = frozenset(("dtype", "shape", "data_offsets"))


class StoredTensor(NamedTuple):
    """A tensor as a file stores it: `dtype` by the file's own name for it, `shape` with the slowest dimension first."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    n_bytes: int


@dataclass(frozen=True, slots=True)
class SafetensorsHeader:
    """What a safetensors file says of itself: its tensors in the order of the header, and the bytes of their numbers."""

    tensors: tuple[StoredTensor, ...]
    metadata: Mapping[str, str]
    data_bytes: int


_Entry = tuple[str, str, tuple[int, ...], int, int]
"""(name, dtype, shape, start, end); a plain tuple, since a header may have 100,000 of them."""


class _Object(list[tuple[str, Any]]):
    """A JSON object as its pairs, so that a name that comes twice is seen."""


def header_length(first: bytes, file_bytes: int, name: str) -> int:
    """The bytes of JSON that follow the first eight bytes of a file of `file_bytes`. Raises FormatError."""
    if len(first) < LENGTH_BYTES:
        raise FormatError(f"{name} has {len(first)} bytes (offset 0): it is no safetensors file; download it again.")
    length = int.from_bytes(first[:LENGTH_BYTES], "little")
    if length < 2 or length > file_bytes - LENGTH_BYTES:
        raise FormatError(
            f"{name} claims a header of {length:,} bytes (offset 0) and has {max(0, file_bytes - LENGTH_BYTES):,} more: "
            "it is no safetensors file, or its download was cut short; download it again."
        )
    if length > MOST_HEADER_BYTES:
        raise FormatError(
            f"{name} claims a header of {length:,} bytes (offset 0), more than the {MOST_HEADER_BYTES >> 20} MiB that "
            "are read: save the model in several files."
        )
    return length


def parse_header(raw: bytes, file_bytes: int, name: str) -> SafetensorsHeader:
    """The header `raw` (the JSON alone) of a file of `file_bytes` bytes. Raises FormatError with field and offset."""
    entries, metadata = _compact(raw) or _any_json(raw, name)
    names = [entry[0] for entry in entries]
    if len(set(names)) != len(names):
        twice = _first_twice(names)
        raise _error(raw, twice, f"names {twice[:80]!r} twice", name)
    shapes = {(dtype, shape): key for key, dtype, shape, _, _ in entries}
    sizes = {(dtype, shape): _n_bytes(raw, key, dtype, shape, name) for (dtype, shape), key in shapes.items()}
    tensors: list[StoredTensor] = []
    for key, dtype, shape, start, end in entries:
        n_bytes = sizes[dtype, shape]
        if end - start != n_bytes:
            raise _error(raw, key, f"gives tensor {key[:80]!r} data_offsets that do not fit its dtype and shape", name)
        tensors.append(StoredTensor(key, dtype, shape, n_bytes))
    data_bytes = file_bytes - LENGTH_BYTES - len(raw)
    _check_places(raw, entries, data_bytes, name)
    return SafetensorsHeader(tuple(tensors), metadata, data_bytes)


def _compact(raw: bytes) -> tuple[list[_Entry], Mapping[str, str]] | None:
    """(entries, metadata) of a header written without a space or an escape; None for any other way of writing it."""
    try:
        text = raw.decode().rstrip(" ")
    except UnicodeDecodeError:
        return None
    start = _COMPACT_START.match(text)
    found = _COMPACT.findall(text)
    if start is None or not found or '"__metadata__":' in text[start.end() :]:
        return None
    # Every character belongs to the start or to an entry, and commas part the entries: nothing was passed over.
    covered = start.end() + len("".join(map("".join, found))) + _COMPACT_MARKS * len(found)
    if covered != len(text) or "".join([entry[5] for entry in found]) != "," * (len(found) - 1) + "}":
        return None
    shapes: dict[str, tuple[int, ...]] = {"": ()}
    entries: list[_Entry] = []
    for key, dtype, shape_text, first, last, _ in found:
        shape = shapes.get(shape_text)
        if shape is None:
            shape = shapes[shape_text] = tuple(map(int, shape_text.split(",")))
        entries.append((key, dtype, shape, int(first), int(last)))
    return entries, {"format": start[1]} if start[1] else {}


def _any_json(raw: bytes, name: str) -> tuple[list[_Entry], Mapping[str, str]]:
    """(entries, metadata) of a header however it is written. Raises FormatError."""
    top = parse_json(raw, name, at=LENGTH_BYTES, pairs=_Object)
    if not isinstance(top, _Object):
        raise FormatError(f"{name} has a header that is no JSON object (offset 8): it is no safetensors file.")
    metadata: Mapping[str, str] = {}
    entries: list[_Entry] = []
    for key, value in top:
        if key != "__metadata__":
            entries.append(_entry(raw, key, value, name))
        elif value is not None:
            if not isinstance(value, _Object) or not all(isinstance(text, str) for _, text in value):
                raise _error(raw, key, "has __metadata__ that is no object of texts", name)
            metadata = dict(value)
    return entries, metadata


def _entry(raw: bytes, key: str, value: Any, name: str) -> _Entry:
    found = dict(value) if isinstance(value, _Object) else {}
    if not found.keys() >= _FIELDS or len(found) != len(value):
        raise _error(raw, key, f"does not give tensor {key[:80]!r} one dtype, shape and data_offsets", name)
    dtype, shape, offsets = found["dtype"], found["shape"], found["data_offsets"]
    if not isinstance(dtype, str):
        raise _error(raw, key, f"gives tensor {key[:80]!r} a dtype that is no word", name)
    if not _whole(shape):
        raise _error(raw, key, f"gives tensor {key[:80]!r} a shape that is no list of whole numbers", name)
    if not _whole(offsets) or len(offsets) != 2:
        raise _error(raw, key, f"gives tensor {key[:80]!r} data_offsets that are no two whole numbers", name)
    return key, dtype, tuple(shape), offsets[0], offsets[1]


def _whole(value: Any) -> bool:
    # Any other object is a list of pairs here, and never of numbers.
    return isinstance(value, list) and all(type(entry) is int and 0 <= entry < 1 << 63 for entry in value)


def _n_bytes(raw: bytes, key: str, dtype: str, shape: tuple[int, ...], name: str) -> int:
    bits = BITS.get(dtype)
    if bits is None:
        raise _error(raw, key, f"gives tensor {key[:80]!r} the unknown dtype {dtype[:40]!r}", name)
    n_bits = bits
    for size in shape[: MOST_DIMENSIONS + 1]:
        n_bits *= size
        if n_bits >= 1 << 64:
            break
    if n_bits % 8 or n_bits >= 1 << 64 or len(shape) > MOST_DIMENSIONS:
        raise _error(raw, key, f"gives tensor {key[:80]!r} the impossible shape {str(shape)[:80]}", name)
    return n_bits // 8


def _error(raw: bytes, key: str, cause: str, name: str) -> FormatError:
    """`cause` with the offset in the file at which the header names `key`."""
    plain, escaped = (json.dumps(key, ensure_ascii=ascii).encode("utf-8", "replace") for ascii in (False, True))
    at = max(raw.find(plain), raw.find(escaped), 0)
    return FormatError(f"{name} {cause} (offset {LENGTH_BYTES + at}): the file is damaged; download or save it again.")


def _first_twice(keys: list[str]) -> str:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            return key
        seen.add(key)
    return ""


def _check_places(raw: bytes, entries: list[_Entry], data_bytes: int, name: str) -> None:
    """Refuse numbers that overlap, leave a gap, or do not end where the file ends."""
    expected = 0
    for start, end, key in sorted([(start, end, key) for key, _, _, start, end in entries]):
        if start != expected:
            kind = "overlaps the one before it" if start < expected else "leaves a gap before it"
            raise _error(raw, key, f"gives tensor {key[:80]!r} a place that {kind} (byte {start:,} of the data)", name)
        expected = end
    header_end = LENGTH_BYTES + len(raw)
    if expected > data_bytes:
        raise FormatError(
            f"{name} is cut short: its tensors end at byte {header_end + expected:,} and the file has "
            f"{header_end + data_bytes:,}; download it again."
        )
    if expected < data_bytes:
        raise FormatError(
            f"{name} goes on for {data_bytes - expected:,} bytes after its last tensor (offset {header_end + expected})"
            ": the file is damaged; download or save it again."
        )
