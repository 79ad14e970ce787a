"""Intervals, against scipy and statsmodels."""

from __future__ import annotations

import pytest
from scipy import stats

from ropescope.errors import DomainError
from ropescope.quality.intervals import Interval, paired, ratio_of_sums, t_95, wilson


@pytest.mark.parametrize(("right", "n"), [(0, 10), (10, 10), (7, 50), (1, 3), (412, 500)])
def test_wilson_is_statsmodels(right: int, n: int) -> None:
    from statsmodels.stats.proportion import proportion_confint

    found = wilson(right, n)
    assert (found.low, found.high) == pytest.approx(proportion_confint(right, n, method="wilson"), abs=1e-12)
    assert found.value == right / n


@pytest.mark.parametrize("freedom", [*range(1, 13), 15, 47, 1000])
def test_student_is_scipys(freedom: int) -> None:
    assert t_95(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-5)


def test_paired_is_scipys_t_interval() -> None:
    differences = [0.3, -0.1, 0.25, 0.4, 0.05, 0.2]
    low, high = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    found = paired(differences)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-5)


def test_one_pair_has_no_interval() -> None:
    found = paired([0.5])
    assert (found.value, found.low, found.high) == (0.5, None, None)


def test_no_trials_are_refused() -> None:
    with pytest.raises(DomainError):
        wilson(0, 0)
    with pytest.raises(DomainError):
        wilson(3, 2)
    with pytest.raises(DomainError):
        paired([])


def test_the_interval_of_a_ratio_is_the_bootstrap_of_scipy() -> None:
    import numpy as np
    from scipy.stats import bootstrap

    drawn = np.random.default_rng(1)
    under = drawn.integers(20, 200, 30)
    over = np.round(under * drawn.normal(2.0, 0.3, 30))
    found = ratio_of_sums(over.tolist(), under.tolist(), resamples=4000)
    theirs = bootstrap(
        (over, under), lambda a, b, axis: a.sum(axis) / b.sum(axis), paired=True, method="percentile", n_resamples=4000,
        random_state=2,
    ).confidence_interval  # fmt: skip
    assert found.value == over.sum() / under.sum()
    assert (found.low, found.high) == pytest.approx(tuple(theirs), abs=0.1 * (theirs.high - theirs.low))
    assert ratio_of_sums([1, 2], [2, 2]) == Interval(0.75, None, None, 2)
    assert ratio_of_sums([3] * 5000, [2] * 5000).high == 1.5
    with pytest.raises(DomainError):
        ratio_of_sums([1], [])
