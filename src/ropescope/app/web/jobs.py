"""A long answer in a process of its own: the request comes as one line of JSON, and lines of JSON go out.

    {"say": …}  {"progress": [done, planned, what]}  and at last {"answer": …}

An interrupt ends it with what is finished, as Ctrl-C does a command. It ends, too, when the end of its input tells that the
server is gone.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from ropescope.app.web.backend import answer, renamed, told
from ropescope.errors import RopescopeError
from ropescope.local_files import within
from ropescope.questions.question import Run

GRACE_SECONDS: Final = 20.0
"""How long an interrupted answer may take to put together what is finished."""

Write = Callable[[dict[str, Any]], None]


class PageRun(Run):
    """A run that tells the page how far it is, and keeps the result where the page can offer it."""

    def __init__(self, request: dict[str, Any], tell: Write = lambda line: None) -> None:
        self.out = None if request["out"] is None else Path(request["out"])
        self._tell, self._names = tell, request["names"]
        self._after: list[Callable[[], None]] = []
        self.failures: list[str] = []

    def say(self, line: str) -> None:
        """Begin a stretch of work."""
        self._tell({"say": renamed(line, self._names)})

    def progress(self, done: int, planned: int, what: str) -> None:
        """How far it is."""
        self._tell({"progress": [done, planned, renamed(what, self._names)]})

    def keep(self, what: str, save: Callable[[Path], Sequence[Path]], again: str = "") -> str | None:
        """Keep the result; one that cannot be written is told beside the answer."""
        if self.out is None:
            return None
        try:
            save(self.out)
        except RopescopeError as error:
            told_error = f"{error} Nothing is lost: with `resume` {again}." if again else str(error)
            self.failures.append(renamed(told_error, self._names))
            return None
        return str(self.out)

    def when_shown(self, act: Callable[[], None]) -> None:
        """Do `act` once the answer was handed over."""
        self._after.append(act)

    def ended(self) -> None:
        """What waited for the answer; not where the result could not be kept."""
        for act in () if self.failures else self._after:
            act()


def answered(request: dict[str, Any], run: PageRun) -> dict[str, Any]:
    """The answer to a request whose paths are cleared; a fault of ours is told in one sentence, and its trace on standard error."""
    try:
        with within(map(Path, request["folders"])):
            made = answer(request["question"], request["given"], run, request["names"], request["language"])
    except Exception as error:
        traceback.print_exc()
        return {"error": fault(error)}
    if "report" in made:
        made["report"]["caveats"] += run.failures
    return made


def fault(error: Exception) -> dict[str, Any]:
    """An error that nobody foresaw, as the page shows it."""
    kind = type(error).__name__
    return told(
        RopescopeError(f"Unexpected error ({kind}): this is a fault of ropescope. The server's terminal shows more.")
    )


def interrupted() -> dict[str, Any]:
    """The answer where nothing was finished."""
    return {"error": told(RopescopeError("Interrupted before anything was finished.")), "interrupted": True}


def main() -> None:
    """Answer the request on standard input."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no line of ours
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_server, daemon=True).start()

    def tell(line: dict[str, Any]) -> None:
        out.write(json.dumps(line) + "\n")
        out.flush()

    run = PageRun(request, tell)
    try:
        made = answered(request, run)
    except KeyboardInterrupt:
        made = interrupted()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tell({"answer": made})
    run.ended()


def _end_with_the_server() -> None:
    """Interrupt the answer at the end of the input, which comes with a cancel and when the server is gone."""
    sys.stdin.read()
    signal.raise_signal(signal.SIGINT) if os.name == "nt" else os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
