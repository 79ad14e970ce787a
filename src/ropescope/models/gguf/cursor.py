"""A bounds-checked walk through the bytes of a GGUF header, one window at a time."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from ropescope.errors import FormatError

WINDOW_BYTES: Final = 1 << 20
# Bounds far above what real files hold (the largest vocabularies have 300,000 words and as many merges) and low enough
# that the worst file is refused within a second and under 100 MB.
MAX_STRINGS: Final = 1 << 21
MAX_STRING_BYTES: Final = 16 << 20
MAX_TEXT_BYTES: Final = 32 << 20
# What is kept of short arrays, all together: some dozen of them have an entry a layer.
MAX_KEPT: Final = 1 << 17


def shown(name: str) -> str:
    """A name from a file as an error may show it: printable, and at most 60 characters."""
    plain = (
        name if name.isprintable() else "".join(letter if letter.isprintable() else "\ufffd" for letter in name[:80])
    )
    return plain if len(plain) <= 60 else plain[:57] + "..."


class Cursor:
    """A bounds-checked walk through the header that holds one window of it at a time."""

    def __init__(self, fetch: Callable[[int, int], bytes], size: int, name: str) -> None:
        self._fetch, self._size, self.name = fetch, size, name
        self._window, self._start = b"", 0
        self._strings_left = MAX_STRINGS
        self._text_left = MAX_TEXT_BYTES
        self._kept_left = MAX_KEPT
        self.position = 0
        self.order = "<"

    def error(self, cause: str, offset: int) -> FormatError:
        return FormatError(
            f"{self.name}: {cause} (offset {offset}): the file is damaged or no GGUF; download it again."
        )

    def take(self, count: int, field: str) -> bytes:
        """The next `count` bytes; `count` must be bounded by the caller."""
        at = self.position - self._start
        if at < 0 or at + count > len(self._window):
            if count > self._size - self.position:
                raise self.error(
                    f"{field} needs {count} bytes and {max(0, self._size - self.position)} are left", self.position
                )
            self._window = self._fetch(self.position, max(count, min(WINDOW_BYTES, self._size - self.position)))
            self._start, at = self.position, 0
            while len(self._window) < count:
                more = self._fetch(self.position + len(self._window), count - len(self._window))
                if not more:
                    raise self.error(f"{field} could not be read: the file ended early", self.position)
                self._window += more
        self.position += count
        return self._window[at : at + count]

    def number(self, code: str, field: str) -> int | float:
        layout = struct.Struct(self.order + code)
        value: int | float = layout.unpack(self.take(layout.size, field))[0]
        return value

    def integer(self, code: str, field: str) -> int:
        return int(self.number(code, field))

    def count(self, field: str, most: int, least_bytes_each: int) -> int:
        """A count that the rest of the file can hold, and that is not absurd."""
        where = self.position
        value = self.integer("Q", field)
        if value > most or value * least_bytes_each > self._size - self.position:
            raise self.error(f"{field} is {value:,}, more than the file can hold", where)
        return value

    def string(self, field: str, most: int, *, strict: bool = False) -> str:
        where = self.position
        length = self.integer("Q", field)
        if length > most:
            raise self.error(f"{field} claims a string of {length:,} bytes", where)
        self._text_left -= length
        if self._text_left < 0:
            raise self.error(f"the texts up to {field} exceed {MAX_TEXT_BYTES >> 20} MiB", where)
        raw = self.take(length, field)
        try:
            return raw.decode("utf-8", "strict" if strict else "replace")
        except UnicodeDecodeError as error:
            raise self.error(f"{field} is not UTF-8", where) from error

    def skip(self, count: int, field: str) -> None:
        if count > self._size - self.position:
            raise self.error(
                f"{field} needs {count:,} bytes and {self._size - self.position:,} are left", self.position
            )
        self.position += count

    def spend_strings(self, count: int, field: str) -> None:
        """Strings have to be walked one by one, so their total is bounded."""
        self._strings_left -= count
        if self._strings_left < 0:
            raise self.error(f"{field} claims {count:,} strings, too many", self.position)

    def keeps(self, count: int) -> bool:
        """Whether `count` more entries of arrays can be kept; if so, they are counted."""
        fits = count <= self._kept_left
        self._kept_left -= count if fits else 0
        return fits

    def skip_strings(self, count: int, field: str) -> None:
        """Step over `count` strings; the hot loop of a header, hence on local names."""
        unpack = struct.Struct(self.order + "Q").unpack_from
        window, start, position, size = self._window, self._start, self.position, self._size
        for _ in range(count):
            at = position - start
            if at + 8 > len(window):
                self.position = position
                self.take(8, field)
                window, start, at = self._window, self._start, position - self._start
            position += 8 + unpack(window, at)[0]
            if position > size:
                raise self.error(f"{field} claims a string beyond the end of the file", start + at)
        self.position = position
