"""Progress in a log: a line at the start, one with the first estimate, and no more than one a minute after that."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from ropescope.app import working
from ropescope.app.cli import app
from ropescope.app.working import progress_bar


def test_a_log_gets_a_line_at_the_start_and_one_with_the_estimate(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar() as (progress, say):
        say("Loading x")
        say("Measuring x (cpu, 2 threads, float32)")
        assert capsys.readouterr().err == "Loading x …\n"
        time.sleep(0.02)
        for done in range(1, 100):
            progress(done, 1_000_000, "x")
    (line,) = capsys.readouterr().err.splitlines()
    assert (
        line.startswith("Measuring x (cpu, 2 threads, float32) · 1 of 1,000,000, about ")
        and " left, 0 s so far" in line
    )


def test_then_a_line_a_minute_even_while_one_part_takes_longer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "LOG_SECONDS", 0.05)
    with progress_bar() as (progress, say):
        say("Scoring x")
        progress(0, 4, "prose")
        time.sleep(0.12)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Scoring x …" and lines[1:3] == ["Scoring x: prose · 0 of 4, 0 s so far"] * 2 and len(lines) == 3


def test_what_an_earlier_run_has_done_says_nothing_of_the_pace(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(working, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with progress_bar() as (progress, say):
        say("Scoring x")
        progress(900, 1000, "prose")
        now[0] = 1.0
        progress(901, 1000, "prose")
    assert capsys.readouterr().err.endswith("901 of 1,000, about 99 s left, 1 s so far\n")


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (119, "119 s"), (121, "2 min"), (3600, "60 min"), (7500, "2 h 5 min")]
)
def test_durations(seconds: float, words: str) -> None:
    assert working._duration(seconds) == words


def test_a_command_tells_what_it_runs_on_and_json_stays_alone(tiny_folder: Path) -> None:
    arguments = ["measure", str(tiny_folder), "--length", "64", "--rows", "8", "--prompts", "2", "--corpus", "random"]
    result = CliRunner().invoke(app, [*arguments, "--dtype", "float32", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["provenance"]["dtype_reason"] == "as asked"
    first, second, *more = result.stderr.splitlines()
    assert first == f"Loading {tiny_folder} …" and more == []
    assert second.startswith(f"Measuring {tiny_folder.name} (cpu, ") and "threads, float32) · 1 of 2, about" in second
