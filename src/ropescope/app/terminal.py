"""A run in a terminal: progress on standard error, and the result kept in the file that was named."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ropescope.app.working import Told, progress_bar, terminate_as_interrupt
from ropescope.errors import RopescopeError
from ropescope.questions.question import Run
from ropescope.report.report import Report


class Terminal(Run):
    """A run that says on standard error how far it is, and keeps the result in the file that was named."""

    resume = "--resume"
    """How a user asks for a run to be resumed."""

    def __init__(self, out: Path | None) -> None:
        self.out = out
        self._say: Callable[[str], None] | None = None
        self._progress: Callable[[int, int, str], None] | None = None
        self.kept: list[Path] = []
        self.failure: RopescopeError | None = None
        self.asked_to_keep = False
        self._after: list[Callable[[], None]] = []

    @contextmanager
    def working(self) -> Iterator[None]:
        """Progress is shown while it lasts."""
        with self.shown() as (progress, say):
            self._progress, self._say = progress, say
            try:
                yield
            finally:
                self._progress = self._say = None

    @contextmanager
    def shown(self) -> Iterator[Told]:
        """What shows progress. A polite kill ends like Ctrl-C."""
        with terminate_as_interrupt(), progress_bar() as told:
            yield told

    def say(self, line: str) -> None:
        """Begin a stretch of work."""
        if self._say is not None:
            self._say(line)

    def progress(self, done: int, planned: int, what: str) -> None:
        """How far it is."""
        if self._progress is not None:
            self._progress(done, planned, what)

    def keep(self, what: str, save: Callable[[Path], Sequence[Path]], again: str = "") -> str | None:
        """Keep the result; an error waits until the answer was shown."""
        self.asked_to_keep = True
        if self.out is None:
            return None
        try:
            saved = save(self.out)
            self.kept += saved
            for path in self.kept:
                self.tell(f"{what}: {path}")
        except RopescopeError as error:
            self.failure = type(error)(f"{error} Nothing is lost: with {self.resume} {again}.") if again else error
            return None
        return str(saved[0] if saved else self.out)

    def tell(self, line: str) -> None:
        """Say which file was written."""
        print(line, file=sys.stderr)

    def when_shown(self, act: Callable[[], None]) -> None:
        """Do `act` after everything else went well."""
        self._after.append(act)

    def end(self, report: Report) -> None:
        """The rest, once the answer was shown: keep the report itself where the answer kept nothing, then what waited."""
        if self.out is not None and not self.asked_to_keep:
            from ropescope.report.files import write_whole
            from ropescope.report.json import to_json

            self.tell(f"report: {write_whole(self.out, to_json(report, whole=True))}")
        if self.failure is not None:
            raise self.failure
        for act in self._after:
            act()
