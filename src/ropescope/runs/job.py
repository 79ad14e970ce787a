"""Long work as a list of pieces, and the one way in which it is done, interrupted, resumed and shared between processes.

A piece is plain data with a name, and so is what comes of it: any process that makes the same job of the same request finds
the same pieces, does those that the journal lacks, and reads the others from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from ropescope.errors import RopescopeError
from ropescope.runs.journal import Journal
from ropescope.runs.share import Share, Unfinished, share, sharing

Progress = Callable[[int, int, str], None]
"""Called with how many pieces are finished, how many there are, and what is worked on."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a job. name: what it is kept under. of: what it is, as plain data."""

    name: str
    of: Mapping[str, Any]


class Partial(Protocol):
    """A result that says whether pieces of it are missing."""

    @property
    def partial(self) -> bool: ...


Result = TypeVar("Result", bound=Partial)
Made = TypeVar("Made", covariant=True)


class Job(Protocol[Made]):
    """Work on a network, piece by piece.

    name: what is worked on, for the progress. identity: all that decides the numbers of a piece but its name. pieces: in the
    order in which they are best done.
    """

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> Mapping[str, Any]: ...

    @property
    def pieces(self) -> Sequence[Piece]: ...

    def do(self, piece: Piece) -> Any:
        """A piece, done: plain data for JSON."""
        ...

    def result(self, journal: Journal) -> Made:
        """What the finished pieces add up to. Raises a RopescopeError if that is nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Result]):
    """What came of a job, whole or interrupted, and where its pieces are kept. Pieces that were given up interrupt it, too."""

    result: Result
    journal: Journal
    interrupted: bool = False

    def discard_journal(self) -> None:
        """Remove the finished pieces, now that the result is safe; after an interruption they stay."""
        if not self.result.partial:
            self.journal.discard()


def run_job(
    job: Job[Result],
    journal: Journal | None = None,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    shard: tuple[int, int] = (0, 1),
) -> Outcome[Result]:
    """Do a job, or the rest of it with `resume`; interrupted, it ends with what is finished. A shard of several keeps what
    the others have finished.

    Raises KeyboardInterrupt when that is nothing, and what the job raises.
    """
    journal = journal or Journal(job.identity)
    journal.begin(resume or shard[1] > 1)
    interrupted: KeyboardInterrupt | None = None
    whole = True
    try:
        whole = do_pieces(job, journal, progress=progress, shard=shard)
    except KeyboardInterrupt as stop:
        interrupted = stop
    try:
        return Outcome(job.result(journal), journal, interrupted is not None or not whole)
    except RopescopeError:
        if interrupted is None:
            raise
        raise interrupted from None


def do_pieces(
    job: Job[Any], journal: Journal, *, progress: Progress | None = None, shard: tuple[int, int] = (0, 1)
) -> bool:
    """Do the pieces that `journal` lacks, and keep them there; of n shards, the i-th does every n-th piece.

    Where several processes share the work, this one does its share (`runs.share`). Returns whether all pieces are there: one
    that every process was killed in is given up. Raises Unfinished where other processes have pieces left, KeyboardInterrupt
    when interrupted: what is finished stays in the journal.
    """
    index, n_shards = shard
    shared = share()
    pieces = job.pieces[index::n_shards]
    mine = pieces if shared is None else shared.mine(pieces)
    left = [piece for piece in mine if journal.finished(piece.name) is None]
    for done, piece in enumerate(left, len(mine) - len(left)):
        if progress is not None:
            progress(done, len(mine), job.name)
        if journal.finished(piece.name) is not None:  # another process may have done it meanwhile
            continue
        if shared is not None and not shared.begin(_in(journal, piece)):
            continue
        with sharing(None):  # a piece is done by one process, whatever it does
            made = job.do(piece)
        journal.keep(piece.name, made)
        if shared is not None:
            shared.done += 1
    if progress is not None:
        progress(len(mine), len(mine), job.name)
    return True if shared is None else _all_there(pieces, journal, shared)


def _all_there(pieces: Sequence[Piece], journal: Journal, shared: Share) -> bool:
    missing = [piece for piece in pieces if not journal.holds(piece.name)]
    if any(not shared.is_lost(_in(journal, piece)) for piece in missing):
        raise Unfinished
    return not missing


def _in(journal: Journal, piece: Piece) -> str:
    """The name of a piece among those of all jobs."""
    return f"{journal.folder.name}/{piece.name}"
