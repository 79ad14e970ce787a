"""Drift on two real runs of lm-eval, on made logs, and on what is no log."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ropescope.app.cli import app
from ropescope.checks.judging.drift.drift import DriftInputs, answer
from ropescope.errors import RopescopeError
from ropescope.questions.inputs import from_text
from ropescope.questions.question import Run
from ropescope.report import Report

RUNS = Path(__file__).parent / "runs"


def drift(**given: Any) -> Report:
    return answer(from_text(DriftInputs, {name: str(value) for name, value in given.items()}), Run())


def sample(doc: int, acc: Any, *, prompt: str = "p", target: str = "t", **more: Any) -> dict[str, Any]:
    """A sample as lm-eval 0.4.13 writes it."""
    return {
        "doc_id": doc, "target": target, "arguments": {"gen_args_0": {"arg_0": prompt}}, "resps": [["x"]],
        "filtered_resps": ["x"], "filter": "none", "metrics": ["acc"], "doc_hash": f"d{doc}", "prompt_hash": prompt,
        "target_hash": target, "acc": acc,
    } | more  # fmt: skip


def log(path: Path, *samples: Mapping[str, Any]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in samples))
    return path


def two(folder: Path, first: list[dict[str, Any]], second: list[dict[str, Any]], task: str = "quiz") -> dict[str, Path]:
    name = f"samples_{task}_2026-01-02T03-04-05.678901.jsonl"
    for side in ("a", "b"):
        (folder / side).mkdir(exist_ok=True)
    return {"first": log(folder / "a" / name, *first), "second": log(folder / "b" / name, *second)}


def counted(wins: int, losses: int, n: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Logs of n documents, of which so many are right in the second or the first alone."""
    scores = [(0.0, 1.0)] * wins + [(1.0, 0.0)] * losses + [(1.0, 1.0)] * (n - wins - losses)
    return [sample(i, a) for i, (a, _) in enumerate(scores)], [sample(i, b) for i, (_, b) in enumerate(scores)]


def test_the_chat_template_is_found_as_the_cause() -> None:
    report = drift(first=RUNS / "plain", second=RUNS / "chat")
    assert report.holds is False
    assert report.verdict.startswith("More than noise: the second run scores 51.7 points lower on capitals")
    assert "The prompts differ in all 60 documents: only the second run applies a chat template." in report.verdict
    strict = report.data["comparisons"][0]
    assert (strict["filter"], strict["wins"], strict["losses"]) == ("strict-match", 0, 31)
    assert strict["p"] == 2 * 0.5**31 and strict["p_holm"] == 2 * strict["p"]
    causes = {cause["field"]: cause for cause in report.data["causes"]}
    assert causes["capitals: answers that strict-match cannot read"]["second"] == "60"
    assert "<|im_start|>" in causes["prompt of document 0"]["second"]
    assert not {"model_args.pretrained", "device", "lm_eval_version", "generation_kwargs"} & causes.keys()


def test_a_run_against_itself_is_refused_and_against_its_copy_agrees(tmp_path: Path) -> None:
    with pytest.raises(RopescopeError, match="same run"):
        drift(first=RUNS / "plain", second=RUNS / "chat" / ".." / "plain")
    report = drift(first=RUNS / "plain", second=shutil.copytree(RUNS / "plain", tmp_path / "again"))
    assert report.holds is True
    assert report.verdict == (
        "No gap: 60 documents score the same in both runs, each of them. The prompts and all recorded settings are the same."
    )


def test_a_results_file_and_a_log_alone_are_read_too(tmp_path: Path) -> None:
    (results,) = (RUNS / "chat").glob("*/results*.json")
    (samples,) = (RUNS / "plain").glob("*/samples*.jsonl")
    renamed = shutil.copy(samples, tmp_path / "pasted.json")
    report = drift(first=renamed, second=results)
    assert report.data["comparisons"][0]["losses"] == 31
    assert any("log of the first run can be read" in caveat for caveat in report.caveats)


def test_logs_from_before_filters_were_named(tmp_path: Path) -> None:
    """Up to lm-eval 0.4.6 a sample names neither its filter nor its metrics, and filters follow one another."""
    (samples,) = (RUNS / "plain").glob("*/samples*.jsonl")
    old = [json.loads(line) for line in samples.read_text().splitlines()]
    for one in old:
        del one["filter"], one["metrics"]
    report = drift(first=log(tmp_path / samples.name, *old), second=RUNS / "chat")
    assert [(one["filter"], one["losses"]) for one in report.data["comparisons"]] == [
        ("strict-match", 31), ("flexible-extract", 26),
    ]  # fmt: skip


def test_the_verdict_follows_the_exact_test(tmp_path: Path) -> None:
    sure = drift(**two(tmp_path, *counted(10, 30, 500)))
    assert sure.holds is False and sure.data["comparisons"][0]["p"] == pytest.approx(0.0022, abs=5e-5)
    open_ = drift(**two(tmp_path, *counted(14, 6, 200)))
    assert open_.holds is None and open_.data["comparisons"][0]["p"] == pytest.approx(0.115, abs=5e-4)
    assert open_.verdict.startswith("Undecided: the second run scores 4 points higher on quiz, acc")
    assert "About 489 documents would decide" in open_.verdict


def test_within_a_tolerance_the_runs_agree(tmp_path: Path) -> None:
    logs = two(tmp_path, *counted(14, 6, 2000))
    assert drift(**logs).holds is None
    assert drift(**logs, tolerance="1").holds is True
    assert drift(**logs, tolerance="0.5").holds is None
    words = ["drift", str(logs["first"]), str(logs["second"]), "--check"]
    assert CliRunner().invoke(app, words).exit_code == 1
    assert CliRunner().invoke(app, [*words, "--tolerance", "1"]).exit_code == 0


def test_several_tasks_are_held_against_holm_and_pooled(tmp_path: Path) -> None:
    for task, wins in (("one", 9), ("two", 8), ("three", 1)):
        two(tmp_path, *counted(wins, 1, 100), task=task)
    report = drift(first=tmp_path / "a", second=tmp_path / "b")
    found = {one["task"]: one for one in report.data["comparisons"]}
    assert (found["all tasks"]["wins"], found["all tasks"]["losses"], found["all tasks"]["n"]) == (18, 3, 300)
    assert found["one"]["p"] < 0.05 < found["one"]["p_holm"]
    assert report.verdict.startswith("More than noise: the second run scores 5 points higher on all tasks")


def test_values_of_a_list_are_parts_of_their_document(tmp_path: Path) -> None:
    def following(doc: int, *kept: bool) -> dict[str, Any]:
        return sample(doc, list(kept), word_perplexity=[-3.2, 5], metrics=["acc", "word_perplexity"])

    first = [following(0, True, True, False), following(1, True), following(2, False, False)]
    second = [following(0, False, True, False), following(1, True), following(2, False, True)]
    report = drift(**two(tmp_path, first, second))
    (found,) = report.data["comparisons"]
    assert (found["n"], found["first"], found["second"]) == (3, 3 / 6, 3 / 6)
    assert any("word_perplexity" in caveat for caveat in report.caveats)


def test_a_document_that_the_data_holds_twice_is_one_unit(tmp_path: Path) -> None:
    twice = [sample(0, 0.0), sample(1, 0.0, doc_hash="d0"), sample(2, 1.0)]
    report = drift(**two(tmp_path, twice, [one | {"acc": 1.0} for one in twice]))
    assert report.data["comparisons"][0]["n"] == 2
    assert any("more than once" in caveat for caveat in report.caveats)


def test_a_limit_is_told_as_the_way_to_decide(tmp_path: Path) -> None:
    logs = two(tmp_path, *counted(14, 6, 200))
    for path in logs.values():
        said = {"results": {}, "config": {}, "n-samples": {"quiz": {"original": 1319, "effective": 200}}}
        path.with_name("results_2026-01-02T03-04-05.678901.json").write_text(json.dumps(said, indent=1))
    assert "1,319 documents" in str(drift(**logs).next_steps)


BAD: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], str]] = {
    "other gold": ([sample(0, 1.0)], [sample(0, 1.0, target="u")], "gold answers differ in 1 of 1"),
    "other data": ([sample(0, 1.0)], [sample(1, 1.0)], "No document of"),
    "nan": ([sample(0, 1.0), sample(1, float("nan"))], [sample(0, 1.0)], ".jsonl:2: acc is NaN"),
    "too large": ([sample(0, 10**400)], [sample(0, 1.0)], ".jsonl:1: acc is 1000"),
    "twice": (
        [sample(0, 1.0), sample(0, 1.0)],
        [sample(0, 1.0)],
        ".jsonl:2 holds document 0 of filter none again, after line 1",
    ),
    "old": ([{"doc_id": 0, "acc": 1.0}], [sample(0, 1.0)], ".jsonl:1 is no sample of lm-eval"),
    "no number": ([sample(0, "yes")], [sample(0, "yes")], "shares no metric"),
    "unlike parts": ([sample(0, [True])], [sample(0, [True, False])], "1 and 2 values of acc"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_compared_is_refused(case: str, tmp_path: Path) -> None:
    first, second, told = BAD[case]
    with pytest.raises(RopescopeError) as caught:
        drift(**two(tmp_path, first, second))
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_a_cut_line_is_named(tmp_path: Path) -> None:
    logs = two(tmp_path, [sample(0, 1.0), sample(1, 1.0)], [sample(0, 1.0)])
    logs["first"].write_text(logs["first"].read_text()[:-40])
    with pytest.raises(RopescopeError, match=r"678901\.jsonl:2 is not valid JSON and the file ends there"):
        drift(**logs)


def test_other_tasks_and_places_without_logs_are_refused(tmp_path: Path) -> None:
    a, b = two(tmp_path, [sample(0, 1.0)], [])["first"], two(tmp_path, [], [sample(0, 1.0)], task="other")["second"]
    with pytest.raises(RopescopeError, match="`second` holds other and `first` holds quiz"):
        drift(first=a, second=b)
    (tmp_path / "none").mkdir()
    for path, told in (
        (tmp_path / "none", "holds no samples"),
        (tmp_path / "x", "is not there"),
        (Path("67.2"), "`scores`"),
    ):
        with pytest.raises(RopescopeError, match=told):
            drift(first=path, second=b)
    with pytest.raises(RopescopeError, match="holds the logs of a, b"):
        drift(first=tmp_path, second=b)


def test_scores_alone_are_weak_evidence() -> None:
    report = drift(scores="67.2,65.1", n="1319")
    assert report.verdict.startswith(
        "Undecided: 67.2 % against 65.1 % on 1,319 items is 1.14 standard errors (p 0.25, unpaired)"
    )
    facts = {fact.name: fact.value for fact in report.facts}
    assert facts["standard error"] == pytest.approx(1.84, abs=5e-3) and report.holds is None
    assert drift(scores="0.8,70%", n="1319,1250").verdict.startswith(
        "Probably more than noise: 80 % against 70 % on 1,319 and"
    )
    extreme = drift(scores="100,0", n="1")
    assert extreme.holds is None and extreme.data["p"] == pytest.approx(0.1573, abs=1e-4)
    assert "up to 7.1 points can hide" in drift(scores="100,100", n="50").verdict
    for given, told in (
        ({"scores": "67.2,0.65", "n": "9"}, "write every score with %"),
        ({"scores": "67.2,65.1"}, "`n` is missing"),
        ({"scores": "67.2", "n": "9"}, "2 to 64 scores"),
        ({"scores": "67.2,nan", "n": "9"}, "`scores` must be"),
        ({"n": "9"}, "`n` is given and not read"),
        ({}, "give two logs, or `scores` and `n`"),
    ):
        with pytest.raises(RopescopeError, match=told):
            drift(**given)


def test_scores_of_any_size_give_an_answer_or_a_sentence(tmp_path: Path) -> None:
    same = {"doc_hash": "d", "prompt_hash": "p", "target_hash": "t", "filter": "none", "metrics": ["ppl"]}
    paths = [tmp_path / name for name in ("a.jsonl", "b.jsonl")]
    for path, value in zip(paths, (1e99, -1e99), strict=True):
        path.write_text(
            "".join(json.dumps({**same, "doc_id": i, "doc_hash": f"{i}", "ppl": value}) + "\n" for i in range(20))
        )
    assert drift(first=paths[0], second=paths[1]).holds is False
    paths[1].write_text(paths[1].read_text().replace("1e+99", "1e+308"))
    with pytest.raises(RopescopeError, match=r"b\.jsonl:1: ppl is"):
        drift(first=paths[0], second=paths[1])
