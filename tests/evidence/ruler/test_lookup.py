"""What `ropescope evidence` answers: rows with their source, near rows named as such, and nothing where there is nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ropescope.errors import SourceError
from ropescope.evidence.ruler.lookup import all_report, evidence_report
from ropescope.evidence.ruler.source import asked_name
from ropescope.report.figure import png, vega_lite
from ropescope.report.json import to_json
from ropescope.report.terminal import to_text


def test_a_model_of_the_leaderboard() -> None:
    report = evidence_report("mistralai/Mistral-7B-Instruct-v0.2")
    assert "scores 13.8 on RULER at 128K (it claims 32K), 85 % less than its 92.4" in report.verdict
    assert report.verdict.endswith("run by the RULER authors.")
    facts = {fact.name: fact for fact in report.facts}
    assert facts["mean drop, 16K to 32K"].value == pytest.approx(-0.1201, abs=1e-4)
    assert facts["mean of 4K and 8K"].basis == "published" and "2025-07-21" in facts["mean of 4K and 8K"].source
    row = json.loads(to_json(report))["matches"][0]
    assert row["how"] == "id" and row["scores"]["131072"] == 13.8 and row["run_by"] == "RULER authors"
    low, high = row["score_ci"]["131072"]
    assert low < 13.8 < high and high - low < 2


def test_a_row_of_the_model_authors_names_their_report_and_has_no_interval() -> None:
    report = evidence_report("Qwen/Qwen3-8B")
    assert "reported by the model authors" in report.verdict
    row = report.data["matches"][0]
    assert row["source"] == "https://arxiv.org/abs/2505.09388" and row["source_date"] == "2025-05"
    assert set(row["score_ci"].values()) == {None} and row["samples"] is None
    assert "arXiv:2505.09388" in report.tables[0].note


def test_an_effective_length_that_its_scores_do_not_give_is_said_so() -> None:
    notes = {name: {f.name: f.note for f in evidence_report(name).facts}["effective length"] for name in
             ("Qwen/Qwen3-8B", "Qwen/Qwen3-235B-A22B", "ai21labs/AI21-Jamba-1.5-Large")}  # fmt: skip
    assert "its scores give 32K" in notes["Qwen/Qwen3-8B"]
    assert notes["Qwen/Qwen3-235B-A22B"] == notes["ai21labs/AI21-Jamba-1.5-Large"] == ""


def test_a_row_with_one_length_gets_no_drop() -> None:
    report = evidence_report("meta-llama/Llama-2-7b-chat-hf")
    assert "scores 85.6 on RULER at 4K" in report.verdict and "no longer length is published" in report.verdict
    assert report.data["matches"][0]["mean_drop"] is None
    to_text(report)


def test_a_base_model_is_offered_its_instruct_model_by_name_only() -> None:
    report = evidence_report("meta-llama/Llama-3.1-8B")
    assert report.verdict.startswith("Nothing is published about meta-llama/Llama-3.1-8B")
    assert "meta-llama/Meta-Llama-3.1-8B-Instruct, which is another model" in report.verdict
    assert report.data["matches"] == [] and report.data["near"][0]["scores"]["4096"] == 95.5
    assert report.facts == () and report.tables[0].title == "Near, but another model"


def test_nothing_published_is_an_answer_that_says_what_to_run() -> None:
    report = evidence_report("smollm2")
    assert report.verdict.startswith("Nothing is published about HuggingFaceTB/SmolLM2-135M-Instruct")
    assert report.tables == () and report.data["near"] == []
    assert "lm_eval" in report.next_steps[0] and "--tasks ruler" in report.next_steps[0]
    step = report.next_steps[1]
    assert (step.question, step.inputs["source"]) == ("measure", "HuggingFaceTB/SmolLM2-135M-Instruct")


def test_the_commands_proposed_hold_no_foreign_text() -> None:
    steps = " ".join(str(step) for step in evidence_report("x; rm -rf ~").next_steps)
    assert "rm -rf" not in steps and "pretrained=MODEL" in steps


def test_names_of_folders_and_files(tmp_path: Path) -> None:
    folder = tmp_path / "Qwen3-8B"
    folder.mkdir()
    assert asked_name(str(folder)) == ("Qwen3-8B", "its folder")
    (folder / "config.json").write_text(json.dumps({"_name_or_path": "Qwen/Qwen3-8B"}))
    assert asked_name(str(folder)) == ("Qwen/Qwen3-8B", "_name_or_path in its config.json")
    for useless in ('{"_name_or_path": "/scratch/run 7"}', "[]", "{", '{"_name_or_path": 7}'):
        (folder / "config.json").write_text(useless)
        assert asked_name(str(folder)) == ("Qwen3-8B", "its folder")
    snapshot = tmp_path / "models--Qwen--Qwen3-14B" / "snapshots" / "0123abc"
    snapshot.mkdir(parents=True)
    assert asked_name(str(snapshot))[0] == "Qwen/Qwen3-14B"
    gguf = tmp_path / "Qwen3-8B-Q8_0.gguf"
    gguf.write_bytes(b"GGUF")
    assert asked_name(str(gguf)) == ("Qwen3-8B-Q8_0.gguf", "its file name")
    report = evidence_report(str(gguf))
    assert report.data["matches"] == [] and report.data["near"][0]["hub_id"] == "Qwen/Qwen3-8B"


@pytest.mark.parametrize("empty", ["", "  ", "/", "//", "…"])
def test_an_empty_name_is_refused(empty: str) -> None:
    with pytest.raises(SourceError, match="names no model"):
        evidence_report(empty)


def test_a_name_longer_than_a_file_name_is_only_a_name() -> None:
    assert evidence_report("a" * 5000).data["matches"] == []


def test_the_whole_table() -> None:
    report = all_report()
    assert len(report.tables[0].rows) == len(report.data["rows"]) == 45
    assert "lose 2 % to 100 %" in report.verdict
    assert all(row[-1] and row[-2] and row[-3] for row in report.tables[0].rows)


def test_the_figure_has_the_model_in_front_of_all_others() -> None:
    spec = vega_lite(evidence_report("Qwen/Qwen3-8B").figures[0])
    grey = {value["model"] for value in spec["layer"][0]["data"]["values"]}
    assert len(grey) == 44 and "Qwen/Qwen3-8B" not in grey
    assert [value["score"] for value in spec["layer"][3]["data"]["values"]] == [96.3, 96.0, 91.8, 91.2, 82.1, 77.4]
    assert png(all_report().figures[0], scale=1).startswith(b"\x89PNG")
    assert png(evidence_report("Mistral-7B-Instruct-v0.2").figures[0], scale=1).startswith(b"\x89PNG")


QWEN25 = (("7B", 55.1, 85.4), ("14B", 78.1, 91.4), ("32B", 82.0, 92.9), ("72B", 88.4, 95.1))


@pytest.mark.parametrize(("size", "at_128k", "average"), QWEN25)
def test_instruct_models_that_only_their_authors_report_are_found_by_their_ids(
    size: str, at_128k: float, average: float
) -> None:
    # Qwen2.5 technical report (arXiv:2412.15115), Table 16; its averages check the six scores of each row.
    report = evidence_report(f"Qwen/Qwen2.5-{size}-Instruct")
    (row,) = report.data["matches"]
    assert row["how"] == "id" and row["scores"]["131072"] == at_128k and row["run_by"] == "model authors"
    assert sum(row["scores"].values()) / 6 == pytest.approx(average, abs=0.06) == row["average"]
    assert "reported by the model authors" in report.verdict and "arXiv:2412.15115" in str(report.facts)
    assert any("YaRN" in caveat for caveat in report.caveats)
