"""Device names: as vendors, drivers and people write them, resolved to rows of the table of devices.

A driver prints `NVIDIA A100-SXM4-80GB`, `AMD Radeon RX 7900 XTX` or `Apple M4 Max`; people write `4090`, `4060ti 16g`. A name
that several rows share, as `a100` of 40 and 80 GB, is never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product
from typing import Final

from ropescope.errors import DomainError
from ropescope.questions.names import nearest as nearest_names

Row = Mapping[str, str]

_FILLERS: Final = re.compile(
    r"\b(?:nvidia|geforce|tesla|amd|radeon|instinct|apple|intel|corporation|graphics|edition|generation|gpu|accelerator|oam)\b"
    r"|\((?:r|tm)\)"
)
_MEMORY_TYPE: Final = re.compile(r"\bhbm\d+e?\b")
_KINDS: Final = re.compile(r"\b(?:pcie|sxm\d?|nvl\d*|dgx station|blackwell|workstation|server|max q)\b")
"""Words that tell kinds of one device apart, which people leave out: `h100` may be any of three."""
_SIZE: Final = re.compile(r"(?<![a-z0-9.])(\d{1,4})\s?(?:gib|gb|gi|g)\b")
_JOINED_SIZE: Final = re.compile(r"[\s_-](\d{1,4})$")
_SERIES: Final = re.compile(r"^(?:rtx|gtx|rx|arc)")
_SLICE: Final = re.compile(r"\bmig\b|\b\d+g\.\d+gb\b")
_VIRTUAL: Final = re.compile(r"^(?:(?:nvidia|grid)\s+)*[a-z]+\d+[a-z]?-\d{1,3}[qcba]$")
_PART_SIZE: Final = re.compile(r"\b\d+g\.(\d{1,3})gb\b|-(\d{1,3})[qcba]$")
"""The memory that the name of a slice (1g.10gb) or of a virtual device (A10-24Q) tells, in GB."""
_MOBILE: Final = re.compile(r"\b(?:laptop|mobile)\b")
_KEPT: Final = 4096
"""Names whose spelling is kept: all of the table, which a text of some words is held against for each of them."""


def row_named(text: str, rows: Sequence[Row]) -> Row | None:
    """The row that `text` names; None where nothing is called so. Raises DomainError for a name that several rows share, a
    size in which a device is not sold, and a part of a device."""
    _refuse_parts(text)
    alike, size, whole = _alike(text, rows)
    if whole:
        return alike[0]
    found = _of_size(alike, size)
    if len(found) > 1:
        listed = [row["name"] for row in found]
        raise DomainError(f"`gpu` {text} is one of {', '.join(listed[:-1])} and {listed[-1]}: name one of them.")
    if alike and not found:
        sizes = " or ".join(dict.fromkeys(f"{row['vendor_gb']} GB" for row in alike))
        raise DomainError(
            f"`gpu` {text}: that device is listed with {sizes}. Give one of these, or the memory, as {size}GiB."
        )
    if found and size is None and _split(found[0]["name"])[1] is not None:
        raise DomainError(
            f"`gpu` {text} is sold with several sizes of memory, of which {found[0]['name']} is listed: name that, or give the "
            "memory, as 24GiB."
        )
    return found[0] if found else None


def rows_named(text: str, rows: Sequence[Row]) -> list[Row]:
    """Every row that `text` may mean: several where a device is sold in several kinds or sizes; none for a part of one."""
    try:
        _refuse_parts(text)
    except DomainError:
        return []
    alike, size, _ = _alike(text, rows)
    return _of_size(alike, size)


def nearest(text: str, rows: Sequence[Row]) -> list[str]:
    """Up to three names of rows that are spelled most like `text`."""
    spelled: dict[str, str] = {}
    for row in rows:
        for name in (_plain(row["name"]), *_bases(row)):
            spelled.setdefault(name, row["name"])
    close = nearest_names(_plain(text), spelled, n=6)
    return list(dict.fromkeys(spelled[name] for name in close))[:3]


def names(row: Row) -> Iterator[str]:
    """The name of a row and its aliases."""
    yield row["name"]
    yield from filter(None, row["aliases"].split(";"))


def _alike(text: str, rows: Sequence[Row]) -> tuple[list[Row], int | None, bool]:
    """(the rows of that name, whatever their size; the size in GB that it tells; whether it is the whole name of one)."""
    printed = [row for row in rows if _letters(text) in map(_letters, filter(None, row["driver_names"].split(";")))]
    bare = _MEMORY_TYPE.sub(" ", text.lower()).strip()
    whole = printed or _called(_plain(text), rows) or _called(_plain(bare), rows)
    if len(whole) == 1:
        return whole, None, True
    base, size = _split(bare)
    alike = whole or _based(base, rows)
    if not alike and size is None and (tail := _JOINED_SIZE.search(bare)):
        base, size = _split(bare[: tail.start()])[0], int(tail.group(1))
        alike = _based(base, rows)
    return alike, size, False


def _of_size(rows: Sequence[Row], size: int | None) -> list[Row]:
    return [row for row in rows if size is None or size == float(row["vendor_gb"])]


def _refuse_parts(text: str) -> None:
    lower = text.strip().lower()
    for pattern, told in (
        (_SLICE, "a MIG slice, which has a part of a device's memory and bandwidth"),
        (_MOBILE, "a laptop's device, which has other memory than the card of that name"),
        (_VIRTUAL, "a virtual device, which has a part of a card"),
    ):
        if pattern.search(lower) is None:
            continue
        size = _PART_SIZE.search(lower)
        memory = next(filter(None, size.groups()), "16") if size else "16"
        raise DomainError(f"`gpu` {text} is {told}: give its memory, as {memory}GiB.")


def _called(plain: str, rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if plain and plain in map(_plain, names(row))]


def _based(base: str, rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if base and base in _bases(row)]


def _bases(row: Row) -> set[str]:
    """The names of a row without its size, each with and without the name of its series and the words of `_KINDS`."""
    return {base for told in names(row) for base in _bases_of(told)}


@lru_cache(_KEPT)
def _bases_of(told: str) -> frozenset[str]:
    bases = {_split(name)[0] for name in _without_kinds(told)}
    return frozenset(short for base in bases for short in (base, _SERIES.sub("", base)) if len(short) > 1)


def _without_kinds(name: str) -> Iterator[str]:
    """`name` without none, some and all of the words that tell its kind."""
    spaced = _spaced(name)
    kinds = [match.span() for match in _KINDS.finditer(spaced)]
    for kept in product((True, False), repeat=len(kinds)):
        dropped = {place for span, keep in zip(kinds, kept, strict=True) if not keep for place in range(*span)}
        yield "".join(" " if place in dropped else letter for place, letter in enumerate(spaced))


def _split(text: str) -> tuple[str, int | None]:
    """(a name without fillers, spaces and size; the size in GB where it names one)."""
    lower = _spaced(text)
    size = _SIZE.search(lower)
    return _letters(_SIZE.sub(" ", lower)), None if size is None else int(size.group(1))


@lru_cache(_KEPT)
def _plain(text: str) -> str:
    return _letters(_spaced(text))


@lru_cache(_KEPT)
def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _spaced(text: str) -> str:
    return _FILLERS.sub(" ", re.sub(r"[-_/]", " ", text.strip().lower()))
