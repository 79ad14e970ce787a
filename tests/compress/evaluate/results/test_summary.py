"""Intervals, paired differences, knees and the recommended budget, on results made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ttest_1samp, ttest_rel

from ropescope.compress.evaluate.results import summary
from ropescope.compress.evaluate.results.figures import figures
from ropescope.compress.evaluate.results.result import GivenPlan, Retrieval, TextScore, Times, TradeoffResult
from ropescope.errors import FormatError

BUDGETS = (0.2, 0.4, 0.6)


def made(added: dict[str, list[list[float | None]]], losses: list[float] | None = None) -> TradeoffResult:
    """A result with these added losses: method → texts → budgets."""
    n = len(next(iter(added.values())))
    losses = losses or [2.0] * n

    def held(row: list[float | None]) -> tuple[float | None, ...]:
        return tuple(None if value is None else budget for value, budget in zip(row, BUDGETS, strict=True))

    texts = tuple(
        TextScore(
            "prose" if i % 2 else "code", f"text {i}", losses[i],
            {method: tuple(rows[i]) for method, rows in added.items()},
            {method: held(rows[i]) for method, rows in added.items()},
        )
        for i in range(n)
    )  # fmt: skip
    return TradeoffResult(
        model="made", length=100, new=10, budgets=BUDGETS, methods=tuple(added), blind=(), texts=texts,
    )  # fmt: skip


def noisy(means: list[float], n: int = 12, spread: float = 0.01, seed: int = 0) -> list[list[float | None]]:
    rng = np.random.default_rng(seed)
    rows: list[list[float | None]] = (np.array(means) + rng.normal(0, spread, (n, 3))).tolist()
    return rows


def test_intervals_are_those_of_scipy() -> None:
    result = made({"a": noisy([0.3, 0.1, 0.0]), "b": noisy([0.2, 0.15, 0.0], seed=1)})
    a, b = (np.array([text.added[name] for text in result.texts]) for name in "ab")
    for at, (mean, difference) in enumerate(
        zip(summary.added(result, "a"), summary.against(result, "a", "b"), strict=True)
    ):
        assert mean is not None and difference is not None
        expected = ttest_1samp(a[:, at], 0).confidence_interval(0.95)
        assert (mean.low, mean.high) == pytest.approx((expected.low, expected.high), abs=1e-5)
        expected = ttest_rel(a[:, at], b[:, at]).confidence_interval(0.95)
        assert (difference.low, difference.high) == pytest.approx((expected.low, expected.high), abs=1e-5)


def test_kinds_are_summed_apart() -> None:
    result = made({"a": [[0.1, 0.1, 0.1], [0.5, 0.5, 0.5], [0.3, 0.1, 0.1], [0.7, 0.5, 0.5]]})
    assert summary.kinds(result) == ["code", "prose"]
    of_code, of_prose = (summary.added(result, "a", kind=kind)[0] for kind in ("code", "prose"))
    assert of_code is not None and of_code.value == pytest.approx(0.2)
    assert of_prose is not None and of_prose.value == pytest.approx(0.6)


def test_the_knee_lies_where_straight_lines_meet_the_limit() -> None:
    # The limit is 2 % of 2 nats, 0.04: half way from 0.06 at 40 % to 0.02 at 60 %.
    rows: list[list[float | None]] = [[0.3, 0.06, 0.02]] * 5
    found = summary.measured_knee(made({"a": rows}), "a", 0.02)
    assert found is not None and found.budget == pytest.approx(0.5) and found.edge == ""
    assert (found.low, found.high) == (pytest.approx(0.5), pytest.approx(0.5))  # all texts alike: no spread


@pytest.mark.parametrize(("limit", "budget", "edge"), [(0.2, 0.2, "below"), (0.005, 0.6, "above")])
def test_a_knee_outside_of_the_sweep_is_a_bound(limit: float, budget: float, edge: str) -> None:
    found = summary.measured_knee(made({"a": [[0.3, 0.06, 0.02]] * 5}), "a", limit)
    assert found is not None and (found.budget, found.edge) == (budget, edge)


@pytest.mark.parametrize("n_texts", [3, 12])
def test_the_interval_of_a_knee_covers_the_true_one(n_texts: int) -> None:
    """Texts with a true knee of 0.5; percentiles of a bootstrap over three texts cover it in three of four cases."""
    covered = 0
    for seed in range(200):
        rows = noisy([0.3, 0.06, 0.02], spread=0.03, seed=seed)[:n_texts]
        found = summary.measured_knee(made({"a": rows}), "a", 0.02)
        assert found is not None and found.low is not None and found.high is not None
        covered += found.low <= 0.5 <= found.high
    assert covered >= 0.92 * 200


def test_a_knee_that_no_budget_is_sure_of_reaches_to_the_whole_cache() -> None:
    found = summary.measured_knee(made({"a": [[0.3, 0.06, 0.0], [0.3, 0.06, 0.1]]}), "a", 0.02)
    assert found is not None and found.high == 1.0 and found.low is not None and found.low < found.budget


def test_recommended_is_the_smallest_budget_that_is_surely_enough() -> None:
    result = made(
        {
            "even": noisy([0.3, 0.1, 0.001], spread=0.002),
            "good": noisy([0.3, 0.005, 0.001], spread=0.002, seed=1),
            "loose": noisy([0.01, 0.0, 0.0], spread=0.2, seed=2),  # its mean is low, its interval is not
        }
    )
    found = summary.recommended(result, 0.01)
    assert found is not None and (found.method, found.budget) == ("good", 0.4)
    assert found.share.value == pytest.approx(0.0025, abs=0.001) and found.share.high is not None
    assert summary.recommended(result, 0.0001) is None
    one = made({"a": [[0.0, 0.0, 0.0]]})
    assert summary.recommended(one, 0.01) is None  # one text has no interval


def test_a_method_with_one_budget_has_no_knee() -> None:
    rows: list[list[float | None]] = [[None, 0.01, None]] * 4
    result = made({"the plan": rows})
    assert [value is None for value in summary.added(result, "the plan")] == [True, False, True]
    assert summary.measured_knee(result, "the plan") is None
    assert summary.held(result, "the plan") == [None, 0.4, None]


def test_a_result_reads_back_equal() -> None:
    made_result = made({"a": noisy([0.3, 0.1, 0.0])})
    cell = Retrieval("passkey", None, 1.0, 100, 0.5, "after", 4, 3, 2)
    full = TradeoffResult(
        **{
            **{name: getattr(made_result, name) for name in ("model", "length", "new", "budgets", "methods", "blind", "texts")},
            "named": GivenPlan(0.4, 0.01), "retrieval": (cell,), "provenance": {"dtype": "bfloat16"}, "partial": True,
            "times": Times(0.4, 100, (1.0, 1.1, 1.2), (0.3, 0.4, 0.5), 3, 24),
        }
    )  # fmt: skip
    assert TradeoffResult.from_dict(full.to_dict()) == full
    with pytest.raises(FormatError, match="Not an evaluation of caches: its schema is 'other'"):
        TradeoffResult.from_dict({**full.to_dict(), "schema": "other"})
    with pytest.raises(FormatError, match="does not fit"):
        TradeoffResult.from_dict({**full.to_dict(), "texts": [{"kind": "prose"}]})


def test_every_picture_has_its_numbers_and_draws() -> None:
    vl_convert = pytest.importorskip("vl_convert")
    cells = tuple(
        Retrieval("passkey", method, budget, 100, depth, asked, 4, right, 0)
        for method, budget, right in ((None, 1.0, 4), ("a", 0.2, 1), ("b", 0.2, 3))
        for depth in (0.1, 0.9)
        for asked in ("before", "after")
    )
    result = replace(
        made({"a": noisy([0.3, 0.1, 0.0]), "b": noisy([0.2, 0.15, 0.0], seed=1)}),
        named=GivenPlan(0.4, 0.01),
        retrieval=cells,
    )
    drawn = {figure.name: figure for figure in figures(result, 0.01)}
    assert list(drawn) == ["tradeoff", "kinds", "retrieval", "depths"]
    for figure in drawn.values():
        assert "<svg" in vl_convert.vegalite_to_svg(dict(figure.spec))
    points = [row for layer in drawn["tradeoff"].spec["layer"] for row in layer["data"]["values"] if "added" in row]
    assert {(row["method"], row["budget"]) for row in points} == {(m, b) for m in "ab" for b in BUDGETS}
    assert all(row["low"] <= row["added"] <= row["high"] for row in points)
    depths = {(row["method"], row["depth"]): row["found"] for row in drawn["depths"].spec["data"]["values"]}
    assert depths["b", "10%"] == 0.75 and depths["whole cache", "90%"] == 1.0
