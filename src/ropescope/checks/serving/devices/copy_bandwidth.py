"""The bandwidth of this machine's memory, measured: a large copy by all of its CPUs at once, in about a second.

A copy reads and writes each byte, and both are counted, as STREAM does. What a CPU must read of the destination before it
writes there is not counted, so the figure is at most what the memory does, and often less.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

SECONDS: Final = 0.5
"""How long copies are repeated, after the memory was written once."""
FEWEST: Final = 4
MOST: Final = 200
"""Rounds, however quick or slow they are."""
MOST_THREADS: Final = 64
LEAST_BYTES: Final = 2**28
A_THREAD: Final = 2**26
"""256 MiB in all and 64 a thread, at least: more than the caches hold. A round copies the next 64 of a thread's: the shorter it
is, the likelier that nothing else runs in one of them."""
_SHARE: Final = 8
LONGEST: Final = 5
"""Seconds that a thread waits for the others."""


@dataclass(frozen=True, slots=True)
class Copy:
    """The best round of a copy of `n_bytes` by `threads` threads, in bytes read and written a second; `load`: how
    many programs were running on average in the minute before."""

    bytes_per_second: float
    n_bytes: int
    threads: int
    rounds: int
    load: float = 0.0

    @property
    def disturbed(self) -> bool:
        """Whether other programs kept the CPUs busy, so that a quiet machine would do more."""
        return self.load > 0.5 * self.threads

    def __str__(self) -> str:
        """What was done, in words."""
        return (
            f"a copy of {self.n_bytes / 2**20:,.0f} MiB by {self.threads} thread{'s' if self.threads > 1 else ''}, bytes read "
            f"and written, best of {self.rounds} parts"
        )


@cache
def measured_copy(available_bytes: int) -> Copy | None:
    """The copy measured on this machine, no more than an eighth of `available_bytes` copied; None where that is too little to
    tell memory from caches, or threads cannot be started."""
    threads = min(_cpus(), MOST_THREADS)
    n_bytes = max(LEAST_BYTES, threads * A_THREAD)
    while n_bytes > available_bytes // _SHARE and threads > 1:
        threads //= 2
        n_bytes = max(LEAST_BYTES, threads * A_THREAD)
    if n_bytes > available_bytes // _SHARE:
        return None
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    try:
        found = _copied(n_bytes // threads // A_THREAD * A_THREAD, threads)
        return None if found is None else replace(found, load=load)
    except (ImportError, MemoryError, RuntimeError, OSError):
        return None


def _copied(each: int, threads: int) -> Copy | None:
    import ctypes
    import threading

    rounds: list[list[tuple[float, float]]] = []
    until = [float("inf")]

    def begin() -> None:
        """Run by one thread while all wait: begin another round, or end."""
        if not rounds:
            until[0] = time.perf_counter() + SECONDS
        if len(rounds) < FEWEST or (len(rounds) < MOST and time.perf_counter() < until[0]):
            rounds.append([])
        else:
            raise threading.BrokenBarrierError

    gate = threading.Barrier(threads, action=begin)

    def work() -> None:
        try:
            source, target = bytearray(each), bytearray(each)
        except MemoryError:
            gate.abort()
            return
        read, written = ((ctypes.c_char * each).from_buffer(buffer) for buffer in (source, target))
        ctypes.memset(read, 1, each)  # pages that were never written are one page of zeros
        ctypes.memset(written, 2, each)
        with contextlib.suppress(threading.BrokenBarrierError):
            while True:
                gate.wait(LONGEST)
                start = time.perf_counter()
                at = (len(rounds) - 1) * A_THREAD % each
                # A foreign call leaves the interpreter to other threads.
                ctypes.memmove(ctypes.byref(written, at), ctypes.byref(read, at), A_THREAD)
                rounds[-1].append((start, time.perf_counter()))

    workers = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = [
        max(end for _, end in spans) - min(start for start, _ in spans) for spans in rounds if len(spans) == threads
    ]
    if not seconds or min(seconds) <= 0:
        return None
    return Copy(2 * A_THREAD * threads / min(seconds), each * threads, threads, len(seconds))


def _cpus() -> int:
    try:
        return max(len(os.sched_getaffinity(0)), 1)
    except AttributeError:
        return os.cpu_count() or 1
