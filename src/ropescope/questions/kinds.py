"""Kinds of input that are written as text: sources, files, devices, sizes, shares, token counts, and lists of these."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ropescope.errors import InputError
from ropescope.questions.kind import Kind, wrong
from ropescope.questions.numbers import (
    GIB,
    MOST_BYTES,
    MOST_COUNTED,
    MOST_TOKENS,
    read_bytes,
    read_count,
    read_share,
    read_tokens,
    require_bytes,
)

MOST_PATH: Final = 4096
"""Characters of a path; Linux takes no more, and others less."""


class Text(Kind):
    """Any text: a name, a method with options, a formula's arguments."""

    metavar: str = "TEXT"

    @property
    def words(self) -> str:
        """Any that is not empty: an empty one is a slip, as a variable of a script that was never set."""
        return "text"

    def accept(self, name: str, value: Any) -> str:
        """The text. Raises InputError for an empty one."""
        if not isinstance(value, str) or not value.strip():
            raise wrong(name, value, self.words)
        return value


def _encodable(path: str) -> bool:
    """Whether the file system can be asked for `path`: a name holds no null, and no half surrogate pair but for a byte."""
    try:
        return "\0" not in path and bool(path.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return False


class Source(Kind):
    """A model: a folder, a .gguf file, a Hub id, or smollm2."""

    metavar: str = "SOURCE"

    @property
    def words(self) -> str:
        """What a model may be named by."""
        return "a model folder, a .gguf file or a Hub id"

    def accept(self, name: str, value: Any) -> str:
        """The source as it was written. Raises InputError for an empty one, and for what neither a path nor an id holds."""
        if isinstance(value, Path):
            value = str(value)
        if not isinstance(value, str) or not value.strip() or not _encodable(value):
            raise wrong(name, value, self.words)
        return value


class File(Kind):
    """A file that is read, or a folder."""

    metavar: str = "FILE"

    @property
    def words(self) -> str:
        """A path."""
        return "a path"

    def accept(self, name: str, value: Any) -> Path:
        """The path. Whether it is there is for the answer to say, which knows what should be in it. Raises InputError for what no
        file system can have."""
        text = str(value) if isinstance(value, str | Path) else ""
        if not text or len(text) > MOST_PATH or not _encodable(text):
            raise wrong(name, value, self.words)
        return Path(text)

    def plain(self, value: Any) -> Any:
        """The path as text."""
        return str(value)


class FileOrText(File):
    """A file that is read, or in its place what it would hold; `what` tells what both may be."""

    metavar: str = "FILE|TEXT"
    what: str = "a path, or the text itself"

    @property
    def words(self) -> str:
        """What may be given."""
        return self.what

    def accept(self, name: str, value: Any) -> str:  # type: ignore[override]
        """The text as it was written. Raises InputError for an empty one, and for half a character."""
        if not isinstance(value, str | Path) or not str(value).strip() or not _encodable(str(value)):
            raise wrong(name, value, self.words)
        return str(value)


class Output(File):
    """A file that is written, or a folder."""


class Device(Kind):
    """A device as vendors and drivers name it, or its memory."""

    metavar: str = "NAME|SIZE"

    @property
    def words(self) -> str:
        """What a device may be named by."""
        return "a device, or its memory as 24GiB"


TORCH_DEVICES: Final = ("cpu", "cuda", "mps", "xpu", "hpu", "npu", "mtia", "xla")
"""Kinds of device that torch can run on, by its names."""


class TorchDevice(Kind):
    """A device that torch runs on: cpu, cuda, cuda:1, …"""

    metavar: str = "DEVICE"

    @property
    def words(self) -> str:
        """The kinds of device."""
        return f"cpu, cuda, cuda:1 or another kind ({', '.join(TORCH_DEVICES)})"

    def accept(self, name: str, value: Any) -> str:
        """The device's name. Raises InputError for what is spelled as none."""
        kind, colon, number = value.partition(":") if isinstance(value, str) else ("", "", "")
        if kind not in TORCH_DEVICES or (colon and not number.isdecimal()):
            raise wrong(name, value, self.words)
        return str(value)


class Cluster(Kind):
    """Where long work is carried out: on all cores and GPUs of this machine, or on a cluster."""

    metavar: str = "CLUSTER"

    @property
    def words(self) -> str:
        """How a cluster is named."""
        return "ray, or a cluster as ray://host:10001"

    def accept(self, name: str, value: Any) -> str:
        """The cluster's address. Raises InputError for what is spelled as none."""
        scheme, separator, address = value.partition("://") if isinstance(value, str) else ("", "", "")
        port = address.rpartition(":")[2]
        named = not separator or (port != address and port.isdigit() and not any(map(str.isspace, address)))
        if scheme != "ray" or not named:
            raise wrong(name, value, self.words)
        return str(value)


class Tokens(Kind):
    """A number of tokens, as 8192, 32k (32,768) or 1M (1,048,576)."""

    least: int = 1
    metavar: str = "N"

    @property
    def words(self) -> str:
        """The range."""
        return f"a whole number of tokens from {self.least:,} to {MOST_TOKENS:,}"

    def read(self, name: str, text: str) -> int:
        """The tokens. Raises InputError."""
        return read_tokens(name, text, least=self.least)

    def accept(self, name: str, value: Any) -> int:
        """A whole number, or text as a person writes it. Raises InputError."""
        return read_tokens(name, value if isinstance(value, str) else _whole(name, value, self.words), least=self.least)

    def schema(self) -> dict[str, Any]:
        """A whole number, or text such as 32k."""
        return _or_text({"type": "integer", "minimum": self.least, "maximum": MOST_TOKENS})


class Count(Kind):
    """A whole number from 1 to 2⁵³ that may be written 8B or 70M."""

    metavar: str = "N"

    @property
    def words(self) -> str:
        """The range."""
        return "a whole number above 0"

    def read(self, name: str, text: str) -> int:
        """The number. Raises InputError."""
        return read_count(name, text)

    def accept(self, name: str, value: Any) -> int:
        """A whole number, or text as a person writes it. Raises InputError."""
        return read_count(name, value if isinstance(value, str) else _whole(name, value, self.words))

    def schema(self) -> dict[str, Any]:
        """A whole number, or text such as 8B."""
        return _or_text({"type": "integer", "minimum": 1, "maximum": MOST_COUNTED})


class Bytes(Kind):
    """A size of memory, as 800MiB, 1.5GiB or 2GB; without a unit, in units of `bare` bytes."""

    bare: int = GIB
    metavar: str = "SIZE"

    @property
    def words(self) -> str:
        """How sizes are written."""
        return "a size such as 800MiB, 1.5GiB or 2GB"

    def read(self, name: str, text: str) -> int:
        """The bytes. Raises InputError."""
        return read_bytes(name, text, bare=self.bare)

    def accept(self, name: str, value: Any) -> int:
        """Bytes as a whole number, or text as a person writes it. Raises InputError."""
        if isinstance(value, str):
            return self.read(name, value)
        return require_bytes(name, int(_whole(name, value, self.words)))

    def write(self, value: Any) -> str:
        """The bytes, with their unit."""
        return f"{value}B"

    def schema(self) -> dict[str, Any]:
        """Bytes, or text such as 2GB."""
        return _or_text({"type": "integer", "minimum": 0, "maximum": MOST_BYTES})


class Share(Kind):
    """A share above 0 (or 0 too, if `zero`) and at most 1, as 15% or 0.15."""

    zero: bool = False
    metavar: str = "SHARE"

    @property
    def words(self) -> str:
        """How shares are written."""
        return "a share such as 15% or 0.15"

    def read(self, name: str, text: str) -> float:
        """The share. Raises InputError."""
        return read_share(name, text, zero=self.zero)

    def accept(self, name: str, value: Any) -> float:
        """A number, or text as a person writes it. Raises InputError."""
        if isinstance(value, str):
            return read_share(name, value, zero=self.zero)
        above = isinstance(value, int | float) and (0 < value <= 1 or (self.zero and value == 0))
        if isinstance(value, bool) or not above:
            raise wrong(name, value, self.words)
        return float(value)

    def write(self, value: Any) -> str:
        """The share in percent, where that says it exactly."""
        percent = f"{100 * value:.6g}%"
        return percent if read_share("share", percent, zero=self.zero) == value else str(value)

    def schema(self) -> dict[str, Any]:
        """A number, or text such as 15%."""
        least = {"minimum": 0} if self.zero else {"exclusiveMinimum": 0}
        return _or_text({"type": "number", **least, "maximum": 1})


class Budget(Kind):
    """A part of something that takes memory: a share of it (a float, written 30%), or bytes (an int, written 512MiB)."""

    metavar: str = "SHARE|SIZE"

    @property
    def words(self) -> str:
        """How budgets are written."""
        return "a budget such as 30%, 500000000, 512MiB or 2GB"

    def read(self, name: str, text: str) -> int | float:
        """The share or the bytes. Raises InputError, for an empty budget too."""
        if text.strip().endswith("%"):
            return read_share(name, text)
        try:
            return self._some(name, read_bytes(name, text, bare=1))
        except InputError:
            raise wrong(name, text, self.words) from None

    def accept(self, name: str, value: Any) -> int | float:
        """A share as a float, bytes as a whole number, or text as a person writes it. Raises InputError."""
        if isinstance(value, str):
            return self.read(name, value)
        if isinstance(value, float) and 0 < value <= 1:
            return value
        return self._some(name, require_bytes(name, int(_whole(name, value, self.words))))

    def _some(self, name: str, size: int) -> int:
        if size < 1:
            raise wrong(name, size, self.words)
        return size

    def write(self, value: Any) -> str:
        """A share in percent, bytes with their unit."""
        return Share().write(value) if isinstance(value, float) else Bytes().write(value)

    def plain(self, value: Any) -> Any:
        """As text, since JSON may turn 1.0 into 1."""
        return self.write(value)

    def schema(self) -> dict[str, Any]:
        """Bytes, or text such as 30%."""
        return _or_text({"type": "integer", "minimum": 1})


class ListOf(Kind):
    """Several values of one kind. Text holds them with commas between; `repeats`, an option is given once for each."""

    of: Kind
    least: int = 0
    repeats: bool = False

    @property
    def metavar(self) -> str:  # type: ignore[override]
        """One value, or several with commas between."""
        return self.of.metavar if self.repeats else f"{self.of.metavar[:1]},{self.of.metavar[:1]},…"

    @property
    def words(self) -> str:
        """How many of what."""
        return f"a list of {self.least} or more, each {self.of.words}"

    @property
    def options(self) -> tuple[str, ...]:
        """The words that a member is chosen from."""
        return self.of.options

    def read(self, name: str, text: str) -> tuple[Any, ...]:
        """The values that stand between commas. Raises InputError, for text without any too."""
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not parts:
            raise wrong(name, text, self.words)
        return self.accept(name, [self.of.read(name, part) for part in parts])

    def accept(self, name: str, value: Any) -> tuple[Any, ...]:
        """The values. Raises InputError for what is no list, or too short."""
        if isinstance(value, str | bytes) or not isinstance(value, Sequence) or len(value) < self.least:
            raise wrong(name, value, self.words)
        return tuple(self.of.accept(name, item) for item in value)

    def write(self, value: Any) -> str:
        """The values with commas between."""
        return ",".join(self.of.write(item) for item in value)

    def plain(self, value: Any) -> Any:
        """A list."""
        return [self.of.plain(item) for item in value]

    def schema(self) -> dict[str, Any]:
        """A list."""
        return {"type": "array", "items": self.of.schema(), "minItems": self.least}


def _whole(name: str, value: Any, words: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1 or abs(value) >= 2**63:
        raise wrong(name, value, words)
    return str(int(value))


def _or_text(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "string"}]}
