"""What cannot be run is refused before any weight is loaded, in a sentence that says what can."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_models import TINY, build

from ropescope.errors import DomainError, MeasurementError
from ropescope.evidence.experiments.experiment import Setting
from ropescope.evidence.experiments.report import experiment_report
from ropescope.evidence.experiments.running import run_experiment

RANDOM = Setting(prompts=4, length=256, corpus="random", dtype="float32")


def saved(model_type: str, folder: Path) -> str:
    build(next(tiny for tiny in TINY if tiny.model_type == model_type)).save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("name", ["base-sweep", "length-sweep"])
def test_a_model_without_rope_is_told_what_remains(name: str, tmp_path: Path) -> None:
    remain = "random-init, offset-sweep, corpus, shape, sinks, quantised, induction"
    with pytest.raises(DomainError, match=rf"no rotary positions \(learned positions\).*What remains: {remain}\."):
        run_experiment(name, [saved("gpt2", tmp_path / "gpt2")], RANDOM)


def test_several_bases_are_none_for_a_sweep(tmp_path: Path) -> None:
    with pytest.raises(DomainError, match=r"several RoPE bases \(1e\+06, 10000\).*base-sweep does not apply"):
        run_experiment("base-sweep", [saved("gemma3_text", tmp_path / "gemma3")], RANDOM)


def test_a_panel_refuses_a_model_whose_fitted_layers_have_two_bases_before_it_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gemma = saved("gemma3_text", tmp_path / "gemma3")
    config = tmp_path / "gemma3" / "config.json"  # windows as long as the sequence, so that all layers reach as far
    config.write_text(json.dumps({**json.loads(config.read_text()), "sliding_window": 512}))
    monkeypatch.setattr("ropescope.evidence.experiments.running.observe", lambda *_: pytest.fail("it measured"))
    with pytest.raises(MeasurementError, match=r"whose RoPE bases are 10000, 1e\+06, .* `length` beyond its windows"):
        run_experiment("theta-panel", [gemma, "a#1.parquet#1", "b.parquet#2", "c.parquet#3"], RANDOM)


def test_without_rope_the_rest_runs(tmp_path: Path) -> None:
    result = run_experiment("offset-sweep", [saved("gpt2", tmp_path / "gpt2")], RANDOM)
    names = {row["series"] for row in result.observed.figures[0].spec["layer"][0]["data"]["values"]}
    assert names == {"measured", "uniform attention"}  # and no γ_Padé


@pytest.mark.parametrize(
    ("name", "sources", "sentence"),
    [
        ("shape", [], "one model, and 0 sources"),
        ("shape", ["a", "b"], "one model, and 2 sources"),
        ("shape", ["kept.parquet"], "is a kept profile"),
        ("theta-panel", ["a"], "1 was given: it takes 4 at the least, .* and 20 to decide"),
        ("theta-panel", ["a", "b", "a", "a"], "2 were given"),
    ],
)
def test_sources_that_do_not_fit(name: str, sources: list[str], sentence: str) -> None:
    with pytest.raises(MeasurementError, match=sentence):
        run_experiment(name, sources, RANDOM)


@pytest.mark.parametrize(
    ("name", "length", "sentence"),
    [
        ("random-init", 200, "250 tokens at the least"),
        ("length-sweep", 512, "550 tokens or more"),
        ("offset-sweep", 200, "250 tokens or more"),
        ("random-init", 4096, "beyond the trained context"),
        ("offset-sweep", 4096, "beyond the trained context"),
    ],
)
def test_lengths_that_do_not_fit(name: str, length: int, sentence: str, flat_folder: Path) -> None:
    with pytest.raises(MeasurementError, match=sentence):
        run_experiment(name, [str(flat_folder)], Setting(prompts=4, length=length, corpus="random"))


def test_interrupted_then_resumed_gives_the_same(flat_folder: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    def kept() -> int:
        return len(list((tmp_path / "home").rglob("prompt-*")))

    whole = run_experiment("random-init", [str(flat_folder)], RANDOM)
    assert kept() == 16  # the trained network and three with random weights, until the result is safe
    whole.clear()
    assert kept() == 0

    calls = 0

    def stop(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise KeyboardInterrupt

    with pytest.raises(MeasurementError, match=r"Interrupted.*`resume`"):
        run_experiment("random-init", [str(flat_folder)], RANDOM, progress=stop)
    assert kept() == 6
    resumed = run_experiment("random-init", [str(flat_folder)], replace(RANDOM, resume=True))
    assert resumed.observed.measured == whole.observed.measured


def test_the_report_says_what_was_said_before(flat_folder: Path) -> None:
    from ropescope.report.json import to_json
    from ropescope.report.report import Report

    result = run_experiment("random-init", [str(flat_folder)], RANDOM)
    report = experiment_report(result)
    assert report.verdict.startswith("The null stands (random-init, flat): ")
    said, held = report.tables[:2]
    assert [row[0] for row in said.rows] == ["theory", "null", "decides"]
    assert said.rows[0][1] == result.experiment.theory
    assert [row[5] for row in held.rows] == ["no", None] and [row[7] for row in held.rows] == ["yes", "yes"]
    data = report.data
    assert data["stands"] == "null" and data["setting"]["prompts"] == 4 and data["setting"]["seed"] == 0
    assert data["provenance"]["versions"]["torch"] and len(data["provenance"]["weights"]) == 64
    assert Report.from_dict(json.loads(to_json(report, whole=True))).verdict == report.verdict


def test_progress_names_what_is_measured(flat_folder: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    said: list[str] = []
    run_experiment("random-init", [str(flat_folder)], RANDOM, progress=lambda *step: seen.append(step), log=said.append)
    assert seen[0] == (1, 16, "trained weights") and seen[-1] == (16, 16, "random weights 3 of 3")
    assert [done for done, _, _ in seen] == list(range(1, 17))
    assert said[-1].startswith("Measuring flat (cpu, ") and said[-1].endswith("threads, float32)")
