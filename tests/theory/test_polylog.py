"""The power law with an exponential cut-off against mpmath's incomplete gamma functions."""

import mpmath as mp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropescope import theory
from ropescope.errors import DomainError


def test_points():
    assert theory.polylog_partition(0.75, 0.001) == pytest.approx(16.9473378439913, rel=5e-15)
    assert theory.damped_partition(0.75, 0.001, 2000) == pytest.approx(16.5951316084688, rel=5e-15)


gammas = st.one_of(st.floats(-20, 20), st.floats(-1, 3), st.sampled_from([-2.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0]))
rates = st.one_of(st.floats(-12, 2).map(lambda e: 10**e), st.floats(0.01, 0.6))


@settings(max_examples=50, deadline=None)
@given(gammas, rates)
def test_polylogarithm_has_twelve_digits(reference, relative, gamma, rate):
    assert relative(theory.polylog_partition(gamma, rate), reference.damped_sum(gamma, rate, mp.inf)) < 1e-12


@settings(max_examples=75, deadline=None)
@given(gammas, rates, st.floats(0, 12).map(lambda e: int(10**e)))
def test_truncated_sum_has_twelve_digits(reference, relative, gamma, rate, n):
    assert relative(theory.damped_partition(gamma, rate, n), reference.damped_sum(gamma, rate, n)) < 1e-12


@settings(max_examples=50, deadline=None)
@given(gammas, st.floats(1, 4).map(lambda e: int(10**e)))
def test_no_damping_gives_back_the_power_law(gamma, n):
    assert theory.damped_partition(gamma, 1e-12, n) == pytest.approx(theory.partition_function(gamma, n), rel=2e-8)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), 101.0])
def test_outside_the_domain_there_is_no_number(rate):
    with pytest.raises(DomainError, match=r"^decay_rate = "):
        theory.polylog_partition(0.75, rate)
