"""A job of small sums: done once, interrupted, resumed, shared between processes, and without anything heavy."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ropescope.errors import MeasurementError
from ropescope.runs.job import Piece, do_pieces, run_job
from ropescope.runs.journal import Journal


@dataclass
class Total:
    """What the finished pieces add up to."""

    value: int
    partial: bool


@dataclass
class Squares:
    """The squares of the numbers below n, and their sum."""

    n: int
    stop_at: int | None = None
    made: list[int] = field(default_factory=list)
    name = "squares"

    @property
    def identity(self) -> dict[str, int]:
        return {"power": 2}

    @property
    def pieces(self) -> list[Piece]:
        return [Piece(f"square-{number}", {"number": number}) for number in range(self.n)]

    def do(self, piece: Piece) -> int:
        number: int = piece.of["number"]
        if number == self.stop_at:
            raise KeyboardInterrupt
        self.made.append(number)
        return number**2

    def result(self, journal: Journal) -> Total:
        found = [journal.finished(piece.name) for piece in self.pieces]
        if not any(found):
            raise MeasurementError("Nothing was finished.")
        return Total(sum(value or 0 for value in found), None in found)


def test_interrupted_it_ends_with_what_is_finished_and_resumes_there(tmp_path: Path) -> None:
    journal = Journal(Squares(5).identity, tmp_path)
    first = run_job(Squares(5, stop_at=3), journal)
    assert first.interrupted and first.result == Total(0 + 1 + 4, partial=True)
    first.discard_journal()
    told: list[tuple[int, int, str]] = []
    rest = Squares(5)
    second = run_job(rest, journal, resume=True, progress=lambda *step: told.append(step))
    assert rest.made == [3, 4] and second.result == Total(30, partial=False) and not second.interrupted
    assert told == [(3, 5, "squares"), (4, 5, "squares"), (5, 5, "squares")]
    anew = Squares(5)
    run_job(anew, journal).discard_journal()
    assert anew.made == [0, 1, 2, 3, 4] and not journal.folder.exists()


def test_interrupted_before_anything_it_stops(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_job(Squares(5, stop_at=0), Journal({}, tmp_path))
    with pytest.raises(MeasurementError, match="Nothing was finished"):
        run_job(Squares(0), Journal({}, tmp_path))


def test_shards_do_every_piece_once_and_a_damaged_one_is_done_again(tmp_path: Path) -> None:
    job = Squares(7)
    journal = Journal(job.identity, tmp_path)
    for index in range(3):
        do_pieces(job, journal, shard=(index, 3))
    assert job.made == [0, 3, 6, 1, 4, 2, 5] and job.result(journal) == Total(91, partial=False)
    (journal.folder / "square-4.json").write_bytes(b"\xff cut sh")
    assert run_job(job, journal, resume=True).result.value == 91 and job.made[7:] == [4]


def test_it_needs_nothing_heavy() -> None:
    code = "import sys, ropescope.runs.job; assert not {'torch', 'numpy', 'transformers', 'huggingface_hub'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True)
