"""What `ropescope evidence` answers: rows with their source, near rows named as such, and nothing where there is nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ropescope.errors import SourceError
from ropescope.evidence.long_context.report import all_report, evidence_report
from ropescope.published.asked_name import asked_name
from ropescope.published.benchmarks import HELMET, LONGBENCH, NOLIMA, RULER
from ropescope.published.lookup import lookup
from ropescope.report.figure import png, vega_lite
from ropescope.report.json import to_json
from ropescope.report.terminal import to_text


def test_a_model_of_the_leaderboard() -> None:
    report = evidence_report("mistralai/Mistral-7B-Instruct-v0.2")
    assert "scores 13.8 on RULER at 128K (it claims 32K), 85 % less than its 92.4" in report.verdict
    assert "; run by the RULER authors. HELMET at 128K: 8.7, −82.5 %." in report.verdict
    facts = {fact.name: fact for fact in report.facts}
    assert facts["RULER: mean drop, 16K to 32K"].value == pytest.approx(-0.1201, abs=1e-4)
    assert facts["RULER: mean of 4K and 8K"].basis == "published"
    assert "2025-07-21" in facts["RULER: mean of 4K and 8K"].source
    row = json.loads(to_json(report))["matches"][0]
    assert row["how"] == "id" and row["scores"]["131072"] == 13.8 and row["run_by"] == "RULER authors"
    low, high = row["score_ci"]["131072"]
    assert low < 13.8 < high and high - low < 2


def test_a_row_of_the_model_authors_names_their_report_and_has_no_interval() -> None:
    report = evidence_report("Qwen/Qwen3-8B")
    assert "reported by the model authors" in report.verdict
    row = report.data["matches"][0]
    assert row["source"] == "https://arxiv.org/abs/2505.09388" and row["source_date"] == "2025-05"
    assert set(row["score_ci"].values()) == set(row["samples"].values()) == {None}
    assert "arXiv:2505.09388" in report.tables[0].note


def test_an_effective_length_that_its_scores_do_not_give_is_said_so() -> None:
    notes = {name: {f.name: f.note for f in evidence_report(name).facts}["RULER: effective length"] for name in
             ("Qwen/Qwen3-8B", "Qwen/Qwen3-235B-A22B", "ai21labs/AI21-Jamba-1.5-Large")}  # fmt: skip
    assert "its scores give 32K" in notes["Qwen/Qwen3-8B"]
    assert notes["Qwen/Qwen3-235B-A22B"] == notes["ai21labs/AI21-Jamba-1.5-Large"] == "dated"


def test_a_row_with_one_length_gets_no_drop() -> None:
    report = evidence_report("meta-llama/Llama-2-7b-chat-hf")
    assert "scores 85.6 on RULER at 4K" in report.verdict and "no longer length is published" in report.verdict
    assert report.data["matches"][0]["mean_drop"] is None
    to_text(report)


def test_a_base_model_gets_its_own_rows_and_its_instruct_model_by_name_only() -> None:
    report = evidence_report("meta-llama/Llama-3.1-8B")
    assert report.verdict.startswith(
        "meta-llama/Llama-3.1-8B scores 37.1 on HELMET at 128K, 18 % less than its 45.0 at 8K"
    )
    assert [row["benchmark"] for row in report.data["matches"]] == ["HELMET"]
    near = {row["benchmark"]: row for row in report.data["near"] if "8B-Instruct" in (row["hub_id"] or "")}
    assert near["RULER"]["scores"]["4096"] == 95.5 and near["NoLiMa"]["scores"]["32768"] == 14.2
    assert all(
        "the instruct model, while yours has no tuning" in near[name]["difference"] for name in ("RULER", "NoLiMa")
    )
    # Gemma 3 (arXiv:2503.19786, Table 15): the base model is the better one at 128K.
    base, tuned = (lookup(f"google/gemma-3-12b-{kind}").row(RULER) for kind in ("pt", "it"))
    assert base is not None and tuned is not None and (base.score("128K"), tuned.score("128K")) == (80.7, 57.1)


def test_nolima_of_gpt_4o_falls_by_30_percent_at_32k() -> None:
    report = evidence_report("openai/gpt-4o")
    row = next(row for row in report.data["matches"] if row["benchmark"] == "NoLiMa")
    assert (row["scores"]["32768"], row["base"], row["effective_length_by_rule"]) == (69.7, 99.3, "8K")
    assert row["relative_drop"]["32768"] == pytest.approx(-0.298, abs=5e-4)
    assert any("has no date" in caveat for caveat in report.caveats)
    gap = next(gap for gap in report.data["reasoning_gap"] if gap["tokens"] == 32_768)
    assert (
        gap["points"] == pytest.approx(88.8 - 69.7) and gap["interval"] is None
    )  # MiniMax does not say how many samples


def test_the_reasoning_gap_of_llama_31_8b() -> None:
    report = evidence_report("meta-llama/Llama-3.1-8B-Instruct")
    facts = {fact.name: fact for fact in report.facts}
    assert facts["RULER: mean drop, 16K to 128K"].value == -0.1001
    gap = facts["reasoning gap at 32K"]
    assert gap.value == 73.2 and gap.interval is not None
    # Newcombe's interval of 0.874 of 6,500 against 0.142 of 7,540, computed with statsmodels' confint_proportions_2indep.
    assert gap.interval == pytest.approx((72.04, 74.31), abs=0.02)
    kept = report.data["reasoning_gap"][-1]["kept"]
    assert kept["RULER"] == pytest.approx(87.4 / 94.65) and kept["NoLiMa"] == pytest.approx(14.2 / 76.7)


def test_a_gap_that_is_not_known_says_what_to_run() -> None:
    report = evidence_report("google/gemma-3-12b-pt")
    assert report.facts[0].value == "not known" and report.facts[0].source == "missing: NoLiMa"
    assert any("NoLiMa is not in lm-eval" in str(step) for step in report.next_steps)


def test_lookup_is_by_benchmark() -> None:
    found = lookup("Qwen/Qwen2.5-72B-Instruct")
    assert [found.row(mark) is not None for mark in (RULER, NOLIMA, HELMET, LONGBENCH)] == [True, False, True, True]
    assert [match.row.setting for match in found.matches["LongBench v2"]] == ["", "chain of thought"]
    assert lookup("smollm2").all_matches == () and lookup("smollm2").gaps == ()


def test_nothing_published_is_an_answer_that_says_what_to_run() -> None:
    report = evidence_report("smollm2")
    assert report.verdict.startswith(
        "Not known: nothing is published about HuggingFaceTB/SmolLM2-135M-Instruct in RULER (61 rows"
    )
    assert report.tables == () and report.data["near"] == []
    assert "lm_eval" in report.next_steps[0] and "--tasks ruler" in report.next_steps[0]
    steps = {step.question: step.inputs["source"] for step in report.next_steps if not isinstance(step, str)}
    assert steps == dict.fromkeys(("extend lm-eval", "measure"), "HuggingFaceTB/SmolLM2-135M-Instruct")


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


def test_all_tables() -> None:
    report = all_report()
    assert [len(table.rows) for table in report.tables] == [61, 22, 59, 60] and len(report.data["rows"]) == 202
    assert "RULER 61, NoLiMa 22, HELMET 59, LongBench v2 35" in report.verdict and "lose 2 % to 100 %" in report.verdict
    assert all(row[-1] and row[-2] and row[-3] for table in report.tables for row in table.rows)


def test_the_figure_has_the_model_in_front_of_all_others() -> None:
    spec = vega_lite(evidence_report("meta-llama/Llama-3.1-8B-Instruct").figures[0])
    ruler, nolima = spec["concat"][:2]
    grey = {value["model"] for value in ruler["layer"][0]["data"]["values"]}
    assert len(grey) == 60 and "meta-llama/Meta-Llama-3.1-8B-Instruct" not in grey
    colours = ruler["layer"][3]["encoding"]["color"]["scale"]
    assert colours["domain"] == [
        "meta-llama/Llama-3.1-8B-Instruct",
        "meta-llama/Llama-3.1-8B-Instruct (chain of thought)",
    ]
    assert [value["score"] for value in nolima["layer"][3]["data"]["values"]] == [65.7, 54.4, 44.1, 31.9, 22.6, 14.2]
    assert png(all_report().figures[0], scale=1).startswith(b"\x89PNG")
    assert png(evidence_report("gpt-4o").figures[0], scale=1).startswith(b"\x89PNG")


QWEN25 = (("7B", 55.1, 85.4), ("14B", 78.1, 91.4), ("32B", 82.0, 92.9), ("72B", 88.4, 95.1))


@pytest.mark.parametrize(("size", "at_128k", "average"), QWEN25)
def test_instruct_models_that_only_their_authors_report_are_found_by_their_ids(
    size: str, at_128k: float, average: float
) -> None:
    # Qwen2.5 technical report (arXiv:2412.15115), Table 16; its averages check the six scores of each row.
    report = evidence_report(f"Qwen/Qwen2.5-{size}-Instruct")
    row = report.data["matches"][0]
    assert row["how"] == "id" and row["scores"]["131072"] == at_128k and row["run_by"] == "model authors"
    assert sum(row["scores"].values()) / 6 == pytest.approx(average, abs=0.06) == row["average"]
    assert "reported by the model authors" in report.verdict and "arXiv:2412.15115" in str(report.facts)
    assert any("YaRN" in caveat for caveat in report.caveats)
