"""Exponent estimators against exact power laws, direct likelihood, and sums by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from ropescope.measure.exponent import DistanceBins, fit_power_law, maximum_likelihood_exponent, windows_tokens
from ropescope.measure.protocol import LEGACY_DISTANCES, FixedLength
from ropescope.theory.maxent import exponent_from_mean_log_distance

PROTOCOL = FixedLength()
EDGES = PROTOCOL.edges
SELECTED = np.flatnonzero((EDGES[:-1] >= 10) & (EDGES[1:] <= PROTOCOL.max_distance + 1))
BINS = DistanceBins.between(EDGES[SELECTED], EDGES[SELECTED + 1] - 1)
DISTANCES = np.arange(10, PROTOCOL.max_distance + 1)


def binned(law: np.ndarray) -> np.ndarray:
    """[..., bins] sums of a law given at every distance."""
    return np.add.reduceat(law, (BINS.low - 10), axis=-1)


@given(gamma=st.floats(-1.0, 2.0))
def test_both_estimators_find_an_exact_power_law(gamma: float) -> None:
    mass = binned(DISTANCES**-gamma)
    fit = fit_power_law(BINS.log_distance, mass / BINS.count, BINS.log_width)
    assert abs(fit.gamma - gamma) < 2e-3
    assert abs(maximum_likelihood_exponent(mass, BINS) - gamma) < 2e-3


def test_likelihood_estimator_equals_direct_maximisation() -> None:
    rng = np.random.default_rng(1)
    mass = binned(DISTANCES**-0.8) * rng.lognormal(0, 0.3, len(BINS.low))
    share = mass / mass.sum()

    def loss(gamma: float) -> float:
        law = binned(DISTANCES**-gamma)
        return -float(share @ np.log(law / law.sum()))

    direct = minimize_scalar(loss, bounds=(-2, 3), method="bounded", options={"xatol": 1e-10}).x
    assert abs(maximum_likelihood_exponent(mass, BINS) - direct) < 2e-3


def test_likelihood_estimator_equals_the_maximum_entropy_exponent() -> None:
    n = 400
    bins = DistanceBins.between(np.arange(1, n + 1), np.arange(1, n + 1))
    mass = np.arange(1, n + 1) ** -0.6 * np.random.default_rng(2).lognormal(0, 0.5, n)
    mean_log = float(mass @ np.log(np.arange(1, n + 1)) / mass.sum())
    assert maximum_likelihood_exponent(mass, bins) == pytest.approx(
        exponent_from_mean_log_distance(mean_log, n), abs=1e-5
    )


def test_fit_equals_polyfit_and_is_vectorised() -> None:
    rng = np.random.default_rng(3)
    curves = np.exp(rng.normal(size=(5, 7, len(BINS.low))))
    fit = fit_power_law(BINS.log_distance, curves, BINS.log_width)
    for i in range(5):
        for j in range(7):
            slope, intercept = np.polyfit(BINS.log_distance, np.log(curves[i, j]), 1, w=np.sqrt(BINS.log_width))
            assert fit.gamma[i, j] == pytest.approx(-slope, abs=1e-10)
            assert fit.log_amplitude[i, j] == pytest.approx(intercept, abs=1e-9)
            correlation = np.cov(BINS.log_distance, np.log(curves[i, j]), aweights=BINS.log_width)
            assert fit.r2[i, j] == pytest.approx(correlation[0, 1] ** 2 / (correlation[0, 0] * correlation[1, 1]))


def test_uniform_attention_in_the_published_protocol_reads_078() -> None:
    distances = np.array([d for d in LEGACY_DISTANCES if d >= 30])
    null = fit_power_law(np.log(distances), 1 / (distances + 50))
    assert float(null.gamma) == pytest.approx(0.782582299210013, abs=1e-12)
    assert float(null.r2) == pytest.approx(0.988451718, abs=1e-9)


def test_uniform_attention_at_fixed_length_reads_zero() -> None:
    fit = fit_power_law(BINS.log_distance, np.full(len(BINS.low), 1e-3), BINS.log_width)
    assert float(fit.gamma) == pytest.approx(0.0, abs=1e-12)
    assert float(maximum_likelihood_exponent(BINS.count, BINS)) == pytest.approx(0.0, abs=1e-4)


def test_no_attention_gives_no_number() -> None:
    empty = np.zeros(len(BINS.low))
    assert np.isnan(fit_power_law(BINS.log_distance, empty, BINS.log_width).gamma)
    assert np.isnan(maximum_likelihood_exponent(empty, BINS))
    three = empty.copy()
    three[:3] = 1.0
    assert np.isnan(fit_power_law(BINS.log_distance, three, BINS.log_width).gamma)
    nearest = empty.copy()
    nearest[0] = 1.0  # all at the shortest distances: steeper than any exponent that is looked for
    assert np.isnan(maximum_likelihood_exponent(nearest, BINS)) or maximum_likelihood_exponent(nearest, BINS) > 7


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_windows_equal_counting(share: float) -> None:
    weights = np.random.default_rng(4).gamma(0.3, size=PROTOCOL.length)
    mass = np.add.reduceat(weights, EDGES[:-1])
    spread = np.repeat(mass / np.diff(EDGES), np.diff(EDGES))  # even inside a bin, as the estimator assumes
    counted = 1 + int(np.searchsorted(np.cumsum(spread), share * spread.sum() - 1e-12))
    found = windows_tokens(mass[None], EDGES, (share,))[0, 0]
    assert abs(found - counted) <= 1
