"""The published figures are consistent with each other, and what is derived from them agrees with other sources."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from ropescope.published.benchmarks import HELMET, LONGBENCH, NOLIMA, RULER, Row, ranked_rows, rows, tokens
from ropescope.published.changes import (
    base_score,
    effective_length,
    mean_change,
    place,
    relative_changes,
    score_interval,
)

SAMPLES = 6500
"""13 tasks of 500 (arXiv:2404.06654, §4)."""
ROWS = {row.label: row for row in ranked_rows(RULER)}
MEASURED = [row for row in ranked_rows(RULER) if row.average is not None]


def test_the_table_is_whole() -> None:
    assert len(ranked_rows(RULER)) == len(ROWS) == 45
    assert sum(row.run_by == "RULER authors" for row in ranked_rows(RULER)) == 33
    for row in ranked_rows(RULER):
        assert row.source.startswith("https://") and row.source_date[:4] in ("2024", "2025")
        assert set(row.samples) == {SAMPLES if row.source.endswith("NVIDIA/RULER") else None}


@pytest.mark.parametrize("row", rows(NOLIMA), ids=lambda row: row.name)
def test_nolimas_stated_effective_lengths_follow_from_its_scores(row: Row) -> None:
    """Statement, base and scores are independent readings of one table: a mistyped digit would break the rule."""
    assert effective_length(row) == row.effective_length
    assert row.base is not None and all(score is None or score < row.base for score in row.scores)


@pytest.mark.parametrize("row", rows(LONGBENCH), ids=lambda row: row.title)
def test_longbenchs_overall_score_is_that_of_its_classes(row: Row) -> None:
    overall, *classes = row.scores
    n, *of = row.samples
    assert n == sum(of) == 503  # type: ignore[arg-type]
    mean = sum(size * score for size, score in zip(of, classes, strict=True)) / 503  # type: ignore[operator]
    assert overall == pytest.approx(mean, abs=0.3)  # APIs refused some questions


def test_longbenchs_scores_of_llama_31_8b_are_whole_numbers_of_answers() -> None:
    row = next(row for row in rows(LONGBENCH) if row.title == "meta-llama/Llama-3.1-8B-Instruct")
    # 63 of 180, 60 of 215 and 28 of 108 are 151 of 503.
    assert [round(100 * right / of, 1) for right, of in ((151, 503), (63, 180), (60, 215), (28, 108))] == list(
        row.scores
    )


def test_helmet_has_base_models_beside_their_instruct_models() -> None:
    names = {row.hub_id: row for row in rows(HELMET)}
    assert names["meta-llama/Llama-3.1-8B"].score("128K") == 37.1
    assert names["meta-llama/Llama-3.1-8B-Instruct"].score("128K") == 46.5
    assert relative_changes(names["Qwen/Qwen2.5-7B-Instruct-1M"]) == dict.fromkeys(("16K", "32K", "64K", "128K"))


@pytest.mark.parametrize("row", MEASURED, ids=lambda row: row.label)
def test_the_average_of_the_leaderboard_is_that_of_its_scores(row: Row) -> None:
    scores = [score for score in row.scores if score is not None]
    # A mistyped digit in any score would move the average; both are rounded to a tenth.
    consistent = row.average == pytest.approx(sum(scores) / len(scores), abs=0.1)
    assert consistent or "is not the mean of the scores" in row.note


def test_one_average_alone_is_inconsistent_as_published() -> None:
    assert [row.label for row in MEASURED if "not the mean" in row.note] == ["Qwen/Qwen2.5-14B-Instruct-1m"]


def test_effective_lengths_follow_from_the_scores_but_for_six_rows_of_model_authors() -> None:
    """The rule and the statement are independent, so agreement in 38 rows checks scores and rule alike."""
    differ = {
        row.label: (row.effective_length, effective_length(row))
        for row in MEASURED
        if row.effective_length.upper() != effective_length(row)
    }
    assert differ == {
        "Qwen/Qwen3-14B": (">128K", "64K"),
        "Qwen/Qwen3-32B": (">128K", "64K"),
        "Qwen/Qwen2.5-7B-Instruct-1M": (">128K", "64K"),
        "Qwen/Qwen3-8B": ("64K", "32K"),
        "Qwen/Qwen3-4B": ("64K", "32K"),
        "LGAI-EXAONE/EXAONE-4.0-1.2B": ("32K", "16K"),
    }
    assert effective_length(ROWS["LargeWorldModel/LWM-Text-Chat-1M"]) == "<4K"


@pytest.mark.parametrize(
    ("label", "mean"),
    [
        # The published tool's own values of its LongScore, for rows that both tables hold with the same scores.
        ("CohereForAI/c4ai-command-r-v01", -0.0839),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", -0.1001),
        ("Qwen/Qwen2-72B-Instruct", -0.1645),
        ("mistralai/Mistral-7B-instruct-v0.2", -0.3901),
        ("databricKs/dbrx-instruct", -0.6054),
        ("YuKang/LongAlpaca-13B", -0.5740),
    ],
)
def test_mean_drop_agrees_with_the_published_tool(label: str, mean: float) -> None:
    assert mean_change(tuple(relative_changes(ROWS[label]).values())) == pytest.approx(mean, abs=1.1e-4)


def test_relative_drop_by_hand() -> None:
    row = ROWS["Qwen/Qwen3-8B"]
    assert base_score(row) == pytest.approx(96.15)
    assert relative_changes(row)["128K"] == pytest.approx(77.4 / 96.15 - 1)
    assert list(relative_changes(row)) == ["16K", "32K", "64K", "128K"]


def test_what_is_missing_stays_missing() -> None:
    assert relative_changes(ROWS["LGAI-EXAONE/EXAONE-4.0-1.2B"])["128K"] is None
    llama2 = ROWS["meta-llama/Llama-2-7b-chat-hf"]
    assert base_score(llama2) is None and mean_change(tuple(relative_changes(llama2).values())) is None
    assert place(llama2, "128K") is None and place(llama2, "4K") == (42, 45)


def test_claims() -> None:
    mistral, gemini = ROWS["mistralai/Mistral-7B-instruct-v0.2"], ROWS["Gemini-1.5-pro"]
    assert [column for column in RULER.columns if mistral.claims(column)] == ["4K", "8K", "16K", "32K"]
    assert gemini.claims("128K") and tokens("1M") == 2**20 and rows(LONGBENCH)[0].claims("long") is None


@pytest.mark.parametrize(("right", "of"), [(897, 6500), (6500, 6500), (0, 6500), (5031, 6500), (20, 260)])
def test_the_interval_is_wilsons(right: int, of: int) -> None:
    expected = binomtest(right, of).proportion_ci(0.95, method="wilson")
    low, high = score_interval(100 * right / of, of)
    assert (low, high) == pytest.approx((100 * expected.low, 100 * expected.high), abs=1e-9)
