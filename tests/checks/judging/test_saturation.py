"""What a benchmark can show, and which scores it separates."""

from __future__ import annotations

from typing import Any

import pytest

from ropescope.checks.judging.saturation.benchmarks import benchmarks, find
from ropescope.checks.judging.saturation.saturation import SaturationInputs, answer
from ropescope.checks.judging.scores import detectable, unpaired
from ropescope.errors import InputError
from ropescope.questions.inputs import from_text, from_values, to_values
from ropescope.questions.question import Run
from ropescope.report import Report
from ropescope.report.dated import dated


def saturation(**given: str) -> Report:
    return answer(from_text(SaturationInputs, given), Run())


@pytest.mark.parametrize(
    ("name", "share", "points"), [("HumanEval", 0.95, 4.7), ("aime-2025", 0.9, 15.2), ("MMLU", 0.9, 0.70)]
)
def test_the_smallest_gap_of_known_benchmarks(name: str, share: float, points: float) -> None:
    known = find(name)
    assert known is not None
    assert 100 * detectable(share, known.n) == pytest.approx(points, abs=0.05 if points > 1 else 0.005)


def test_unpaired_scores_agree_with_statsmodels() -> None:
    from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

    gap = unpaired(885 / 1319, 1319, 860 / 1319, 1319)
    peer = confint_proportions_2indep(860, 1319, 885, 1319, method="newcomb", compare="diff")
    assert (gap.low, gap.high) == pytest.approx(peer)
    assert (gap.z, gap.p) == pytest.approx(proportions_ztest([860, 885], [1319, 1319]))


def test_pairs_are_held_against_holm_and_ranks_follow() -> None:
    report = saturation(benchmark="mmlu", scores="A=88,B=87.5,C=85")
    assert report.verdict.startswith("In part: MMLU (14,042 items) separates 2 of 3 pairs.")
    ranks = {row[0]: row[-1] for row in report.tables[0].rows}
    assert ranks == {"A": "1 to 2", "B": "1 to 2", "C": "3"}
    # (1.960·√(2·0.8775·0.1225) + 0.842·√(0.88·0.12 + 0.875·0.125))² / 0.005²
    assert report.data["pairs"][0]["items_needed"] == pytest.approx(67_496, abs=2)


def test_what_is_left_above_the_best_decides() -> None:
    # 10 points are left above 90 % of 30 items, and 15.2 are needed.
    assert saturation(benchmark="AIME 2025", scores="90").holds is False
    assert saturation(benchmark="MMLU-Pro", scores="90").holds is True
    # 3 points are left, 3.7 are needed between two models near 97 %, and 100 % against 97 % is p 0.025.
    near = saturation(benchmark="HumanEval", scores="97")
    assert near.holds is True and "only a score near 100 %" in near.verdict
    # 2.9 % are missed, and 8.3 % of GSM8K were found faulty.
    labels = saturation(benchmark="GSM8K", scores="A=97.1,B=96.9")
    assert labels.holds is False and "8.3 % of the items faulty" in labels.verdict
    assert saturation(benchmark="GSM8K", scores="A=97.1,B=91").holds is True
    assert saturation(n="200", scores="51,50").verdict.startswith(
        "Undecided: the benchmark (200 items) does not separate"
    )
    assert "which is perfect" in saturation(benchmark="HumanEval", scores="100,100").verdict


def test_a_benchmark_that_is_not_known_gives_no_number() -> None:
    report = saturation(benchmark="gsm8", scores="A=90,B=80")
    assert report.verdict == (
        "Not known: how many items gsm8 has, and so which gap it can show. Give `n`. Known and spelled alike: GSM8K."
    )
    assert report.data["n"] is None and report.holds is None
    assert saturation(scores="90,80").verdict.startswith("Not known: how many items the benchmark has")


def test_every_figure_has_a_source_and_a_day() -> None:
    for one in benchmarks():
        assert one.n > 0 and one.source and one.licence
        dated(one.taken)
        assert (one.faulty is None) == (not one.faulty_source)
    assert len({one.name for one in benchmarks()}) == len(benchmarks())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"scores": "A=95,A=90", "n": "9"}, "name every score once"),
        ({"scores": "A=95,90", "n": "9"}, "name every score once"),
        ({"scores": "A=high", "n": "9"}, "no score"),
        ({"scores": "A=101", "n": "9"}, "`scores` must be"),
        ({"scores": "A=0.9,B=65.1", "n": "9"}, "write every score with %"),
        ({"scores": ",", "n": "9"}, "`scores` must be"),
        ({"scores": ",".join(["5"] * 65), "n": "9"}, "1 to 64 scores"),
    ],
)
def test_bad_scores_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        saturation(**given)


def test_a_number_that_no_float_holds_is_refused() -> None:
    with pytest.raises(InputError, match="`scores` must be"):
        from_values(SaturationInputs, {"scores": [10**400, 65.1], "n": 9})


def test_scores_travel_as_json() -> None:
    inputs = from_text(SaturationInputs, {"scores": "a=b=67.2,C=0.9%", "n": "9"})
    assert [(one.name, one.share) for one in inputs.scores] == [("a=b", 0.672), ("C", pytest.approx(0.009))]
    assert from_values(SaturationInputs, to_values(inputs)) == inputs
    assert from_values(SaturationInputs, {"scores": [67.2, 65.1], "n": 9}).scores[1].share == pytest.approx(0.651)
