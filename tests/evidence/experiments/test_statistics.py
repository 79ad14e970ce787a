"""Slopes, ranks and areas against numpy, scipy and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from made_profiles import made_profile
from scipy.stats import spearmanr

from ropescope.evidence.experiments.observations import spoken
from ropescope.evidence.experiments.statistics import (
    area_under_curve,
    difference,
    head_gammas,
    rank_correlation,
    ratio,
    slope,
    slope_estimate,
    slope_of_gammas,
)
from ropescope.measure.bootstrap import resample_weights
from ropescope.measure.curve import Decay
from ropescope.measure.estimates import Estimate
from ropescope.measure.intervals import normal_draws
from ropescope.measure.summary import summarise

RNG = np.random.default_rng(3)


def test_slope_is_least_squares() -> None:
    x, y = RNG.normal(size=6), RNG.normal(size=(5, 6))
    np.testing.assert_allclose(slope(x, y), [np.polyfit(x, row, 1)[0] for row in y])


def test_slope_estimate_pairs_the_resamples() -> None:
    common = RNG.normal(0, 1, 2000)
    found = slope_estimate([0.0, 1.0, 2.0], [0.5, 0.7, 0.9], [0.5 + common, 0.7 + common, 0.9 + common], 8)
    assert (
        found.value == pytest.approx(0.2) and found.ci == pytest.approx((0.2, 0.2)) and found.se == pytest.approx(0.0)
    )


def test_slope_of_exponents_is_that_of_their_curves() -> None:
    """Three curves A_k = d^−g_k on the same prompts: the slope of g_k, without an error since the prompts are alike."""
    x = np.log(np.geomspace(10, 1000, 8))
    decays = [Decay(x, np.exp(-g * x) * np.ones((5, 1))) for g in (0.5, 0.8, 0.9)]
    found = slope_of_gammas([1.0, 2.0, 3.0], decays, normal_draws(5, 100, 0))
    assert (found.value, found.se) == (pytest.approx(0.2), pytest.approx(0.0, abs=1e-12))


def test_difference_and_ratio_of_other_prompts() -> None:
    """Symmetric intervals: Pythagoras for the difference, Fieller's interval for the ratio."""
    a, b = Estimate(3.0, 0.3, (2.4, 3.6)), Estimate(2.0, 0.1, (1.8, 2.2))
    half = np.hypot(0.6, 0.2)
    found = difference(a, b)
    assert found.value == pytest.approx(1.0) and found.se == pytest.approx(np.hypot(0.3, 0.1))
    assert found.ci == pytest.approx((1 - half, 1 + half))
    for sign in (1, -1):
        ends = ratio(a.scaled(sign), b).ci
        assert ends is not None
        for end in ends:  # Fieller: (a − r·b)² = z²(se_a² + r²·se_b²)
            assert (3 - sign * end * 2) ** 2 == pytest.approx(0.6**2 + end**2 * 0.2**2)
        assert ends[0] < sign * 1.5 < ends[1]
        assert ratio(a.scaled(-sign), b.scaled(-1)).ci == pytest.approx(ends)
    assert ratio(a, Estimate(0.1, 0.1, (-0.1, 0.3))) == Estimate(pytest.approx(30.0))
    wide = ratio(Estimate(0.1, 0.2, (-0.3, 0.5)), Estimate(2.0, 0.3, (1.5, 2.9)))
    assert wide.ci is not None
    # At each end the interval of a − r·b, with the sides that then count, just holds 0.
    assert 0.1 - wide.ci[0] * 2 == pytest.approx(np.hypot(0.4, wide.ci[0] * 0.5))
    assert wide.ci[1] * 2 - 0.1 == pytest.approx(np.hypot(0.4, wide.ci[1] * 0.5))


def test_rank_correlation_is_spearmans() -> None:
    a, b = RNG.normal(size=(4, 30)), RNG.integers(0, 5, size=(4, 30)).astype(float)
    np.testing.assert_allclose(rank_correlation(a, b), [spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)])
    a[:, 3] = np.nan  # a head without an exponent is left out
    expected = spearmanr(np.delete(a[0], 3), np.delete(b[0], 3)).statistic
    assert rank_correlation(a, b)[0] == pytest.approx(expected)


def test_area_under_curve_is_the_share_of_pairs() -> None:
    score, positive = RNG.integers(0, 6, size=40).astype(float), RNG.random(40) < 0.3
    pairs = [(a > b) + 0.5 * (a == b) for a in score[positive] for b in score[~positive]]
    assert float(area_under_curve(score, positive)) == pytest.approx(np.mean(pairs))
    assert float(area_under_curve(np.array([1.0, 2, 3]), np.array([False, False, True]))) == 1.0
    assert np.isnan(area_under_curve(score, np.zeros(40, bool)))


def test_heads_have_the_exponents_of_a_summary() -> None:
    profile = made_profile(0.8, heads=(4, 4, 2), windows=(None, 200, None))
    values, samples = head_gammas(profile, 10, resample_weights(8, 1000, 0))
    summary = summarise(profile, resamples=1000)
    expected = [
        [head.gamma.value for head in layer.heads] + [np.nan] * (4 - len(layer.heads)) for layer in summary.layers
    ]
    np.testing.assert_allclose(values.reshape(3, 4), expected, rtol=1e-10)
    first = summary.layers[0].heads[0].gamma
    assert Estimate.of(values[0], samples[:, 0], 8).se == pytest.approx(first.se, rel=0.1)


def test_spoken() -> None:
    assert spoken(Estimate(0.8921, 0.01, (0.8634, 0.9205))) == "0.892 (95 % 0.863 to 0.920)"
    assert spoken(Estimate(-0.0001, 0.01, (-0.0004, 0.0)), 3) == "0.000 (95 % 0.000 to 0.000)"
    assert spoken(Estimate(0.5), 1) == "0.5" and spoken(Estimate(None)) == "–"
