"""Windows for a budget, against every other choice of windows."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropescope.compress.plan.allocation import upper_hull, windows_for_budget
from ropescope.errors import PlanError


def gain(curves: np.ndarray, windows: np.ndarray, chosen: tuple[int, ...]) -> float:
    return sum(float(np.interp(tokens, windows, curve)) for tokens, curve in zip(chosen, curves, strict=True))


def concave(rng: np.random.Generator, heads: int, tokens: int) -> np.ndarray:
    steps = np.sort(rng.gamma(0.4, size=(heads, tokens)), axis=1)[:, ::-1]
    return np.concatenate([np.zeros((heads, 1)), steps.cumsum(axis=1)], axis=1)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), heads=st.integers(1, 4), tokens=st.integers(2, 7), spare=st.integers(0, 24))
def test_no_other_windows_gain_more(seed: int, heads: int, tokens: int, spare: int) -> None:
    curves = concave(np.random.default_rng(seed), heads, tokens)
    windows = np.arange(tokens + 1)
    cost, budget = 6, 6 * (heads + spare) + 5
    chosen = windows_for_budget(curves, windows, np.full(heads, cost), budget)
    assert chosen.min() >= 1 and chosen.max() <= tokens and cost * chosen.sum() <= budget
    best = max(
        gain(curves, windows, other)
        for other in itertools.product(range(1, tokens + 1), repeat=heads)
        if cost * sum(other) <= budget
    )
    assert gain(curves, windows, tuple(chosen)) == pytest.approx(best, abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), spare=st.integers(0, 80))
def test_of_choices_that_spend_as_much_none_gains_more_where_tokens_cost_differently(seed: int, spare: int) -> None:
    rng = np.random.default_rng(seed)
    curves, windows, costs = concave(rng, 3, 6), np.arange(7), np.array([4, 6, 10])
    chosen = windows_for_budget(curves, windows, costs, int(costs.sum()) + spare)
    spent = int(costs @ chosen)
    best = max(
        gain(curves, windows, other)
        for other in itertools.product(range(1, 7), repeat=3)
        if int(costs @ other) <= spent
    )
    # The last step goes to whatever still fits; it can cost at most the gain of one token.
    assert gain(curves, windows, tuple(chosen)) >= best - float(np.diff(curves, axis=1).max()) - 1e-9
    left = int(costs.sum()) + spare - spent
    assert left < min([int(cost) for cost, tokens in zip(costs, chosen, strict=True) if tokens < 6], default=10**9)


def test_a_hump_behind_a_dip_is_reached_over_the_hull() -> None:
    windows = np.array([0, 1, 10, 20])
    # Nothing between 1 and 10 tokens, much between 10 and 20; and a head that gains steadily, but less.
    curves = np.array([[0.0, 0.1, 0.1, 0.9], [0.0, 0.03, 0.3, 0.6]])
    assert windows_for_budget(curves, windows, np.array([1, 1]), 21).tolist() == [20, 1]
    assert upper_hull(windows, curves[0]) == [0, 1, 3]


def test_what_gains_nothing_is_not_bought() -> None:
    curves = np.array([[0.0, 0.5, 0.5, 0.5], [0.0, 0.1, 0.2, 0.3]])
    assert windows_for_budget(curves, np.arange(4), np.array([1, 1]), 99).tolist() == [1, 3]


def test_a_budget_below_one_token_a_head() -> None:
    with pytest.raises(PlanError, match=r"31 bytes do not hold one token for each head \(32 bytes\)"):
        windows_for_budget(np.ones((2, 3)), np.arange(3), np.array([16, 16]), 31)
