"""The vectorised cluster bootstrap against a loop, and its intervals against their promise."""

from __future__ import annotations

import numpy as np

from ropescope.measure.bootstrap import bootstrap_interval, bootstrap_se, resample_weights, resampled


def test_resampling_equals_a_loop() -> None:
    data = np.random.default_rng(0).gamma(2.0, size=(6, 4, 3))
    weights = resample_weights(6, 50, seed=1)
    fast = resampled(data, weights, lambda mean: np.log(mean).sum(axis=-1))
    for row, expected in zip(weights, fast, strict=True):
        drawn = np.repeat(np.arange(6), np.round(row * 6).astype(int))
        assert len(drawn) == 6
        np.testing.assert_allclose(np.log(data[drawn].mean(axis=0)).sum(axis=-1), expected)


def test_standard_error_is_that_of_the_mean() -> None:
    data = np.random.default_rng(2).normal(size=9)
    weights = resample_weights(9, 200_000, seed=3)
    expected = data.std(ddof=1) / 3
    assert abs(bootstrap_se(weights @ data, 9) / expected - 1) < 0.01


def test_intervals_cover_as_promised_with_twelve_prompts() -> None:
    rng = np.random.default_rng(4)
    weights = resample_weights(12, 1000, seed=5)
    n_trials, covered, plain = 2000, 0, 0
    for _ in range(n_trials):
        statistics = weights @ rng.normal(size=12)
        low, high = bootstrap_interval(statistics, 12)
        covered += low <= 0 <= high
        low, high = np.quantile(statistics, [0.025, 0.975])
        plain += low <= 0 <= high
    assert 0.935 < covered / n_trials < 0.965
    assert plain / n_trials < 0.93  # what plain percentiles would have given


def test_one_prompt_has_no_interval() -> None:
    weights = resample_weights(1, 10, seed=0)
    assert (
        np.isnan(bootstrap_se(weights @ np.ones(1), 1)) and np.isnan(bootstrap_interval(weights @ np.ones(1), 1)).all()
    )
