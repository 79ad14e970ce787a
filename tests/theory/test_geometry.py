"""Wavelengths, active pairs, the mean kernel, the base bound and the critical layer."""

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropescope import theory
from ropescope.errors import DomainError


def test_wavelength_points():
    assert theory.wavelength(1e4, 128, 0) == pytest.approx(6.2832, rel=1e-5)
    longest = [theory.longest_wavelength(1e4, d) for d in (64, 128, 256)]
    assert longest == pytest.approx([47117, 54410, 58470], abs=0.5)
    assert theory.wavelength(1e4, 64, 31) == theory.longest_wavelength(1e4, 64)
    with pytest.raises(DomainError, match=r"^pair = 32 .* in \[0, 31\]"):
        theory.wavelength(1e4, 64, 32)


def test_active_pair_points():
    assert theory.active_pairs(1e4, 128, 100) == pytest.approx(44.770877893729846, rel=1e-14)
    assert theory.active_pairs(1e4, 128, 2 * math.pi) == 64
    assert theory.active_pairs(1e4, 128, 1) == 64
    assert theory.active_pairs(1e4, 128, 628.3185307179587) == pytest.approx(32, rel=1e-15)
    assert theory.active_pairs(1e4, 128, 1e5) == 0
    crossings = [theory.crossing_length(theta) for theta in (1e4, 5e5, 1e6)]
    assert crossings == pytest.approx([628.3185307179587, 4442.882938158366, 6283.185307179586], rel=1e-15)


def test_rope_scales_count_dead_pairs_as_the_published_files_do():
    assert theory.rope_scales(1e4, 64, 2048).dead_pairs == 23
    assert theory.rope_scales(1e4, 256, 2048).dead_pairs == 91
    assert theory.rope_scales(1.3e5, 64, 2048).dead_pairs == 18
    assert theory.rope_scales(1e6, 128, 4096).dead_pairs == 34
    scales = theory.rope_scales(1e6, 128, 4096)
    assert scales.wavelength_limit == pytest.approx(6283185.307179586, rel=1e-15)
    assert scales.active_pairs == pytest.approx(64 * (1 - scales.aliased_fraction), rel=1e-13)


@settings(max_examples=150, deadline=None)
@given(
    st.floats(0.2, 12).map(lambda e: 10**e),
    st.integers(1, 256).map(lambda k: 2 * k),
    st.floats(-2, 14).map(lambda e: 10**e),
)
def test_geometry_has_twelve_digits(relative, theta, head_dim, distance):
    with mp.workdps(50):
        t, d = mp.mpf(theta), mp.mpf(distance)
        assert relative(theory.longest_wavelength(theta, head_dim), 2 * mp.pi * t ** (1 - mp.mpf(2) / head_dim)) < 1e-12
        pair = head_dim // 4
        assert (
            relative(theory.wavelength(theta, head_dim, pair), 2 * mp.pi * t ** (mp.mpf(2 * pair) / head_dim)) < 1e-12
        )
        assert relative(theory.crossing_length(theta), 2 * mp.pi * mp.sqrt(t)) < 1e-12
        fraction = mp.log(d / (2 * mp.pi)) / mp.log(t)
        active = min(max(1 - fraction, 0), 1) * head_dim / 2
        assert abs(theory.active_pairs(theta, head_dim, distance) - active) < 1e-12 * head_dim
        exact = fraction * (mp.mpf(head_dim) / 64) ** (1 / mp.sqrt(12))
        # log_θ(T/2π) crosses zero at T = 2π, which no double is, so the scale there is what a rounded π can do.
        got = theory.critical_layer(theta, distance, head_dim, 32)
        assert abs(got.fraction - exact) < 1e-12 * max(1, abs(exact))
        assert 1 <= got.layer <= 32


def test_critical_layer_points():
    points = [
        (1e4, 2048, 64, 6),
        (1e4, 2048, 256, 16),
        (1e4, 2048, 80, 32),
        (1e6, 32768, 128, 36),
        (5e5, 8192, 128, 32),
        (5e5, 131072, 128, 32),
    ]
    expected = [
        0.6282875209864195,
        0.9374717358310781,
        0.6700912468018047,
        0.7567853889648711,
        0.6677145534163882,
        0.9258057951148235,
    ]
    layers = [theory.critical_layer(*point) for point in points]
    assert [layer.fraction for layer in layers] == pytest.approx(expected, rel=1e-14)
    assert [round(layer.position, 2) for layer in layers[:2]] == [3.77, 15.0]
    assert [layer.layer for layer in layers] == [4, 15, 21, 27, 21, 30]
    assert theory.critical_layer(1e4, 3, 64, 6).fraction < 0 and theory.critical_layer(1e4, 3, 64, 6).layer == 1


def test_kernel_points():
    heads = (64, 128, 256)
    assert [theory.mean_kernel(1e4, d, 10) for d in heads] == pytest.approx([0.657863, 0.669063, 0.675466], abs=5e-7)
    assert [theory.mean_kernel(1e4, d, 1000) for d in heads] == pytest.approx([0.278936, 0.159027, 0.192524], abs=5e-7)
    assert theory.mean_kernel_limit(1e4, 10) == pytest.approx(0.6823942631, abs=5e-11)
    assert theory.mean_kernel_limit(1e4, 1000) == pytest.approx(0.1876906425, abs=5e-11)
    assert theory.mean_kernel_logarithmic(1e4, 10) == pytest.approx(0.6873296, abs=5e-8)
    assert theory.mean_kernel_logarithmic(1e4, 1000) == pytest.approx(0.1873296, abs=5e-8)
    assert theory.mean_kernel(1e4, 128, 0) == 1
    assert theory.amplitude_exponent(1e4, 256, 0.6728) == pytest.approx(0.5844, abs=5e-5)
    for head_dim, amplitude in ((256, 1.1513), (80, 2.0595), (64, 2.3026)):
        assert theory.amplitude_exponent(1e4, head_dim, amplitude) == pytest.approx(1, abs=1e-4)


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0.2, 9).map(lambda e: 10**e),
    st.sampled_from([2, 64, 80, 128]),
    st.floats(0, 12).map(lambda e: int(10**e)),
)
def test_the_kernel_keeps_its_phase_at_any_distance(theta, head_dim, distance):
    with mp.workdps(50):
        terms = (mp.cos(distance * mp.mpf(theta) ** (mp.mpf(-2 * i) / head_dim)) for i in range(head_dim // 2))
        exact = 2 * mp.fsum(terms) / head_dim
    # Absolute: the kernel crosses zero again and again.
    assert abs(theory.mean_kernel(theta, head_dim, distance) - exact) < 1e-15 * 2


@settings(max_examples=120, deadline=None)
@given(st.floats(0.2, 12).map(lambda e: 10**e), st.floats(-6, 14).map(lambda e: 10**e))
def test_the_limit_kernel_is_the_cosine_integral(theta, distance):
    with mp.workdps(50):
        t, d = mp.mpf(theta), mp.mpf(distance)
        exact = (mp.ci(d) - mp.ci(d / t)) / mp.log(t)
    assert abs(theory.mean_kernel_limit(theta, distance) - exact) < 1e-14


def test_amplitude_exponent_falls_with_the_base_where_the_pade_exponent_rises():
    bases = (1e4, 1e5, 1e6)
    amplitude = [theory.amplitude_exponent(b, 128, 1.0) for b in bases]
    pade = [theory.gamma_pade(b, 2000) for b in bases]
    assert amplitude == sorted(amplitude, reverse=True) and pade == sorted(pade)


def _kernel_minimum(base, head_dim, length):
    w = base ** (-np.arange(0, head_dim, 2) / head_dim)
    return np.cos(np.outer(np.arange(1, length + 1), w)).sum(axis=1).min()


@pytest.mark.parametrize(("length", "head_dim"), [(256, 64), (512, 128), (1024, 128)])
def test_the_base_bound_is_good_and_every_smaller_base_tried_is_not(length, head_dim):
    bound = theory.base_lower_bound(length, head_dim)
    assert _kernel_minimum(bound, head_dim, length) >= -1e-9
    for base in np.geomspace(2, bound * (1 - 1e-5), 400):
        assert _kernel_minimum(base, head_dim, length) < 0, base


def test_the_base_bound_is_near_its_published_values():
    assert theory.base_lower_bound(1024, 128) == pytest.approx(4.31e3, rel=0.01)
    assert theory.base_lower_bound_fit(32768) == pytest.approx(0.0424 * 32768**1.628, rel=1e-14)
    assert theory.theta_design(0.85, 32768) < theory.base_lower_bound_fit(32768)
