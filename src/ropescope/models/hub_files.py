"""The files of a Hub repository at a commit: small ones whole, of large ones the beginning alone.

Each is one request that is not repeated: a Hub that refuses is told of at once, and what was fetched before is kept.
What huggingface_hub has in its cache is read from there."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeVar

import ropescope.models.hub_record as hub_record
from ropescope.errors import SourceError
from ropescope.models.hub import cached_file, cached_names, pin, speak
from ropescope.models.hub_errors import HubUnreachable
from ropescope.models.json_file import MOST_BYTES, json_object
from ropescope.models.model_files import Beginning, LocalBeginning

T = TypeVar("T")
AT_ONCE: Final = 8
FIRST_BYTES: Final = 64 << 10
GGUF_BYTES: Final = 1 << 20
"""A GGUF header does not say how long it is, so it is fetched by the mebibyte."""

MOST_BEGINNING: Final = 64 << 20
"""No header of a released model is half as long."""


class HubFiles:
    """The files of `repo_id` at `commit`."""

    def __init__(self, repo_id: str, commit: str) -> None:
        self.where = repo_id
        self._commit = commit
        self._names = frozenset(_names(repo_id, commit))

    def names(self) -> frozenset[str]:
        return self._names

    def label(self, name: str) -> str:
        return f"{self.where}/{name}"

    def beginning(self, name: str) -> Beginning:
        local = cached_file(self.where, self._commit, name)
        return RemoteBeginning(self.where, self._commit, name) if local is None else LocalBeginning(local)

    def at_hand(self, name: str) -> LocalBeginning | None:
        local = cached_file(self.where, self._commit, name)
        return None if local is None else LocalBeginning(local)

    def fetch(self, name: str) -> None:
        self._whole(name, MOST_BYTES)

    def map(self, call: Callable[[str], T], names: Sequence[str]) -> list[T]:
        if sys.platform == "emscripten":  # a browser's Python has no threads
            return list(map(call, names))
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            return list(pool.map(call, names))

    def json(self, name: str, most_bytes: int = MOST_BYTES) -> dict[str, Any] | None:
        raw = self._whole(name, most_bytes + 1)
        return None if raw is None else json_object(raw, self.label(name), most_bytes)

    def text(self, name: str, most_bytes: int) -> str | None:
        raw = self._whole(name, most_bytes)
        return None if raw is None else raw.decode("utf-8", "replace")

    def _whole(self, name: str, most_bytes: int) -> bytes | None:
        """A small file in one request, or its first `most_bytes`; None where there is none."""
        if name not in self._names:
            return None
        with self.beginning(name) as file:
            raw = file.read(0, most_bytes)
            file.keep(len(raw))
        return raw


def _names(repo_id: str, commit: str) -> Sequence[str]:
    if (found := hub_record.repository(repo_id, commit)) is None:
        try:
            pin(repo_id, commit)
        except HubUnreachable:
            if not (names := cached_names(repo_id, commit)):
                raise
            return names
        found = hub_record.repository(repo_id, commit)
    return () if found is None else found.files


class RemoteBeginning:
    """The beginning of a file on the Hub, fetched by ranges as far as it is read, and kept for the next time."""

    def __init__(self, repo_id: str, commit: str, name: str) -> None:
        self._repo_id, self._commit, self._name = repo_id, commit, name
        self._step = GGUF_BYTES if name.lower().endswith(".gguf") else 1
        self._size, self._data = hub_record.beginning(repo_id, commit, name) or (-1, b"")
        self._kept = len(self._data)

    @property
    def size(self) -> int:
        if self._size < 0:
            self._grow(FIRST_BYTES)
        return self._size

    def read(self, start: int, count: int) -> bytes:
        if start >= len(self._data) and not 0 <= self._size <= start:
            self._grow(start + count if self._size < 0 else min(start + count, self._size))
        return self._data[start : start + count]

    def keep(self, count: int) -> None:
        if count > self._kept:
            hub_record.keep_beginning(self._repo_id, self._commit, self._name, self._size, self._data[:count])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        pass

    def _grow(self, end: int) -> None:
        if end > MOST_BEGINNING:
            raise SourceError(
                f"{self._repo_id}/{self._name} claims a header of more than {MOST_BEGINNING >> 20} MiB, which is not "
                "fetched: download the file and give its path."
            )
        start = len(self._data)
        end = max(end, start + self._step) if self._size < 0 else min(max(end, start + self._step), self._size)
        part = fetch_range(self._repo_id, self._commit, self._name, start, end - start)
        self._size = part.size
        self._data += part.data
        if not part.ranged:  # every further part costs those before it again, so that few large ones are best
            self._step = max(self._step, len(self._data))


class Part(NamedTuple):
    """A part of a file: the size of the whole, the bytes, and whether the server sent no others before them."""

    size: int
    data: bytes
    ranged: bool = True


def fetch_range(repo_id: str, commit: str, name: str, start: int, count: int) -> Part:
    """At most `count` bytes of a file from `start`. Raises SourceError.

    From a server that answers with the whole file, no more than `start + count` bytes are taken before hanging up.
    """
    if sys.platform == "emscripten":
        from ropescope.models.hub_browser import part

        return Part(*part(repo_id, commit, name, start, count))
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # documented, and not listed in __all__
        build_hf_headers,
        get_session,
        hf_raise_for_status,
    )

    patience = float(constants.HF_HUB_DOWNLOAD_TIMEOUT)
    headers = build_hf_headers() | {"range": f"bytes={start}-{start + count - 1}", "accept-encoding": "identity"}

    def ask() -> Part:
        url = hf_hub_url(repo_id, name, revision=commit)
        with get_session().stream("GET", url, headers=headers, timeout=patience) as response:
            if response.status_code == 416:  # nothing lies at `start`: the file is empty, or ends there
                return Part(start, b"")
            hf_raise_for_status(response)
            size, skipped = _size_and_start(response.status_code, response.headers, start)
            wanted = start - skipped + count
            if size is None or skipped > start:
                raise SourceError(
                    f"{constants.ENDPOINT} does not say how long {repo_id}/{name} is or sends another part of it than "
                    "asked for: leave HF_ENDPOINT unset, or download the file and give its path."
                )
            pieces, got = [], 0
            deadline = time.monotonic() + 10 * patience  # for a server that sends a byte now and then
            for piece in response.iter_bytes(64 << 10):
                pieces.append(piece)
                got += len(piece)
                if got >= wanted:
                    break
                if time.monotonic() > deadline:
                    raise TimeoutError
            return Part(size, b"".join(pieces)[start - skipped : wanted], response.status_code == 206)

    return speak(ask, repo_id, commit, name)


def _size_and_start(status: int, headers: Any, start: int) -> tuple[int | None, int]:
    """(the size of the whole file, where the body starts in it) by the headers of an answer."""
    if status != 206:  # the server knows no ranges and sends the file from its start
        length = headers.get("content-length", "")
        return (int(length) if length.isdecimal() else None), 0
    place, _, size = headers.get("content-range", "").removeprefix("bytes ").partition("/")
    first = place.partition("-")[0]
    if not size.isdecimal() or not first.isdecimal():
        return None, start
    return int(size), int(first)
