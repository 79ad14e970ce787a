"""The share that this process has of work which several processes do at one time, and the notes that they keep of it.

Each process makes the same job of the same request, does its share of the pieces that the journal lacks, and stops with
`Unfinished` where it needs those of others. Whoever comes when all are there goes on: to the next job, or to the result.

The notes lie in a folder that all of them see. They tell which pieces a process had begun when it was killed, so that a piece
which kills every process is given up after three, and the others are still done.
"""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from ropescope.errors import MeasurementError
from ropescope.report.files import draft_of

MOST_DEATHS: Final = 3
"""A piece that so many processes were killed in is not begun again."""
_LOADING: Final = "loading"
LOCK_SECONDS: Final = 600.0

Item = TypeVar("Item")
Given = TypeVar("Given")


class Unfinished(Exception):
    """Others have pieces to do that are needed here."""


@dataclass
class Share:
    """The i-th of n shares, as `task` of a run whose notes lie in `notes`. done: pieces that were finished here."""

    notes: Path
    task: str
    index: int = 0
    of: int = 1
    done: int = 0
    lost: list[str] = field(default_factory=list)

    def mine(self, pieces: Sequence[Item]) -> Sequence[Item]:
        """Every n-th of the pieces."""
        return pieces[self.index :: self.of]

    def start(self, what: str) -> None:
        """Note that a process takes the share up. Raises MeasurementError where the last ones were killed before any piece."""
        begun = self._begun()
        deaths = next((n for n, line in enumerate(reversed(begun)) if line != _LOADING), len(begun))
        if deaths >= MOST_DEATHS:
            raise MeasurementError(
                f"{deaths} workers were killed while they loaded {what}, most likely for lack of memory: use fewer workers, or "
                "machines with more memory."
            )
        self._note(_LOADING)

    def begin(self, piece: str) -> bool:
        """Note that a piece is begun; False where it was given up, since every process that began it was killed."""
        if self._begun().count(piece) >= MOST_DEATHS:
            self.lost.append(piece)
            _write(self.notes / "lost" / _hash(piece), piece)
            return False
        self._note(piece)
        return True

    def is_lost(self, piece: str) -> bool:
        """Whether a process of the run gave the piece up."""
        return (self.notes / "lost" / _hash(piece)).exists()

    def once(self, what: str, act: Callable[[], None]) -> None:
        """Do `act` unless a process of the run has done it; the others wait until it is done."""
        from filelock import FileLock

        note = self.notes / "once" / _hash(what)
        note.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(note.with_suffix(".lock"), timeout=LOCK_SECONDS):
            if not note.exists():
                act()
                _write(note, what)

    def made_once(self, what: str, make: Callable[[], Item]) -> Item:
        """What `make` gives, made by one process of the run; the others wait for it, and have it to the last bit."""
        from filelock import FileLock

        path = self.notes / "made" / _hash(what)
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):  # let go by the system, where its holder is killed
            if not path.exists():
                made = make()
                with draft_of(path) as draft:
                    draft.write_bytes(pickle.dumps(made))
            return pickle.loads(path.read_bytes())  # type: ignore[no-any-return]  # written by this run, in its own folder

    def tell(self, line: str, done: int = 0, planned: int = 0) -> None:
        """Say how far this share is."""
        with suppress(OSError):
            _write(self.notes / "progress" / self.task, json.dumps({"line": line, "done": done, "planned": planned}))

    def _begun(self) -> list[str]:
        with suppress(OSError):
            return self._path.read_text("utf-8").splitlines()
        return []

    def _note(self, line: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    @property
    def _path(self) -> Path:
        return self.notes / "begun" / self.task


_SHARE: ContextVar[Share | None] = ContextVar("share", default=None)


def share() -> Share | None:
    """The share of this process; None where it does all by itself."""
    return _SHARE.get()


@contextmanager
def sharing(of: Share | None) -> Iterator[None]:
    """Within the context, jobs are done in shares; with None, whole."""
    token = _SHARE.set(of)
    try:
        yield
    finally:
        _SHARE.reset(token)


_KEPT: dict[str, object] = {}


def kept_for_next(key: str, make: Callable[[], Item]) -> Item:
    """What `make` gives. A process that does shares keeps the last one, so that its next share of the same work has it."""
    if share() is None:
        return make()
    if key not in _KEPT:
        _KEPT.clear()  # before the next one is made: two networks may not fit in memory
        _KEPT[key] = make()
    return _KEPT[key]  # type: ignore[return-value]


def made_once(what: str, make: Callable[[], Item]) -> Item:
    """What `make` gives: of several processes that share the work, one makes it for all."""
    shared = share()
    return make() if shared is None else shared.made_once(what, make)


def all_of(items: Iterable[Given], act: Callable[[Given], Item]) -> dict[Given, Item]:
    """`act` of each item. Where others have pieces left of one, those of the rest are done all the same, and then Unfinished is
    raised."""
    found: dict[Given, Item] = {}
    unfinished: Unfinished | None = None
    for item in items:
        try:
            found[item] = act(item)
        except Unfinished as stop:
            unfinished = stop
    if unfinished is not None:
        raise unfinished
    return found


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with draft_of(path) as draft:
        draft.write_text(text, "utf-8")
