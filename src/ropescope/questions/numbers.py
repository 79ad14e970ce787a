"""Numbers as people write them: 0.5, 1e6, 8B parameters, 32k tokens, 1.5GiB, 15%. One reader for all of them.

Of tokens, `k` is 1,024 and `M` is 1,048,576: a "32k" model has a context of 32,768. Of anything else they are 1,000 and
1,000,000, as in 8B parameters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from math import isfinite, nan
from typing import Final

from ropescope.errors import InputError
from ropescope.questions.names import shown

MOST_TOKENS: Final = 2**30
MOST_BYTES: Final = 2**60
MOST_COUNTED: Final = 2**53
"""From here on a float does not hold every whole number."""

GIB: Final = 2**30
UNITS: Final[Mapping[str, int]] = {
    "b": 1,
    "kib": 2**10,
    "kb": 10**3,
    "mib": 2**20,
    "mb": 10**6,
    "gi": GIB,
    "gib": GIB,
    "g": 10**9,
    "gb": 10**9,
    "tib": 2**40,
    "tb": 10**12,
}
"""Bytes in each unit of memory that a size may be written in."""

_SIZE: Final = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)\s*([a-zA-Z]*)")
_NUMBER: Final = re.compile(r"([-+−]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+−]?\d+)?)\s*([a-zA-Z]*)")
_BINARY: Final[Mapping[str, int]] = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_SUFFIXES: Final[Mapping[str, int]] = {
    "": 1,
    "k": 10**3,
    "K": 10**3,
    "M": 10**6,
    "B": 10**9,
    "G": 10**9,
    "T": 10**12,
    **_BINARY,
}
_OF_TOKENS: Final[Mapping[str, int]] = {
    "": 1,
    "k": 2**10,
    "K": 2**10,
    "ki": 2**10,
    "m": 2**20,
    "M": 2**20,
    "B": 10**9,
    "G": 10**9,
    "T": 10**12,
    **_BINARY,
}


def read_number(name: str, text: str, *, of_tokens: bool = False) -> int | float:
    """A number such as 0.5, 1e6, 2_000, 128k, 128Ki or 1M; `of_tokens`, k is 1,024 and M is 1,048,576.

    Raises InputError, which calls the number `name`, for anything else.
    """
    match = _NUMBER.fullmatch(text.strip())
    suffixes = _OF_TOKENS if of_tokens else _SUFFIXES
    if match is None or match[2] not in suffixes:
        raise InputError(
            name, f"`{name}` = {shown(text)} is not a number. Numbers may be written 0.5, 1e6, 128k, 128Ki or 1M."
        )
    digits = match[1].replace("_", "").replace("−", "-")
    scale = suffixes[match[2]]
    value = float(digits) * scale
    if not isfinite(value):
        raise InputError(name, f"`{name}` = {shown(text)} is too large a number.")
    if value == 0 and digits.lower().partition("e")[0].strip("+-0."):
        raise InputError(name, f"`{name}` = {shown(text)} is too small for a float.")
    if digits.lstrip("+-").isdigit():
        return int(digits) * scale
    # 1e6 tokens are a whole number of tokens, and 8.03B parameters a whole number too, which no float product is.
    exact = Decimal(digits) * scale
    return int(exact) if abs(exact) < MOST_COUNTED and exact == exact.to_integral_value() else value


def read_count(name: str, text: str) -> int:
    """A whole number from 1 to 2⁵³ such as 8000000000 or 8B. Raises InputError for anything else."""
    value = read_number(name, text)
    if not isinstance(value, int) or not 1 <= value <= MOST_COUNTED:
        raise InputError(name, f"`{name}` is {shown(text)}: give a whole number from 1 to {MOST_COUNTED:,}.")
    return value


def read_tokens(name: str, text: str, *, least: int = 1) -> int:
    """A number of tokens from `least` to 2³⁰, such as 8192, 32k (32,768) or 1M (1,048,576). Raises InputError."""
    value = read_number(name, text, of_tokens=True)
    if not isinstance(value, int) or not least <= value <= MOST_TOKENS:
        read = f" ({value:,})" if text.strip()[-1].isalpha() and abs(value) < MOST_COUNTED else ""
        raise InputError(
            name,
            f"`{name}` is {shown(text)[1:-1]}{read}: give a whole number of tokens from {least:,} to {MOST_TOKENS:,}.",
        )
    return value


def read_bytes(name: str, text: str, *, bare: int = GIB) -> int:
    """The bytes of a size written 800MiB, 1.5GiB or 2GB; a number without a unit is in units of `bare` bytes.

    Raises InputError for anything else.
    """
    match = _SIZE.fullmatch(text.strip())
    unit = None if match is None else {"": bare, **UNITS}.get(match[2].lower())
    if match is None or unit is None:
        raise InputError(name, f"`{name}` = {shown(text)} is no size: write it as 800MiB, 1.5GiB or 2GB.")
    return require_bytes(name, int(float(match[1]) * unit))


def require_bytes(name: str, size: int) -> int:
    """`size`, if it is a size of memory: from 0 to 2⁶⁰ bytes. Raises InputError if it is not."""
    if not 0 <= size <= MOST_BYTES:
        raise InputError(name, f"`{name}` is {shown(size)} bytes: give a size from 0 to {MOST_BYTES // GIB:,} GiB.")
    return size


def read_share(name: str, text: str, *, zero: bool = False) -> float:
    """The share that is written 15% or 0.15. Raises InputError for other text, or outside 0 (itself only if `zero`) to 1."""
    written = text.strip()
    try:
        share = float(written.removesuffix("%")) / (100 if written.endswith("%") else 1)
    except ValueError:
        share = nan
    if not (0 < share <= 1 or (zero and share == 0)):
        least = "from 0" if zero else "more than 0"
        raise InputError(name, f"`{name}` {shown(written)} is no share: write 15% or 0.15, {least} and at most 100%.")
    return share
