"""Intervals over prompts: Student's t where prompts differ little, coverage where they differ widely, and what is exact."""

from __future__ import annotations

import numpy as np
import pytest
from made_prompts import PopulationOfPrompts
from scipy.stats import bootstrap
from scipy.stats import t as student

from ropescope.measure.bootstrap import bootstrap_interval, resample_weights
from ropescope.measure.estimates import Estimate
from ropescope.measure.exponent import fit_power_law, power_law_coefficients
from ropescope.measure.intervals import log_contrast, log_odds, normal_draws, share_of

GRID = np.log(np.geomspace(10, 1500, 12))


def test_prompts_that_differ_little_have_students_interval() -> None:
    """Weights 0.999 and 1.001 of their mean: the log is linear, so ln(mean) ± t·s/√n of the weights themselves."""
    weight = 3 * (1 + 1e-3 * np.array([1.0, -1.0, 1.0, -1.0]))[:, None]
    found = log_contrast(weight, np.ones(1), normal_draws(4, 1000, 0))
    s = 1e-3 * np.sqrt(4 / 3)
    assert found.value == pytest.approx(np.log(3), abs=1e-12)
    assert found.se == pytest.approx(s / 2, rel=1e-9)
    half = student.ppf(0.975, 3) * s / 2
    assert (found.low, found.high) == (
        pytest.approx(np.log(3) - half, abs=2e-3 * half),
        pytest.approx(np.log(3) + half, abs=2e-3 * half),
    )


def test_the_standard_error_is_that_of_many_bootstraps() -> None:
    """scipy's bootstrap of the same statistic, with the n/(n−1) that resampling lacks."""
    weight = np.random.default_rng(0).lognormal(-0.8 * GRID, 0.1, (30, len(GRID)))
    c = power_law_coefficients(GRID, weight.mean(axis=0))
    found = log_contrast(weight, c, normal_draws(30, 100, 0))
    drawn = bootstrap(
        (np.arange(30),),
        lambda i: np.log(weight[i].mean(axis=-2)) @ c,
        n_resamples=4000,
        vectorized=False,
        method="basic",
    )
    assert found.value == pytest.approx(float(fit_power_law(GRID, weight.mean(axis=0)).gamma), abs=1e-12)
    assert found.se == pytest.approx(drawn.standard_error * np.sqrt(30 / 29), rel=0.05)


def test_the_ends_are_those_of_a_bootstrap_of_log_normal_prompts() -> None:
    """The mean of one log-normal quantity, by the parametric bootstrap-t (Angus 1994)."""
    n, rng = 6, np.random.default_rng(1)
    weight = np.exp(rng.normal(size=(n, 1)))
    sigma, mean = np.log(weight).std(ddof=1), weight.mean()
    se = weight.std(ddof=1) / mean / np.sqrt(n)
    drawn = np.exp(sigma * rng.normal(size=(20_000, n)))
    means = drawn.mean(axis=1)
    ts = (np.log(means) - sigma**2 / 2) / (drawn.std(axis=1, ddof=1) / means / np.sqrt(n))
    below, above = np.quantile(ts, [0.025, 0.975])
    found = log_contrast(weight, np.ones(1), normal_draws(n, 10_000, 0))
    assert (found.high - found.value) / se == pytest.approx(-below, rel=0.05)
    # On this side the statistic reaches less far than Student's t, which is kept.
    assert above < student.ppf(0.975, n - 1)
    assert (found.value - found.low) / se == pytest.approx(student.ppf(0.975, n - 1), rel=1e-6)


@pytest.mark.parametrize("n", [4, 8])
def test_coverage_where_prompts_differ_widely(n: int) -> None:
    """The population exponent lies in the interval as often as it says, where percentiles of a bootstrap miss it often."""
    population = PopulationOfPrompts(spread=0.15, noise=0.3, amplitude=0.3)
    draws, weights = normal_draws(n, 400, 0), resample_weights(n, 400, 0)
    rng, trials = np.random.default_rng(2), 300
    covered = percentile = 0
    for _ in range(trials):
        decay = population.decay(n, rng)
        low, high = decay.gamma(draws).ci or (np.nan, np.nan)
        covered += low <= population.gamma <= high
        low, high = bootstrap_interval(decay.resampled_gamma(weights), n)
        percentile += low <= population.gamma <= high
    assert 0.90 <= covered / trials <= 0.98
    assert percentile / trials < 0.8


def test_coverage_where_prompts_differ_little() -> None:
    population = PopulationOfPrompts(spread=0.05, noise=0.1, amplitude=0.1)
    draws, rng = normal_draws(6, 400, 0), np.random.default_rng(3)
    ends = np.array([population.decay(6, rng).gamma(draws).ci for _ in range(400)])
    covered = ((ends[:, 0] <= population.gamma) & (population.gamma <= ends[:, 1])).mean()
    assert 0.93 <= covered <= 0.98


def test_a_share_stays_between_nothing_and_all_and_covers() -> None:
    rng, draws = np.random.default_rng(4), normal_draws(8, 400, 0)
    ends = []
    for _ in range(300):
        found = Estimate.of_share(rng.beta(0.5, 6, size=8), draws)
        assert found.ci is not None and found.value is not None and 0 < found.ci[0] < found.value < found.ci[1] < 1
        ends.append(found.ci)
    low, high = np.array(ends).T
    assert ((low <= 0.5 / 6.5) & (high >= 0.5 / 6.5)).mean() >= 0.88


def test_a_share_has_the_standard_error_of_its_mean() -> None:
    inside = np.array([0.30, 0.31, 0.29, 0.32])
    found = Estimate.of_share(inside, normal_draws(4, 200, 0))
    assert found.value == pytest.approx(inside.mean()) and found.se == pytest.approx(inside.std(ddof=1) / 2, rel=1e-3)
    odds = log_odds(inside, 1 - inside, normal_draws(4, 200, 0))
    assert share_of(odds.value) == pytest.approx(inside.mean())


def test_many_at_once_are_what_each_is_alone() -> None:
    """Heads of a layer, one of them with a bin that no prompt attends to: it is left out of that head alone."""
    weight = np.random.default_rng(5).lognormal(-0.8 * GRID, 0.3, (7, 3, len(GRID)))
    weight[:, 1, -1] = 0
    draws = normal_draws(7, 200, 0)
    together = log_contrast(weight, power_law_coefficients(GRID, weight.mean(axis=0)), draws).each()
    for head, found in enumerate(together):
        points = slice(None, -1) if head == 1 else slice(None)
        alone = weight[:, head, points]
        expected = log_contrast(alone, power_law_coefficients(GRID[points], alone.mean(axis=0)), draws)
        for name in ("value", "se", "low", "high"):
            assert float(getattr(found, name)) == pytest.approx(float(getattr(expected, name)))


@pytest.mark.parametrize("n", [30, 200])
def test_more_prompts_than_are_simulated_tend_to_students_interval(n: int) -> None:
    """The excess over Student's t falls as 1/√n, and more prompts than factors change nothing else."""
    found = log_contrast(
        np.random.default_rng(6).lognormal(0, 0.8, (n, 300)).mean(axis=1, keepdims=True),
        np.ones(1),
        normal_draws(n, 400, 0),
    )
    half = student.ppf(0.975, n - 1) * found.se
    assert 1 <= (found.high - found.value) / half < 1.1


def test_a_share_that_varies_far_less_than_the_whole_keeps_a_short_interval() -> None:
    """Prompts of very different weight whose shares differ by a part in 10⁹: the common factor must cancel."""
    rng = np.random.default_rng(8)
    whole = rng.lognormal(0, 0.5, 8)
    share = 0.3 * (1 + 1e-9 * rng.normal(size=8))
    found = log_odds(whole * share, whole * (1 - share), normal_draws(8, 400, 0))
    half = student.ppf(0.975, 7) * found.se
    assert half <= found.high - found.value < 2 * half and half <= found.value - found.low < 2 * half


def test_one_prompt_and_equal_prompts() -> None:
    alone = log_contrast(np.ones((1, 5)), np.array([1.0, -1, 1, -1, 0]), normal_draws(1, 10, 0))
    assert alone.value == 0 and np.isnan([alone.se, alone.low, alone.high]).all()
    equal = log_contrast(np.full((3, 2), 0.5), np.array([1.0, -1.0]), normal_draws(3, 10, 0))
    assert (equal.value, equal.se, equal.low, equal.high) == (0, 0, 0, 0)
    same = np.random.default_rng(7).lognormal(0, 1, (5, 1)) * np.ones(2)
    same_twice = log_contrast(same, np.array([1.0, -1.0]), normal_draws(5, 100, 0))
    assert (same_twice.value, same_twice.low, same_twice.high) == (0, 0, 0)
    assert Estimate.of_share(np.zeros(3), normal_draws(3, 10, 0)) == Estimate(0.0)


def test_a_prompt_without_attention_in_a_bin_gives_a_finite_interval() -> None:
    weight = np.array([[1.0, 2.0], [1.1, 0.0], [0.9, 1.0]])
    found = log_contrast(weight, np.array([1.0, -1.0]), normal_draws(3, 200, 0))
    assert np.isfinite([found.value, found.se, found.low, found.high]).all() and found.low < found.value < found.high
