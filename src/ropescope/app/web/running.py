"""Jobs of the server: long answers, each in a process of its own, followed by whoever asks, cancelled when nobody does."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ropescope.app.web.backend import told
from ropescope.app.web.jobs import GRACE_SECONDS, fault, interrupted
from ropescope.errors import RopescopeError

MOST_JOBS: Final = 8
"""Answers that run or wait at one time. Of those that load weights one runs at a time: two might not fit in memory."""
MOST_SAID: Final = 200
MOST_LINE: Final = 256 << 20
LEFT_SECONDS: Final = 60.0
"""How long an answer goes on that nobody follows: a page that is loaded again comes back to it."""
KEPT_SECONDS: Final = 600.0
_BEAT_SECONDS: Final = 10.0

Line = dict[str, Any]
Finished = Callable[[bool, Line], Line]


class TooManyError(RopescopeError):
    """There are as many jobs as may be."""


@dataclass(eq=False)
class Job:
    """One long answer. lines: what it said so far, numbered, the last progress of each stretch alone."""

    key: str
    request: Line
    finished: Finished
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    lines: list[tuple[int, Line]] = field(default_factory=list)
    followers: int = 0
    since: float = field(default_factory=time.monotonic)
    done: bool = False
    cancelled: bool = False
    process: asyncio.subprocess.Process | None = None
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    _said: asyncio.Event = field(default_factory=asyncio.Event)
    _count: int = 0

    def add(self, line: Line) -> None:
        """Tell the followers a line."""
        self._count += 1
        if self.lines and "progress" in line and "progress" in self.lines[-1][1]:
            self.lines.pop()
        self.lines = [*self.lines[-MOST_SAID:], (self._count, line)]
        self.done = self.done or "answer" in line
        self.since = time.monotonic()
        self._said.set()
        self._said = asyncio.Event()

    async def follow(self, after: int = 0) -> AsyncIterator[str]:
        """The lines after a number as server-sent events, and further ones as they come, to the answer."""
        async with aclosing(self.told(after)) as told:
            async for number, line in told:
                yield ": going on\n\n" if line is None else f"id: {number}\ndata: {json.dumps(line)}\n\n"

    async def told(self, after: int = 0) -> AsyncGenerator[tuple[int, Line | None]]:
        """The lines after a number, and further ones as they come, to the answer; None now and then where none comes."""
        self.followers += 1
        try:
            while True:
                said = self._said
                for number, line in self.lines:
                    if number > after:
                        after = number
                        yield number, line
                if self.done:
                    return
                try:
                    await asyncio.wait_for(said.wait(), _BEAT_SECONDS)
                    await asyncio.sleep(0.05)  # progress that comes in a rush is told once
                except TimeoutError:
                    yield after, None
        finally:
            self.followers -= 1
            self.since = time.monotonic()

    def cancel(self, grace: float = GRACE_SECONDS) -> None:
        """Have it end with what is finished; after `grace` seconds it is ended without."""
        self.cancelled = True
        self.stopped.set()
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                if os.name == "nt":
                    assert self.process.stdin is not None
                    self.process.stdin.close()
                else:
                    self.process.send_signal(signal.SIGINT)
            asyncio.get_running_loop().call_later(grace, self.kill)

    def kill(self) -> None:
        """End the process, and those that it started."""
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                if os.name == "nt":
                    self.process.kill()
                else:
                    os.killpg(self.process.pid, signal.SIGKILL)


class Jobs:
    """The jobs that run, wait, or are kept for those who come back. empty: the folder in which processes start. left_seconds: how
    long one goes on that nobody follows."""

    def __init__(self, empty: Path, left_seconds: float = LEFT_SECONDS) -> None:
        self._empty, self._left_seconds = empty, left_seconds
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = {"weights": asyncio.Semaphore(1), "data": asyncio.Semaphore(2)}

    def start(self, key: str, needs: str, request: Line, finished: Finished) -> Job:
        """A job for a request. Raises TooManyError. finished: makes what the page gets, of "was it cancelled" and the answer."""
        self._tidy()
        if sum(not job.done for job in self._jobs.values()) >= MOST_JOBS:
            raise TooManyError(f"{MOST_JOBS} questions are being answered: wait for one, or cancel one.")
        job = Job(key, request, finished)
        self._jobs[job.id] = job
        self._spawn(self._run(job, self._turns["weights" if needs == "weights" else "data"]))
        return job

    def going(self, key: str) -> Job | None:
        """The job that works on the same request, if one does."""
        return next((job for job in self._jobs.values() if job.key == key and not job.done and not job.cancelled), None)

    def find(self, name: str) -> Job | None:
        """The job of that name, if it is kept."""
        return self._jobs.get(name)

    async def watch(self) -> None:
        """Cancel what nobody follows, until this is cancelled."""
        while True:
            await asyncio.sleep(2)
            self._tidy()

    async def close(self) -> None:
        """End every job."""
        for job in self._jobs.values():
            job.cancel(grace=3)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=6)
        for job in self._jobs.values():
            job.kill()

    def _tidy(self) -> None:
        now = time.monotonic()
        for name, job in list(self._jobs.items()):
            left = now - job.since if not job.followers else 0.0
            if job.done and left > KEPT_SECONDS:
                del self._jobs[name]
            elif not job.done and not job.cancelled and left > self._left_seconds:
                job.cancel()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, job: Job, turn: asyncio.Semaphore) -> None:
        try:
            if turn.locked():
                job.add({"say": "Waiting for another answer to end"})
            if not await _have(turn, unless=job.stopped):
                answer = interrupted()
            else:
                try:
                    answer = await self._work(job)
                finally:
                    turn.release()
            answer = job.finished(job.cancelled, answer)
        except Exception as error:  # whatever it is, those who follow must not wait for ever
            answer = {"error": fault(error)}
        job.add({"answer": answer})

    async def _work(self, job: Job) -> Line:
        job.process = process = await asyncio.create_subprocess_exec(
            # -P: what lies in the folder it starts in is never taken for a module.
            *(sys.executable, "-P", "-m", "ropescope.app.web.jobs"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=self._empty,
            limit=MOST_LINE,
            start_new_session=os.name != "nt",  # Ctrl-C is for the server, which then ends it
        )
        assert process.stdin is not None and process.stdout is not None
        answer: Line | None = None
        try:
            process.stdin.write(json.dumps(job.request).encode() + b"\n")
            await process.stdin.drain()
            if job.cancelled:
                job.cancel()
            while line := await process.stdout.readline():
                told_line: Line = json.loads(line)
                if "answer" in told_line:
                    answer = told_line["answer"]
                else:
                    job.add(told_line)
            await process.wait()
        finally:
            job.kill()
        if answer is not None:
            return answer
        return interrupted() if job.cancelled else {"error": told(RopescopeError(_why(process.returncode or 0)))}


async def _have(turn: asyncio.Semaphore, unless: asyncio.Event) -> bool:
    """Wait for a turn; False where the event came first."""
    had, stop = asyncio.ensure_future(turn.acquire()), asyncio.ensure_future(unless.wait())
    await asyncio.wait({had, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if had.done():
        return True
    had.cancel()
    return False


def _why(status: int) -> str:
    if status == -9:
        return (
            "The system ended the process of this answer, most likely for lack of memory. Ask for less, or free some."
        )
    return f"The process of this answer ended without one (status {status}). The server's terminal shows more."
