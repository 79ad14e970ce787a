"""Work on what a stranger wrote, in a process of its own: it may run for ever, fill the memory or crash, and is ended.

The limits are set inside the process: of processor time by a timer whose signal ends it, of memory by the system. Where there
are no processes (in a browser) the work is done in place; a page ends it with its worker.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from ropescope.errors import SourceError

_ROOM: Final = "ropescope.checks.prompts.template"
_START: Final = (
    f"import json, sys; sys.path[:] = json.loads(sys.argv[1]); from {_ROOM}.isolated import work; work(*sys.argv[2:])"
)
_WALL_SECONDS: Final = 900
"""Beyond what a loaded machine needs for all renderings; it ends what waits and does not work, and tells nothing of it."""

_MEMORY_BYTES: Final = 1 << 30

Done = Callable[[dict[str, Any]], None]


def outcomes(target: str, job: Mapping[str, Any], *, seconds: float, memory: bool = True) -> list[dict[str, Any]]:
    """What `target` ("module:function" of this room) gave to its `done(outcome)` for `job`, in order.

    seconds: of processor time from one outcome to the next. memory: whether it is limited to 1 GiB. A process that was ended
    leaves {"fatal": "time"} or {"fatal": "crash"} as the last outcome, or {"fatal": "waits"} where 15 minutes passed in which it
    did not work so long. Raises SourceError where no process can be started.
    """
    if sys.platform in ("emscripten", "wasi") or not sys.executable:
        found: list[dict[str, Any]] = []
        _function(target)(job, found.append)
        return found
    import subprocess

    # Neither the current folder nor a folder beside a script may bring a module of the same name as one that is imported.
    paths = [path for path in sys.path if path]
    line = [sys.executable, "-P", "-c", _START, json.dumps(paths), target, str(seconds), str(int(memory))]
    try:
        done = subprocess.run(
            line,
            input=json.dumps(job).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_WALL_SECONDS,
            check=False,
        )
        lines, ended = done.stdout, done.returncode
    except subprocess.TimeoutExpired as error:
        lines, ended = error.stdout or b"", None
    except OSError as error:
        raise SourceError(
            f"A template is rendered in a process of its own, and none can be started: {error}."
        ) from error
    found = [json.loads(line) for line in lines.split(b"\n")[:-1]]
    if ended != 0 and not (found and "fatal" in found[-1]):
        kind = "waits" if ended is None else "time" if ended == _of_timer() else "crash"
        found.append({"fatal": kind, "why": ""})
    return found


def work(target: str, seconds: str, memory: str) -> None:
    """What the process does: the job on its standard input, an outcome a line on its standard output."""
    sys.stdin.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    out, sys.stdout = sys.stdout, sys.stderr
    job, call = json.load(sys.stdin), _function(target)
    _limit(memory == "1")
    _again(float(seconds))

    def done(outcome: dict[str, Any]) -> None:
        out.write(json.dumps(outcome) + "\n")
        out.flush()
        _again(float(seconds))

    call(job, done)
    out.flush()
    import os

    os._exit(0)  # a server that was started for the work would wait for its threads


def _function(target: str) -> Callable[[Mapping[str, Any], Done], None]:
    module, _, name = target.partition(":")
    found: Callable[[Mapping[str, Any], Done], None] = getattr(import_module(f"{_ROOM}.{module}"), name)
    return found


def _limit(memory: bool) -> None:
    try:
        import resource
    except ImportError:  # not of Unix
        return
    from contextlib import suppress

    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))


def _again(seconds: float) -> None:
    """Begin the time of the next piece of work. Its end is a signal that nothing handles, and so the end of the process."""
    import signal

    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _of_timer() -> int:
    """The status of a process that its timer ended."""
    import signal

    return -int(getattr(signal, "SIGPROF", 27))
