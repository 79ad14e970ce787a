"""The published figures are consistent with each other, and what is derived from them agrees with other sources."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from ropescope.evidence.ruler import (
    LENGTHS,
    SAMPLES,
    RulerRow,
    base_score,
    effective_length,
    mean_drop,
    place,
    relative_drops,
    ruler_rows,
    score_interval,
)

ROWS = {row.label: row for row in ruler_rows()}
MEASURED = [row for row in ruler_rows() if row.average is not None]


def test_the_table_is_whole() -> None:
    assert len(ruler_rows()) == len(ROWS) == 45
    assert sum(row.run_by == "RULER authors" for row in ruler_rows()) == 33
    for row in ruler_rows():
        assert row.source.startswith("https://") and row.source_date[:4] in ("2024", "2025")
        assert row.samples == (SAMPLES if row.source.endswith("NVIDIA/RULER") else None)


@pytest.mark.parametrize("row", MEASURED, ids=lambda row: row.label)
def test_the_average_of_the_leaderboard_is_that_of_its_scores(row: RulerRow) -> None:
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
    assert mean_drop(tuple(relative_drops(ROWS[label]).values())) == pytest.approx(mean, abs=1.1e-4)


def test_relative_drop_by_hand() -> None:
    row = ROWS["Qwen/Qwen3-8B"]
    assert base_score(row) == pytest.approx(96.15)
    assert relative_drops(row)[128] == pytest.approx(77.4 / 96.15 - 1)
    assert list(relative_drops(row)) == [16, 32, 64, 128]


def test_what_is_missing_stays_missing() -> None:
    assert relative_drops(ROWS["LGAI-EXAONE/EXAONE-4.0-1.2B"])[128] is None
    llama2 = ROWS["meta-llama/Llama-2-7b-chat-hf"]
    assert base_score(llama2) is None and mean_drop(tuple(relative_drops(llama2).values())) is None
    assert place(llama2, 128) is None and place(llama2, 4) == (42, 45)


def test_claims() -> None:
    mistral, gemini = ROWS["mistralai/Mistral-7B-instruct-v0.2"], ROWS["Gemini-1.5-pro"]
    assert [length for length in LENGTHS if mistral.claims(length)] == [4, 8, 16, 32]
    assert gemini.claims(128) and gemini.claims(1024) and not gemini.claims(1025)


@pytest.mark.parametrize(("right", "of"), [(897, 6500), (6500, 6500), (0, 6500), (5031, 6500), (20, 260)])
def test_the_interval_is_wilsons(right: int, of: int) -> None:
    expected = binomtest(right, of).proportion_ci(0.95, method="wilson")
    low, high = score_interval(100 * right / of, of)
    assert (low, high) == pytest.approx((100 * expected.low, 100 * expected.high), abs=1e-9)
