"""Answers that are worked on: each in a process of its own, followed by whoever waits, and kept when it ends."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, Final

from ropescope.app.folders import Folders
from ropescope.app.mcp.calls import Call, as_text, cleared
from ropescope.app.mcp.kept import Entry, Kept
from ropescope.app.web.running import Job, Jobs
from ropescope.errors import ReportError
from ropescope.questions.inputs import fields_of
from ropescope.questions.question import Question

Tell = Callable[[float, float | None, str], Awaitable[None]]
"""Tell a client how far a call is: (progress, total if it is known, what)."""


_RESUME: Final = "resume"


class Answers:
    """What is asked, worked on and kept. empty: the folder in which processes start, so that no relative name finds a file."""

    def __init__(self, folders: Folders, kept: Kept, empty: Path) -> None:
        self.folders, self.kept, self.empty = folders, kept, empty
        self._jobs = Jobs(empty, left_seconds=math.inf)
        self._working: dict[str, Job] = {}

    def begin(self, question: Question, inputs: Mapping[str, Any], *, keep: bool = True) -> Entry:
        """Work on a question; one that is already worked on is joined. keep: also after it was read.

        Raises RopescopeError for inputs that are none, a path outside the folders, and too many questions at a time.
        """
        given = as_text(question, inputs)
        self.working()
        key = json.dumps([question.name, given, keep], sort_keys=True)
        job = self._jobs.going(key)
        if job is not None:
            return next(Entry(self.kept.folder / id) for id, one in self._working.items() if one is job)
        entry = self.kept.begin(question)
        try:
            call = cleared(question, given, self.folders, self.kept, entry)
            job = self._jobs.start(key, question.needs, _request(call), partial(_finished, call, entry, time.time()))
        except BaseException:
            entry.forget()
            raise
        self._working[entry.id] = job
        return entry

    def job(self, entry: Entry) -> Job | None:
        """What works on an answer; None where nothing does."""
        job = self._working.get(entry.id)
        if job is not None and job.done:
            del self._working[entry.id]
            return None
        return job

    async def wait(self, entry: Entry, seconds: float, tell: Tell) -> dict[str, Any] | None:
        """The answer, or None where it is not there after so many seconds; how far it is goes to `tell`."""
        job = self.job(entry)
        if job is not None:
            progress = _Progress(tell)
            try:
                async with asyncio.timeout(seconds), aclosing(job.told()) as told:
                    async for _, line in told:
                        await progress.tell(line)
                        if line is not None and "error" in line.get("answer", {}):  # it could not be kept
                            return dict(line["answer"])
            except TimeoutError:
                return None
        return entry.read()

    def cancel(self, entry: Entry, *, unless_followed: bool = False) -> None:
        """Have it end with what is finished."""
        job = self.job(entry)
        if job is not None and not job.cancelled and not (unless_followed and job.followers):
            job.cancel()

    def working(self) -> list[Entry]:
        """What is worked on; what ended is let go of."""
        return [entry for entry in map(Entry, (self.kept.folder / id for id in list(self._working))) if self.job(entry)]

    async def close(self) -> None:
        """End all that is worked on; what is finished of it is kept."""
        await self._jobs.close()


class _Progress:
    """How far a call is, over all stretches of work: it only grows, as clients want it."""

    def __init__(self, tell: Tell) -> None:
        self._tell, self._before, self._done, self._last, self._said = tell, 0, 0, 0.0, ""

    async def tell(self, line: dict[str, Any] | None) -> None:
        """Tell a line of the job; None says that it goes on."""
        total: float | None = None
        what = self._said or "Working"
        if line is not None and "say" in line:
            self._said = what = line["say"]
        elif line is not None and "progress" in line:
            done, planned, of = line["progress"]
            if done < self._done:
                self._before += self._done
            self._done, total = done, self._before + planned
            what = of if not self._said or self._said in of else f"{self._said}: {of}"
        elif line is not None:
            return
        self._last = max(self._before + self._done, self._last + 0.001)
        await self._tell(self._last, total and max(total, self._last), what)


def said_of(job: Job | None) -> tuple[str, list[Any] | None]:
    """(what it said last, how far it is)."""
    lines = [line for _, line in job.lines] if job is not None else []
    said = next((line["say"] for line in reversed(lines) if "say" in line), "")
    return said, next((line["progress"] for line in reversed(lines) if "progress" in line), None)


def _request(call: Call) -> dict[str, Any]:
    return {
        "question": call.question.name,
        "given": call.cleared,
        "names": call.names,
        "out": None if call.out is None else str(call.out),
        "language": "en",
        "folders": [str(folder) for folder in call.reach],
    }


def _finished(call: Call, entry: Entry, began: float, cancelled: bool, made: dict[str, Any]) -> dict[str, Any]:
    """Keep the answer as it comes."""
    kept = {"question": call.question.name, "inputs": call.given, "began": began, "ended": time.time()}
    if "report" in made:
        report = made["report"]["whole"]
        report["caveats"] = made["report"]["caveats"]  # with what could not be kept
        if cancelled and _RESUME in {one.name for one in fields_of(call.question.inputs_type)}:
            again = {
                "question": call.question.name,
                "inputs": {**call.given, _RESUME: True},
                "why": "Continue where it stopped",
            }
            report["next_steps"] = [again, *(step for step in report["next_steps"] if isinstance(step, dict))]
        kept |= {"cancelled": cancelled, "report": report}
    else:
        kept["error"] = made["error"]
    try:
        entry.write(kept)
    except ReportError as error:
        return {"error": {"message": str(error)}}
    return {}
