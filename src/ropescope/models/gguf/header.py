"""Reading a GGUF header: metadata and tensor table, in plain Python, trusting no number in the file.

Layout (GGUF v2 and v3, little- or big-endian): magic, version, tensor count, key count, then the key/value pairs, then
the tensor table, then padding to `general.alignment`, then the weights. The reader walks the header once through a
window of one mebibyte, so its memory does not depend on what the file claims; long arrays (a tokenizer's 150,000
strings) are stepped over and recorded by their type, length and place. The weights are never touched.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ropescope.errors import FormatError
from ropescope.models.gguf.cursor import MAX_STRING_BYTES, MAX_STRINGS, Cursor, shown
from ropescope.models.gguf.types import TENSOR_TYPES
from ropescope.models.json_file import unreadable

MAGIC: Final = b"GGUF"
# Bounds far above what real files hold (the largest have some 2,000 tensors).
MAX_KEYS: Final = 1 << 16
MAX_TENSORS: Final = 1 << 16
MAX_KEY_BYTES: Final = (1 << 16) - 1
MAX_DIMENSIONS: Final = 4
INLINE_NUMBERS: Final = 4096
INLINE_STRINGS: Final = 64

_SCALARS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}
_BOOL: Final = 7
_STRING: Final = 8
_ARRAY: Final = 9
_TYPE_NAMES: Final = tuple(
    """
    uint8 int8 uint16 int16 uint32 int32 float32 bool string array uint64 int64 float64
    """.split()
)


@dataclass(frozen=True, slots=True)
class GGUFArray:
    """An array in the metadata. `values` is None where it was stepped over (long, and not asked for)."""

    element_type: str
    length: int
    offset: int
    values: tuple[Value, ...] | None = None


Value = int | float | bool | str | GGUFArray


@dataclass(frozen=True, slots=True)
class GGUFTensor:
    """A row of the tensor table. `shape` has the fastest dimension first, as stored; `offset` counts bytes from
    `GGUFHeader.data_offset`; `n_bytes` is None for a type this reader does not know."""

    name: str
    shape: tuple[int, ...]
    type_id: int
    type_name: str
    offset: int
    n_bytes: int | None

    @property
    def n_elements(self) -> int:
        """The number of weights."""
        product = 1
        for size in self.shape:
            product *= size
        return product


@dataclass(frozen=True, slots=True)
class GGUFHeader:
    """What a GGUF file says of itself. Offsets and sizes are bytes from the start of the file."""

    version: int
    byte_order: Literal["little", "big"]
    metadata: Mapping[str, Value]
    tensors: tuple[GGUFTensor, ...]
    data_offset: int
    file_bytes: int

    @property
    def architecture(self) -> str:
        """`general.architecture`; raises FormatError if it is absent or no string."""
        value = self.metadata.get("general.architecture")
        if not isinstance(value, str) or not value:
            raise FormatError("general.architecture is missing from the GGUF metadata: convert the model again.")
        if shown(value) != value:
            raise FormatError(f"general.architecture is {shown(value)!r}: it must be a word; convert the model again.")
        return value


def read_header(path: str | Path, *, arrays: Collection[str] = ()) -> GGUFHeader:
    """The header of the GGUF file at `path`; the keys in `arrays` are read in full however long they are.

    Raises SourceError if the file cannot be read, FormatError (naming field and byte offset) if it is no sound GGUF.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        with path.open("rb", buffering=0) as file:

            def fetch(start: int, count: int) -> bytes:
                file.seek(start)
                return file.read(count)

            return parse_header(fetch, size, name=path.name, arrays=arrays)
    except OSError as error:
        raise unreadable(path, error) from error


def parse_header(
    fetch: Callable[[int, int], bytes], file_bytes: int, *, name: str, arrays: Collection[str] = ()
) -> GGUFHeader:
    """The header of a file of `file_bytes` bytes, read through `fetch(start, count)`, which may return fewer bytes.

    `name` is how errors call the file. Raises FormatError.
    """
    cursor = Cursor(fetch, file_bytes, name)
    magic = cursor.take(4, "magic")
    if magic != MAGIC:
        raise FormatError(f"{name} does not start with 'GGUF' (offset 0 holds {magic!r}): it is no GGUF file.")
    version, byte_order = _version(cursor)
    n_tensors = cursor.count("tensor_count", MAX_TENSORS, least_bytes_each=24)
    n_keys = cursor.count("metadata_kv_count", MAX_KEYS, least_bytes_each=13)
    metadata: dict[str, Value] = {}
    for index in range(n_keys):
        where = cursor.position
        key = cursor.string(f"key {index}", MAX_KEY_BYTES, strict=True)
        if key in metadata:
            raise cursor.error(f"key {shown(key)!r} appears twice", where)
        metadata[key] = _value(cursor, key, arrays)
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or isinstance(alignment, bool) or not 0 < alignment <= 1 << 20 or alignment & 7:
        raise FormatError(f"{name}: general.alignment is {shown(repr(alignment))}, not a multiple of 8.")
    tensors = _tensor_table(cursor, n_tensors, alignment)
    data_offset = -(-cursor.position // alignment) * alignment
    last = 0
    for tensor in sorted(tensors, key=lambda tensor: tensor.offset):
        start, end = data_offset + tensor.offset, data_offset + tensor.offset + (tensor.n_bytes or 0)
        if end > file_bytes:
            raise FormatError(
                f"{name} is cut short: tensor {shown(tensor.name)!r} ends at byte {end:,} and the file has {file_bytes:,}; "
                "download it again."
            )
        if start < last:
            raise cursor.error(f"tensor {shown(tensor.name)!r} begins inside the one before it", start)
        last = end
    return GGUFHeader(version, byte_order, metadata, tensors, data_offset, file_bytes)


def _version(cursor: Cursor) -> tuple[int, Literal["little", "big"]]:
    raw = cursor.take(4, "version")
    little, big = int.from_bytes(raw, "little"), int.from_bytes(raw, "big")
    if little in (2, 3):
        return little, "little"
    if big in (2, 3):
        cursor.order = ">"
        return big, "big"
    raise FormatError(
        f"{cursor.name}: GGUF version {min(little, big)} (offset 4) is not known here (2 and 3 are): convert the "
        "model with a current llama.cpp."
    )


def _value(cursor: Cursor, key: str, arrays: Collection[str]) -> Value:
    where, full, key = cursor.position, key in arrays, shown(key)
    kind = cursor.integer("I", f"the type of {key}")
    if kind == _STRING:
        return cursor.string(key, MAX_STRING_BYTES)
    if kind == _ARRAY:
        return _array(cursor, key, full=full)
    if kind not in _SCALARS:
        raise cursor.error(f"{key} has the unknown value type {kind}", where)
    return _scalar(cursor, kind, key)


def _scalar(cursor: Cursor, kind: int, key: str) -> int | float | bool:
    where = cursor.position
    number = cursor.number(_SCALARS[kind], key)
    if kind != _BOOL:
        return number
    if number not in (0, 1):
        raise cursor.error(f"{key} is a bool with the value {number}", where)
    return bool(number)


def _array(cursor: Cursor, key: str, *, full: bool) -> GGUFArray:
    where = cursor.position
    kind = cursor.integer("I", f"the element type of {key}")
    if kind == _ARRAY:
        raise cursor.error(f"{key} is an array of arrays, which no GGUF writer makes", where)
    if kind != _STRING and kind not in _SCALARS:
        raise cursor.error(f"{key} has the unknown element type {kind}", where)
    bytes_each = 8 if kind == _STRING else struct.calcsize(_SCALARS[kind])
    # What is kept costs memory, what is stepped over does not.
    length = cursor.count(f"the length of {key}", MAX_STRINGS if full or kind == _STRING else 1 << 40, bytes_each)
    offset = cursor.position
    values: tuple[Value, ...] | None = None
    if kind == _STRING:
        cursor.spend_strings(length, key)
        if full or (length <= INLINE_STRINGS and cursor.keeps(length)):
            values = tuple(cursor.string(key, MAX_STRING_BYTES) for _ in range(length))
        else:
            cursor.skip_strings(length, key)
    elif full or (length <= INLINE_NUMBERS and cursor.keeps(length)):
        values = tuple(_scalar(cursor, kind, key) for _ in range(length))
    else:
        cursor.skip(length * bytes_each, key)
    return GGUFArray(_TYPE_NAMES[kind], length, offset, values)


def _tensor_table(cursor: Cursor, n_tensors: int, alignment: int) -> tuple[GGUFTensor, ...]:
    tensors: list[GGUFTensor] = []
    names: set[str] = set()
    for index in range(n_tensors):
        where = cursor.position
        full_name = cursor.string(f"the name of tensor {index}", MAX_KEY_BYTES, strict=True)
        name = shown(full_name)
        if full_name in names:
            raise cursor.error(f"tensor {name!r} appears twice", where)
        names.add(full_name)
        where = cursor.position
        n_dimensions = cursor.integer("I", f"the dimension count of {name}")
        if n_dimensions > MAX_DIMENSIONS:
            raise cursor.error(f"tensor {name!r} claims {n_dimensions:,} dimensions", where)
        shape = struct.unpack(f"{cursor.order}{n_dimensions}Q", cursor.take(8 * n_dimensions, f"the shape of {name}"))
        type_id = cursor.integer("I", f"the type of {name}")
        where_offset = cursor.position
        offset = cursor.integer("Q", f"the offset of {name}")
        if offset % alignment:
            raise cursor.error(f"tensor {name!r} starts at {offset}, not on a multiple of {alignment}", where_offset)
        type_name, per_block, block_bytes = TENSOR_TYPES.get(type_id, (f"type {type_id}", 0, 0))
        tensor = GGUFTensor(full_name, shape, type_id, type_name, offset, None)
        if tensor.n_elements >= 1 << 63:
            raise cursor.error(f"tensor {name!r} has the impossible shape {shape}", where)
        if per_block:
            if shape and shape[0] % per_block:
                raise cursor.error(f"tensor {name!r} has rows of {shape[0]}, no multiple of {per_block}", where)
            n_bytes = tensor.n_elements // per_block * block_bytes
            tensor = GGUFTensor(full_name, shape, type_id, type_name, offset, n_bytes)
        tensors.append(tensor)
    return tuple(tensors)
