"""Several models at one time: a profile of each, failures by name, and a run that goes on."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ropescope.measure.several as several_module
from ropescope.errors import InputError, RopescopeError
from ropescope.measure.answering import answer
from ropescope.measure.asking import MeasureInputs
from ropescope.measure.profile import DecayProfile
from ropescope.questions.question import Run


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))


@pytest.fixture
def models(tiny_folder: Path, tmp_path: Path) -> list[str]:
    """Two that can be measured, and between them one whose weights are cut short."""
    folders = [tmp_path / name for name in ("first", "broken", "third")]
    for folder in folders:
        shutil.copytree(tiny_folder, folder)
    weights = folders[1] / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    return [str(folder) for folder in folders]


def asked(models: list[str], **more: Any) -> MeasureInputs:
    quick = {"length": 128, "rows": 8, "prompts": 3, "corpus": "random", "dtype": "float32"}
    return MeasureInputs(source=models[0], more=tuple(models[1:]), **quick, **more)


def states(inputs: MeasureInputs) -> list[str]:
    return [str(row[-1]) for row in answer(inputs, Run()).tables[0].rows]


def test_one_fails_by_name_and_the_run_goes_on(
    models: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = asked(models, folder=tmp_path / "profiles", control="random-init")
    first, broken, third = states(inputs)
    assert first == third == "measured" and "broken are damaged or cut short" in broken
    names = {path.name for path in (tmp_path / "profiles").iterdir()}
    assert names == {f"{name}{kind}.parquet" for name in ("first", "third") for kind in ("", ".control")}

    measured = several_module.checked
    seen: list[str] = []

    def count(one: MeasureInputs, run: Run) -> Any:
        seen.append(Path(one.source).name)
        return measured(one, run)

    monkeypatch.setattr(several_module, "checked", count)
    shutil.copy(Path(models[0]) / "model.safetensors", Path(models[1]) / "model.safetensors")  # mended
    again = replace(inputs, resume=True)
    assert states(again) == ["measured before", "measured", "measured before"] and seen == ["broken"]
    os.utime(Path(models[2]) / "config.json", (1, 1))  # another file now
    (tmp_path / "profiles" / "first.parquet").write_bytes(b"")
    assert states(again) == ["measured", "measured before", "measured"]
    masses = [DecayProfile.load(tmp_path / "profiles" / f"{name}.parquet").mass for name in ("first", "broken")]
    np.testing.assert_array_equal(*masses)
    assert states(replace(again, seed=1)) == ["measured"] * 3


def test_an_interruption_ends_with_what_is_there(models: list[str], tmp_path: Path) -> None:
    class Stopped(Run):
        def progress(self, done: int, planned: int, what: str) -> None:
            if (what, done) == ("third", 1):
                raise KeyboardInterrupt

    inputs = asked([models[0], models[2], f"{models[2]}-absent"], folder=tmp_path / "profiles")
    report = answer(inputs, Stopped())
    assert [str(row[-1]) for row in report.tables[0].rows] == [
        "measured", "partial: 1 prompts", "interrupted: `resume` goes on",
    ]  # fmt: skip
    # Pieces of what was interrupted stay; those of what is safe went with it.
    kept = {path.name for path in (tmp_path / "home" / "runs").glob("*/*.json")}
    assert kept == {"profile.json", "prompt-000000.json"}
    again = states(replace(inputs, resume=True))
    assert again[:2] == ["measured before", "measured"] and "absent" in again[2]


def test_what_cannot_be_asked_of_several(models: list[str]) -> None:
    for wrong, sentence in (
        (asked([models[0], models[0]]), "is given twice"),
        (asked(models, revision="main"), "write org/name@revision"),
    ):
        with pytest.raises(InputError, match=sentence):
            answer(wrong, Run())
    with pytest.raises(RopescopeError, match="damaged or cut short"):
        answer(asked([models[1], f"{models[1]}-absent"]), Run())


def test_files_are_named_after_their_models(models: list[str], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    shutil.copytree(models[0], tmp_path / "other" / "first")
    sources = ["org/name@abc", models[0], str(tmp_path / "other" / "first"), "org/name"]
    assert [*several_module._file_names(sources).values()] == [
        "org--name@abc.parquet", "first.parquet", "first-2.parquet", "org--name.parquet",
    ]  # fmt: skip
