"""The window against brute force, against exact arithmetic at large N, and at the published points."""

from decimal import Decimal
from fractions import Fraction
from itertools import accumulate

import mpmath as mp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ropescope import theory
from ropescope.errors import DomainError
from ropescope.theory.decimal_sums import power_sum_decimal, reaches

GAMMAS = (0.25, 0.5, 0.674, 0.748, 0.75, 0.9, 0.99, 1, 1.01, 1.046, 1.25, 1.5, 2)
WINDOWS = {
    0.9: (1739, 1626, 1482, 1392, 1389, 1125, 909, 883, 856, 758, 258, 44, 6),
    0.5: (796, 517, 293, 205, 203, 75, 36, 34, 31, 23, 6, 2, 1),
    0.99: (1974, 1961, 1944, 1932, 1932, 1891, 1849, 1843, 1837, 1812, 1544, 807, 59),
}
CONTINUUM = (1738.74, 1628.06, 1489.48, 1404.19, 1401.61, 1157.28, 959.38, 935.25, 910.76, 820.18, 330.24, 69.30, 9.96)


@pytest.mark.parametrize("fraction", WINDOWS)
def test_points(fraction):
    assert tuple(theory.compression_window(g, 2000, fraction) for g in GAMMAS) == WINDOWS[fraction]


@pytest.mark.parametrize(
    ("gamma", "n", "window"),
    [
        (0.75, 32768, 22117),
        (1, 32768, 10936),
        (1.25, 32768, 916),
        (0.5, 131072, 106216),
        (0.75, 131072, 87738),
        (1, 131072, 38080),
        (1.046, 131072, 26374),
        (1.25, 131072, 1446),
        (1.5, 131072, 56),
    ],
)
def test_points_at_long_contexts(gamma, n, window):
    assert theory.compression_window(gamma, n, 0.9) == window


def _brute_force(gamma, n, fraction):
    """The first partial sum at or above the target with 64-bit mantissas, and whether they can tell it from a tie."""
    sums = np.cumsum(np.arange(1, n + 1, dtype=np.longdouble) ** np.longdouble(-gamma))
    target = np.longdouble(repr(fraction)) * sums[-1]
    return int(np.searchsorted(sums, target)) + 1, bool(np.min(np.abs(sums - target)) > 1e-16 * target)


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(st.floats(-20, 20), st.floats(-1, 3)),
    st.integers(1, 5000),
    st.one_of(st.floats(0.001, 0.9999), st.sampled_from([0.5, 0.9, 0.95, 0.99])),
)
@example(1e-18, 166, 0.5)  # the first half holds more than half, by 1e-18: 83 and not 84
@example(-1e-42, 2, 0.5)
def test_equals_the_brute_force_sum(gamma, n, fraction):
    window = theory.compression_window(gamma, n, fraction)
    expected, certain = _brute_force(gamma, n, fraction)
    if certain:
        assert window == expected
    else:
        assert reaches(gamma, window, n, Decimal(repr(fraction)))
        assert window == 1 or not reaches(gamma, window - 1, n, Decimal(repr(fraction)))


def test_equals_the_brute_force_sum_at_every_length():
    for gamma in (-0.3, 0.75, 1.0, 1.3):
        sums = np.cumsum(np.arange(1, 5001, dtype=np.longdouble) ** np.longdouble(-gamma))
        for n in range(1, 5001, 3 if gamma == 0.75 else 17):
            expected = int(np.searchsorted(sums[:n], np.longdouble("0.9") * sums[n - 1])) + 1
            assert theory.compression_window(gamma, n, 0.9) == expected, (gamma, n)


@settings(max_examples=120, deadline=None)
@given(st.sampled_from([-3, -2, -1, 0, 1, 2, 3]), st.integers(1, 300), st.integers(0, 1000).map(lambda k: k / 1000))
@example(2, 2, 0.8)  # 1 / (1 + 1/4) is 0.8 exactly
@example(-1, 3, 0.5)  # 1 + 2 of 1 + 2 + 3
@example(0, 2000, 0.9)
def test_ties_are_reached_in_exact_arithmetic(gamma, n, fraction):
    sums = list(accumulate(Fraction(1, d) ** gamma if gamma >= 0 else Fraction(d) ** -gamma for d in range(1, n + 1)))
    target = Fraction(repr(fraction)) * sums[-1]
    assert theory.compression_window(gamma, n, fraction) == 1 + sum(s < target for s in sums)


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(st.floats(-20, 20), st.floats(0.5, 1.5), st.just(1.0)),
    st.floats(3, 12).map(lambda e: int(10**e)),
    st.one_of(st.floats(0.001, 0.999), st.floats(2, 12).map(lambda e: 1 - 10**-e), st.sampled_from([0.5, 0.9])),
)
def test_is_the_smallest_window_in_fifty_digit_arithmetic(gamma, n, fraction):
    window = theory.compression_window(gamma, n, fraction)
    assert reaches(gamma, window, n, Decimal(repr(fraction)))
    assert window == 1 or not reaches(gamma, window - 1, n, Decimal(repr(fraction)))


@settings(max_examples=30, deadline=None)
@given(st.floats(-20, 20), st.floats(0, 12).map(lambda e: int(10**e)))
def test_the_fifty_digits_are_right(reference, gamma, n):
    with mp.workdps(80):
        assert abs(mp.mpf(str(power_sum_decimal(gamma, n))) / reference.power_moments(gamma, n)[0] - 1) < 1e-50


def test_ends():
    assert theory.compression_window(0.75, 1, 0.9) == 1
    assert theory.compression_window(0.75, 500, 0.0) == 1
    assert theory.compression_window(0.75, 500, 1.0) == 500
    assert theory.compression_window(20, 10**9, 1.0) == 10**9
    assert theory.compression_window(0, 10**12, 0.9) == 9 * 10**11


def test_continuum_points():
    assert tuple(theory.compression_window_continuum(g, 2000, 0.9) for g in GAMMAS) == pytest.approx(
        CONTINUUM, abs=0.005
    )
    assert theory.compression_window_continuum(1, 2000, 0.9) == pytest.approx(2000**0.9, rel=1e-14)


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.floats(-20, 20), st.floats(1e-13, 1e-2).map(lambda e: 1 - e), st.floats(1e-13, 1e-2).map(lambda e: 1 + e)
    ),
    st.floats(0, 12).map(lambda e: int(10**e)),
    st.one_of(st.floats(0, 1), st.floats(1e-12, 0.01).map(lambda e: 1 - e)),
)
def test_continuum_has_twelve_digits(relative, gamma, n, fraction):
    with mp.workdps(60):
        f, a = mp.mpf(fraction), 1 - mp.mpf(gamma)
        exact = ((1 - f) + f * mp.mpf(n) ** a) ** (1 / a) if a else mp.mpf(n) ** f
    assert relative(theory.compression_window_continuum(gamma, n, fraction), exact) < 1e-12


@settings(max_examples=80, deadline=None)
@given(st.floats(-20, 20), st.floats(0, 12).map(lambda e: int(10**e)), st.floats(0, 1))
def test_window_mass_has_twelve_digits(reference, relative, gamma, n, share):
    window = max(1, int(share * n))
    with mp.workdps(60):
        exact = reference.power_moments(gamma, window)[0] / reference.power_moments(gamma, n)[0]
    assert relative(theory.window_mass(gamma, n, window), exact) < 1e-12


def test_holographic_loss_points():
    assert theory.holographic_loss(1e4, 2000, 1383) == pytest.approx(-0.03897260917359724, rel=1e-14)
    assert theory.holographic_loss(1e6, 2000, 856) == pytest.approx(-0.0008081142096023077, rel=1e-14)


@settings(max_examples=80, deadline=None)
@given(st.floats(1, 1e9), st.floats(1, 1e9), st.floats(0, 1e9))
def test_holographic_loss_has_twelve_digits(relative, theta, length, window):
    with mp.workdps(50):
        root = mp.sqrt(2)
        exact = mp.log((theta + window / root) / (theta + length / root))
    assert relative(theory.holographic_loss(theta, length, window), exact) < 1e-12


def test_soft_decay_points():
    for d, bias in ((100, -0.0384699708), (1000, -0.5198603854), (1999, -5.7006768447)):
        assert mp.log(theory.soft_decay_weight(0.75, d, 2000)) == pytest.approx(bias, abs=1e-10)
    assert theory.soft_decay_weight(0.75, 2000, 2000) == 0
    regimes = [theory.soft_decay_regime(h, 2000) for h in (1200, 1199.9, 800, 799.9)]
    assert regimes == ["applies", "borderline", "borderline", "hard-cutoff"]


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 20), st.floats(0, 1), st.floats(1, 1e9))
def test_soft_decay_has_twelve_digits(relative, gamma, share, horizon):
    distance = share * horizon
    with mp.workdps(50):
        exact = (1 - mp.mpf(distance) / mp.mpf(horizon)) ** mp.mpf(gamma) if distance < horizon else 0
    got = theory.soft_decay_weight(gamma, distance, horizon)
    assert relative(got, exact) < 1e-12 or abs(got - exact) < 1e-300


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((0.75, 2000, 1.1), "fraction"),
        ((0.75, 2000, -0.1), "fraction"),
        ((0.75, 0, 0.9), "n_tokens"),
        ((25, 9, 0.9), "gamma"),
    ],
)
def test_outside_the_domain_there_is_no_window(arguments, named):
    with pytest.raises(DomainError, match=f"^{named} = "):
        theory.compression_window(*arguments)
