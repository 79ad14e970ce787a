"""What every long command shares: progress on standard error, a polite end, and a sentence when an extra is missing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def progress_bar() -> Iterator[tuple[Any, Any]]:
    """A bar on stderr with what is left, when a person is looking."""
    if not sys.stderr.isatty():
        yield None, None
        return
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
        task = bar.add_task("Starting", total=None)

        def say(line: str) -> None:
            bar.reset(task, description=line, total=None)

        def progress(done: int, planned: int, what: str) -> None:
            bar.update(task, description=f"Measuring {what}", completed=done, total=planned)

        yield progress, say
