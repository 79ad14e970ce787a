"""What every long command shares: progress on standard error, a polite end, and a sentence when an extra is missing."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ropescope.errors import MissingExtraError


@contextmanager
def needs_extra() -> Iterator[None]:
    """Turn a missing package into a MissingExtraError that says what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"Measuring needs {error.name}, which is not installed: pip install 'ropescope[measure,figures]'."
        ) from error


@contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """A polite kill ends like Ctrl-C: with what is finished."""
    import signal

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


Told = tuple[Callable[[int, int, str], None], Callable[[str], None]]
"""`progress(done, planned, what)` and `say(line)`, which begins a new stretch of work."""

LOG_SECONDS = 60.0
"""A log gets a line as often as this, and no more often, once the work is under way."""


@contextmanager
def progress_bar() -> Iterator[Told]:
    """How far long work is, on stderr: a bar where a person looks, and else a line when it begins, one when the first
    part of it tells how long it will take, and one a minute."""
    work = Work()
    with _bar(work) if sys.stderr.isatty() else _log(work):
        yield work.progress, work.say


class Work:
    """What is being done, since when, and how much of it is done."""

    def __init__(self) -> None:
        self.line, self.what, self.done, self.planned = "Starting", "", 0, 0
        self.began = self.since = time.monotonic()
        self.before = 0
        self.changed: Callable[[], None] = lambda: None

    def say(self, line: str) -> None:
        self.line, self.what, self.done, self.planned = line, "", 0, 0
        self.since, self.before = time.monotonic(), 0
        self.changed()

    def progress(self, done: int, planned: int, what: str) -> None:
        # Another round of the same work, or a run that is resumed: what was done before says nothing of the pace.
        if done < self.done or (not self.planned and done > 1):
            self.since, self.before = time.monotonic(), done
        self.done, self.planned, self.what = done, planned, what
        self.changed()

    @property
    def words(self) -> str:
        """What is being done."""
        return self.line if not self.what or self.what in self.line else f"{self.line}: {self.what}"

    @property
    def left_seconds(self) -> float | None:
        """How long the rest will take at the pace so far; None before anything is done."""
        made = self.done - self.before
        if made <= 0 or self.done >= self.planned:
            return None
        return (time.monotonic() - self.since) / made * (self.planned - self.done)


@contextmanager
def _bar(work: Work) -> Iterator[None]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(work.words, total=None)

        def show() -> None:
            if work.planned:
                bar.update(task, description=work.words, completed=work.done, total=work.planned)
            else:
                bar.reset(task, description=work.words, total=None)

        work.changed = show
        yield


@contextmanager
def _log(work: Work) -> Iterator[None]:
    """Lines on stderr: at the first thing said, at the first estimate, and from a clock of its own once a minute, so that
    a part which takes an hour does not leave an hour of silence."""
    ended, told = threading.Event(), {"begun": False, "estimate": False}

    def write(more: str = "") -> None:
        with suppress(OSError, ValueError):  # nobody reads it any more: the work goes on
            print(f"{work.words}{more}", file=sys.stderr, flush=True)

    def change() -> None:
        if not told["begun"]:
            told["begun"] = True
            write(" …")
        elif not told["estimate"] and work.left_seconds is not None:
            told["estimate"] = True
            write(how_far(work))

    def tick() -> None:
        while not ended.wait(LOG_SECONDS):
            write(how_far(work))

    work.changed = change
    clock = threading.Thread(target=tick, name="progress", daemon=True)
    clock.start()
    try:
        yield
    finally:
        ended.set()
        clock.join()


def how_far(work: Work) -> str:
    parts = []
    if work.planned:
        parts.append(f"{work.done:,} of {work.planned:,}")
    if (left := work.left_seconds) is not None:
        parts.append(f"about {_duration(left)} left")
    parts.append(f"{_duration(time.monotonic() - work.began)} so far")
    return f" · {', '.join(parts)}"


def _duration(seconds: float) -> str:
    """Seconds below two minutes, else minutes, else hours and minutes."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
