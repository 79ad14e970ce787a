"""Work in shares: every piece is done once by somebody, later jobs wait for earlier ones, and a deadly piece is given up."""

from __future__ import annotations

from pathlib import Path

import pytest
from in_shares import prepared, shares
from shared_sums import SumInputs, sums

from ropescope.errors import MeasurementError
from ropescope.measure.answering import measured
from ropescope.measure.asking import MeasureInputs
from ropescope.questions.inputs import from_values, to_values
from ropescope.questions.question import Run
from ropescope.runs.progress import told
from ropescope.runs.share import MOST_DEATHS, Share
from ropescope.runs.worker import MARKER


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return prepared(tmp_path, monkeypatch)


def test_shares_do_each_piece_once_and_the_last_goes_on(home: Path, tmp_path: Path) -> None:
    inputs = SumInputs(log=tmp_path, n=7)
    first = shares(home, sums, inputs, 3)
    # The third finds all squares, and does its share of the cubes: those of 2 and 5.
    assert [(reply.kind, reply.done) for reply in first] == [
        ("unfinished", 3),
        ("unfinished", 2),
        ("unfinished", 2 + 2),
    ]
    (home / "runs" / "notes" / "progress" / ".ropescope-0a1b.tmp").write_text("a draft of another worker")
    assert told(home / "runs" / "notes")[1:] == (3 + 2 + 2, 3 + 2 + 2)
    second = shares(home, sums, inputs, 3, 1)
    assert [(reply.kind, reply.done) for reply in second] == [("unfinished", 3), ("value", 2), ("value", 0)]
    assert second[-1].value == (91, 441) == sums(SumInputs(n=7), Run())
    assert all(len((tmp_path / f"{power}-power-{i}").read_text().split()) == 1 for power in (2, 3) for i in range(7))


def test_a_run_that_does_not_resume_begins_anew_once_and_one_that_does_takes_other_shares(
    home: Path, tmp_path: Path
) -> None:
    inputs = SumInputs(log=tmp_path, n=6)
    shares(home, sums, inputs, 3)
    again = from_values(SumInputs, {**to_values(inputs), "resume": True})
    assert [reply.done for reply in shares(home, sums, again, 1, 1)] == [6 - 2]  # the cubes that the third did not do
    for note in (home / "runs" / "notes" / "once").iterdir():
        note.unlink()  # another run
    assert [reply.done for reply in shares(home, sums, inputs, 1, 2)] == [12]


def test_a_piece_that_kills_is_given_up_and_the_rest_is_done(home: Path) -> None:
    notes, piece = home / "runs" / "notes", "journal/power-3"
    for _ in range(MOST_DEATHS):
        dying = Share(notes, "0-0-0")
        dying.start("sums")
        assert dying.begin(piece)
    last = Share(notes, "0-0-0")
    last.start("sums")
    assert not last.begin(piece) and last.lost == [piece] and last.begin("journal/power-4")
    assert Share(notes, "0-0-1").is_lost(piece)
    for _ in range(MOST_DEATHS):
        Share(notes, "0-0-2").start("sums")
    with pytest.raises(MeasurementError, match="3 workers were killed while they loaded sums"):
        Share(notes, "0-0-2").start("sums")


def test_an_error_is_told_and_a_machine_without_the_folder_refuses(home: Path) -> None:
    (reply,) = shares(home, sums, SumInputs(breaks="2-power-1"), 1)
    assert reply.kind == "error" and str(reply.value) == "2-power-1 cannot be done." and reply.done == 1
    (home / "runs" / "notes" / MARKER).unlink()
    (reply,) = shares(home, sums, SumInputs(), 1)
    assert reply.kind == "error" and "set ROPESCOPE_HOME to a folder that all machines" in str(reply.value)


def test_a_measurement_in_shares_is_equal_to_the_last_bit(home: Path, tiny_folder: Path) -> None:
    inputs = MeasureInputs(
        source=str(tiny_folder), length=128, rows=8, prompts=5, corpus="random", dtype="float32", control="random-init"
    )
    alone = measured(inputs, Run())
    alone.discard_journal()
    rounds = [shares(home, measured, inputs, 2, number) for number in range(3)]
    # Prompts of both; then those of the control, whose other half nobody could do before.
    assert [[reply.done for reply in replies] for replies in rounds] == [[3, 2 + 2], [3, 0], [0, 0]]
    value = rounds[1][0].value
    for mine, theirs in ((value.profile, alone.profile), (value.control_profile, alone.control_profile)):
        assert (mine.mass == theirs.mass).all() and (mine.sink_mass == theirs.sink_mass).all()
    assert value.summary.gamma == alone.summary.gamma and value.control.gamma == alone.control.gamma
