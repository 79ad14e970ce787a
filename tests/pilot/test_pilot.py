"""The trial as a question: predictions first, then runs that are shared, cut short, kept and shown again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from in_shares import answered, prepared

from ropescope.errors import FormatError, InputError, MeasurementError
from ropescope.measure.profile import DecayProfile
from ropescope.models.opening import open as open_model
from ropescope.pilot.asking import answer
from ropescope.pilot.inputs import PilotInputs
from ropescope.pilot.results.result import PilotResult
from ropescope.pilot.running import train
from ropescope.questions.question import Run
from ropescope.report.report import Report

ASKED: dict[str, Any] = {"theta": (500.0, 1e4), "seeds": 2, "size": "toy", "ablations": ("nope",), "device": "cpu"}


class Kept(Run):
    """Keeps at `out`, and says when it was shown."""

    def __init__(self, out: Path) -> None:
        self.out, self.acts, self.told = out, [], []

    def keep(self, what: str, save: Any, again: str = "") -> str:
        save(self.out)
        return str(self.out)

    def when_shown(self, act: Any) -> None:
        self.acts.append(act)

    def progress(self, done: int, planned: int, what: str) -> None:
        self.told.append((done, planned, what))


def ask(prose: Path, run: Run | None = None, **changes: Any) -> Report:
    return answer(PilotInputs(**{**ASKED, "text": (prose,), **changes}), run or Run())


def numbers(report: Report) -> Any:
    return json.loads(json.dumps([report.data["arms"], report.data["statements"]]))


def test_whole_dealt_and_shown_again_are_equal(prose: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Kept(tmp_path / "pilot.parquet")
    whole = ask(prose, run, networks=tmp_path / "networks")
    assert whole.data["runs"] == 6 and not whole.data["partial"]
    assert {s["name"] for s in whole.data["statements"]} >= {"theory, level", "theory, change"}
    assert [figure.name for figure in whole.figures] == [
        "gamma-by-base",
        "during-training",
        "by-layer",
        "loss-by-position",
    ]
    assert run.told[-1][:2] == (48, 48) and "loss" in run.told[-1][2]
    assert "hardly trained" in whole.caveats[0]  # 8 steps
    for act in run.acts:
        act()

    # As accelerate's launcher deals them: the second process finds what the first has finished.
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    first = ask(prose)
    assert first.data["partial"] and first.verdict.startswith("3 of 6 runs")
    monkeypatch.setenv("RANK", "1")
    assert numbers(ask(prose)) == numbers(whole)

    kept = PilotResult.load(tmp_path / "pilot.parquet")
    assert kept.save(tmp_path / "again.parquet") and PilotResult.load(tmp_path / "again.parquet") == kept
    again = answer(PilotInputs(runs=tmp_path / "pilot.parquet"), Run())
    assert numbers(again) == numbers(whole) and again.verdict == whole.verdict

    folder = tmp_path / "networks"
    assert sorted(path.name for path in folder.glob("*.parquet"))[0] == "nope-seed-0.parquet"
    profile = DecayProfile.load(folder / "rope-500-seed-1.parquet")
    assert profile.provenance["rope_thetas"] == [500.0] and profile.n_prompts == 2
    model = open_model(folder / "rope-500-seed-1")
    assert model.rope_thetas == (500.0,) and model.context_length == 256
    assert not (folder / "nope-seed-0").exists()


def test_a_trial_out_of_time_says_so_and_goes_on(prose: Path) -> None:
    with pytest.raises(MeasurementError, match="No run was finished"):
        ask(prose, budget=0.0)
    with pytest.raises(MeasurementError, match="No run was finished"):
        ask(prose, budget=0.0, resume=True)


def test_shares_of_a_cluster_add_up(prose: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal to the bit to one process; the measurements within a run are not shared out again."""
    home = prepared(tmp_path, monkeypatch)
    inputs = PilotInputs(**{**ASKED, "ablations": ("none",), "text": (prose,)})
    alone = train(inputs, Run()).result
    reply, _ = answered(home, train, inputs, 2)
    assert reply.value.result == alone and len(alone.runs) == 4


def test_predictions_are_told_without_training() -> None:
    report = answer(PilotInputs(predictions=True), Run())
    assert report.data["seeds"] == 5 and len(report.data["arms"]) == 7
    assert len(report.tables[0].rows) == 5 + 3


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"ablations": ("none", "nope")}, "not both"),
        ({"theta": (500.0, 500.0)}, "two bases"),
    ],
)
def test_bad_inputs(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        PilotInputs(**changes)


def test_kept_runs_are_shown_alone_and_other_files_refused(tmp_path: Path, prose: Path) -> None:
    with pytest.raises(InputError, match="not read"):
        answer(PilotInputs(runs=tmp_path / "p.parquet", seeds=3), Run())
    with pytest.raises(FormatError, match="cannot be read"):
        answer(PilotInputs(runs=prose), Run())
