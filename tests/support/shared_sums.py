"""Long work for the tests of `runs`, found by its name in every process: sums of squares and then of cubes, in two jobs."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ropescope.errors import MeasurementError
from ropescope.questions.domains import Whole
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import File, Text
from ropescope.questions.question import Run
from ropescope.questions.shared import OnCluster, Resumable
from ropescope.runs.job import Piece, run_job
from ropescope.runs.journal import Journal


@dataclass(frozen=True, kw_only=True)
class SumInputs(OnCluster, Resumable):
    """What is summed. log: a folder in which each piece that is done leaves a file. kills: a piece that kills its process, as
    often as `deaths` says."""

    name: str = asked(Text(), "A name.", default="sums")
    n: int = asked(Whole(0, 1000), "How many numbers.", default=7)
    milliseconds: int = asked(Whole(0, 10**6), "Of a piece.", default=0)
    log: Path | None = asked(File(), "A folder.", default=None)
    kills: str = asked(Text(), "A piece.", default="none")
    deaths: int = asked(Whole(0, 100), "How often.", default=1)
    breaks: str = asked(Text(), "A piece that fails.", default="none")


@dataclass
class Total:
    """What the finished pieces add up to."""

    value: int
    partial: bool


@dataclass
class Powers:
    """The powers of the numbers below n."""

    inputs: SumInputs
    power: int
    name = "powers"

    @property
    def identity(self) -> dict[str, Any]:
        return {"power": self.power, "n": self.inputs.n, "name": self.inputs.name}

    @property
    def pieces(self) -> list[Piece]:
        return [Piece(f"power-{number}", {"number": number}) for number in range(self.inputs.n)]

    def do(self, piece: Piece) -> int:
        inputs, name = self.inputs, f"{self.power}-{piece.name}"
        time.sleep(inputs.milliseconds / 1000)
        if inputs.log is not None:
            with (inputs.log / name).open("a") as file:
                file.write(f"{os.getpid()}\n")
            if name == inputs.kills and len((inputs.log / name).read_text().split()) <= inputs.deaths:
                os.kill(os.getpid(), signal.SIGKILL)
        if name == inputs.breaks:
            raise MeasurementError(f"{name} cannot be done.")
        number: int = piece.of["number"]
        return number**self.power

    def result(self, journal: Journal) -> Total:
        found = [journal.finished(piece.name) for piece in self.pieces]
        if all(value is None for value in found):
            raise MeasurementError("Nothing was finished.")
        return Total(sum(value or 0 for value in found), None in found)


def sums(inputs: SumInputs, run: Run) -> tuple[int, int | None]:
    """The sum of the squares, and that of the cubes, which needs all squares first; (…, None) where pieces are missing."""
    squares = run_job(Powers(inputs, 2), resume=inputs.resume, progress=run.progress)
    if squares.result.partial:
        return squares.result.value, None
    return squares.result.value, run_job(Powers(inputs, 3), resume=inputs.resume, progress=run.progress).result.value
