"""How Python in a browser asks a server: by a function of the page, and only while the user allows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, NamedTuple


class Reply(NamedTuple):
    """What a server answers. status: 0 for no answer. refusal: its word for why it refuses, as GatedRepo. signed: whether a token
    of the user went along, which Python never sees."""

    status: int
    body: bytes
    refusal: str = ""
    signed: bool = False


Send = Callable[[str, str], Reply]
"""Takes an address and a range of bytes ("bytes=0-99", or "" for all)."""

_allowed: Final[ContextVar[tuple[Send, frozenset[str]] | None]] = ContextVar("allowed", default=None)


@contextmanager
def allowing(send: Send, names: Iterable[str]) -> Iterator[None]:
    """In this block `send` asks about the repositories of these names, and no others."""
    token = _allowed.set((send, frozenset(names)))
    try:
        yield
    finally:
        _allowed.reset(token)


def sender(name: str) -> Send | None:
    """What sends requests about a repository; None where the user has not allowed it."""
    allowed = _allowed.get()
    return allowed[0] if allowed is not None and name in allowed[1] else None
