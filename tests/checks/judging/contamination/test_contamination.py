"""What the answer says of overlap, reports, twins and dates."""

import json

import pytest

from ropescope.checks.judging.contamination import overlap, searching
from ropescope.checks.judging.contamination.contamination import ContaminationInputs, answer
from ropescope.checks.judging.contamination.twins import gap
from ropescope.errors import FormatError, InputError
from ropescope.questions.inputs import from_text
from ropescope.questions.question import Run


def ask(**given):
    return answer(ContaminationInputs(**given), Run())


def test_overlap_of_a_table_with_a_folder(tmp_path):
    corpus = tmp_path / "corpus"
    (corpus / "deep").mkdir(parents=True)
    (corpus / "deep" / "a.txt").write_text("He wrote: one two three four five six seven eight nine. End.")
    (corpus / "notes.bin").write_bytes(b"\0")
    items = tmp_path / "items.jsonl"
    rows = [
        "one two three four five six seven eight nine ten",
        "nothing of this one is anywhere in that folder",
        "short",
    ]
    items.write_text("\n".join(json.dumps({"question": row}) for row in rows))
    report = ask(items=items, corpus=(corpus,))
    assert report.verdict == (
        "1 of 2 items overlaps the corpus by half or more in one run of words (0 in full); 1 shares 8 words in a row or more."
    )
    assert [(item["item"], item["share"]) for item in report.data["overlap"]["items"]] == [
        ("items.jsonl:1", 0.9),
        ("items.jsonl:2", 0),
    ]
    assert report.tables[1].rows[0][4] == "a.txt" and report.facts[0].note == "1 shorter than 8 words"


def test_a_corpus_that_holds_the_items_file_is_refused(tmp_path):
    (tmp_path / "items.txt").write_text("a b c d e f g h i j\n")
    with pytest.raises(InputError, match="the file of the items"):
        ask(items=tmp_path / "items.txt", corpus=(tmp_path,))


def test_a_twin_that_nobody_solves_is_a_score() -> None:
    twin = from_text(ContaminationInputs, {"score": "20%", "score_n": "100", "twin_score": "0%", "twin_n": "100"})
    assert answer(twin, Run()).verdict.startswith("The twin's score is 20.0 points")


def test_nothing_found_is_no_evidence(tmp_path):
    (tmp_path / "c.md").write_text("Some other words, of which there are not many here.")
    (tmp_path / "items.txt").write_text("a b c d e f g h i j\n")
    report = ask(items=tmp_path / "items.txt", corpus=(tmp_path / "c.md",))
    assert report.verdict.startswith("No evidence either way: the item does not share 8 words in a row")


def test_reports_are_of_the_model_that_is_asked_for():
    told = ask(benchmark="gsm8k", model="GPT-4").verdict
    assert told.startswith(
        "Reported by arXiv:2303.08774: gsm8k in GPT-4 (test 1 %, train 100 %, share assumed; data-based)"
    )
    assert "Aquila" not in told
    other = ask(benchmark="gsm8k", model="Qwen/Qwen3-8B")
    assert other.verdict.startswith("No evidence either way: no report on gsm8k for Qwen/Qwen3-8B")
    assert "2024-06 (dated)" in other.tables[0].note


def test_gap_to_a_clean_twin():
    found = gap(0.80, 1319, 0.70, 1250)
    assert found.value == pytest.approx(0.10) and (found.high - found.low) / 2 == pytest.approx(0.033, abs=5e-4)
    assert found.items_to_tell is None
    # (1.960·√(2·.785·.215) + 0.842·√(.8·.2 + .77·.23))² / .03²
    assert gap(0.80, 131, 0.77, 125).items_to_tell == pytest.approx(2943, abs=1)
    report = ask(score=0.8, score_n=1319, twin_score=0.7, twin_n=1250)
    assert report.verdict.startswith("The twin's score is 10.0 points [6.7, 13.3] lower")
    assert ask(score=0.8, score_n=131, twin_score=0.77, twin_n=125).verdict.startswith("No evidence either way")


def test_a_date_is_no_evidence():
    report = ask(released="2021-10", cutoff="2023-12")
    assert report.verdict == (
        "No evidence either way: the test is 26 months older than the cut-off, which says only that it was there to be read."
    )
    assert "5 months after the cut-off" in ask(released="2024-05", cutoff="2023-12").verdict


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "items"),
        ({"score": 0.8}, "score_n"),
        ({"released": "2021-10"}, "cutoff"),
        ({"released": "2021-13", "cutoff": "2023-12"}, "released"),
    ],
)
def test_what_is_missing_is_told_by_its_field(given, field):
    with pytest.raises(InputError) as caught:
        ask(**given)
    assert caught.value.field == field


def test_what_cannot_be_read_is_told(tmp_path, monkeypatch):
    (tmp_path / "c.txt").write_text("some text")
    (tmp_path / "empty").mkdir()
    table = tmp_path / "items.csv"
    table.write_text("id,stem\n1,a b c d e f g h\n")
    with pytest.raises(InputError, match=r"items.csv:2 has no column 'text' \(there are id, stem\)"):
        ask(items=table, corpus=(tmp_path / "c.txt",))
    with pytest.raises(InputError, match="holds no text file"):
        ask(items=table, corpus=(tmp_path / "empty",))
    with pytest.raises(InputError, match="has no columns"):
        ask(items=tmp_path / "c.txt", corpus=(tmp_path / "c.txt",), item_column="x")
    monkeypatch.setattr(searching, "MOST_TOKENS", 7)
    with pytest.raises(FormatError, match="more than 7 words"):
        ask(items=table, corpus=(tmp_path / "c.txt",), item_column="stem")
    assert overlap.MOST_TOKENS > 10**6
