"""The predicted exponents at the published points, and against mpmath for θ/T from 1e-6 to 1e9."""

import math

import mpmath as mp
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ropescope import theory
from ropescope.errors import DomainError

ROOT = math.sqrt(2)
TABLE = [  # θ, T, linear, exponential, Padé, Padé[2,2], θ_eff
    (1e4, 0, 1, 1, 1, 1, 10000),
    (1e4, 1, 0.999858578644, 0.999858588643, 0.9998585886430556, 0.999858588643, 10000.7071068),
    (1e4, 512, 0.927592265606, 0.930151563699, 0.9301221152654182, 0.930151566271, 10362.0386720),
    (1e4, 2000, 0.717157287525, 0.753638316444, 0.7522013138014092, 0.753640220234, 11414.2135624),
    (1e4, 2048, 0.710369062426, 0.748539774512, 0.7470064429851828, 0.748541903978, 11448.1546879),
    (1e4, 4096, 0.420738124852, 0.560311794026, 0.5508312818257147, 0.560363563810, 12896.3093757),
    (1e4, 8192, -0.158523750296, 0.313949306525, 0.2664144126271304, 0.314932935909, 15792.6187515),
    (1e4, 1e5, -13.1421356, 7.2135e-7, -0.7522013138014092, 0.428317268261, 80710.6781187),
    (5e5, 8192, 0.976829524994, 0.977095899145, 0.9770948861777424, 0.977095899154, 505792.618751),
    (5e5, 32000, 0.909490332008, 0.913465502481, 0.9134089936270702, 0.913465510191, 522627.416998),
    (5e5, 131072, 0.629272399905, 0.690231935067, 0.6872457214570593, 0.690238703333, 592681.900024),
    (1e6, 32768, 0.953659049988, 0.954716396126, 0.954708476110422, 0.954716396410, 1023170.47501),
    (5e6, 4096, 0.998841476250, 0.998842147079, 0.9988421469498329, 0.998842147079, 5002896.30938),
]


@pytest.mark.parametrize(("theta", "length", "linear", "exponential", "pade", "pade22", "effective"), TABLE)
def test_points(theta, length, linear, exponential, pade, pade22, effective):
    rough = 1e-8 if length == 1e5 else 2e-12
    assert theory.gamma_linear(theta, length) == pytest.approx(linear, rel=rough)
    assert theory.gamma_exponential(theta, length) == pytest.approx(exponential, rel=rough if length < 1e5 else 1e-4)
    assert theory.gamma_pade(theta, length) == pytest.approx(pade, rel=1e-15 * 2)
    assert theory.gamma_pade22(theta, length) == pytest.approx(pade22, rel=2e-12)
    assert theory.theta_eff_pade(theta, length) == pytest.approx(effective, rel=1e-11)


def test_landmarks():
    theta = 1e4
    assert theory.gamma_pade(theta, theta / ROOT) == pytest.approx(1 / 3, rel=1e-15)
    assert theory.gamma_pade(theta, theta * ROOT) == pytest.approx(0, abs=2e-16)
    assert theory.gamma_linear(theta, theory.alias_distance(theta)) == pytest.approx(0, abs=2e-16)
    assert theory.gamma_pade22(theta, theta / ROOT) == pytest.approx(7 / 19, rel=1e-15)
    assert theory.gamma_pade22(theta, theta * ROOT) == pytest.approx(1 / 7, rel=1e-15)
    assert theory.gamma_lerch(theta, theta / ROOT) == pytest.approx(0.5, rel=1e-15)


thetas = st.floats(-2, 9).map(lambda e: 10**e)
ratios = st.one_of(
    st.floats(-6, 9).map(lambda e: 10**e), st.floats(0.2, 5), st.floats(-1e-9, 1e-9).map(lambda e: (1 + e) / ROOT)
)


@settings(max_examples=400, deadline=None)
@given(thetas, ratios)
def test_twelve_digits_for_every_ratio(relative, theta, ratio):
    length = theta / ratio
    with mp.workdps(60):
        t, n = mp.mpf(theta), mp.mpf(length)
        z = n * mp.sqrt(2) / t
        exact = {
            theory.gamma_pade: (2 - z) / (2 + z),
            theory.gamma_linear: 1 - z,
            theory.gamma_pade22: (12 - 6 * z + z * z) / (12 + 6 * z + z * z),
            theory.gamma_lerch: 1 / (1 + z),
            theory.theta_eff_pade: t + n / mp.sqrt(2),
        }
        exponential = mp.exp(-z)
    for function, value in exact.items():
        # Relative also where γ_Padé and γ_lin cross zero.
        assert relative(function(theta, length), value) < 1e-12, function.__name__
    got = theory.gamma_exponential(theta, length)
    assert relative(got, exponential) < 1e-12 or abs(got - exponential) < 1e-300


@settings(max_examples=150, deadline=None)
@given(st.floats(0.01, 1e9), st.floats(-0.999999, 0.999999), st.floats(1, 1e7))
def test_inverses_and_derivatives_have_twelve_digits(relative, theta, gamma, length):
    with mp.workdps(60):
        t, g, n, root = mp.mpf(theta), mp.mpf(gamma), mp.mpf(length), mp.sqrt(2)
        assert relative(theory.theta_design(gamma, length), n / root * (1 + g) / (1 - g)) < 1e-12
        assert relative(theory.alpha_opt(theta, gamma, length), n / root * (1 + g) / (1 - g) / t) < 1e-12
        assert relative(theory.horizon(theta, gamma), t * root * (1 - g) / (1 + g)) < 1e-12
        assert relative(theory.niah_ceiling(theta, gamma), 2 * t * root * (1 - g) / (1 + g)) < 1e-12
        assert relative(theory.pade_deviation_index(theta, gamma, length), t * root * (1 - g) / (1 + g) / n) < 1e-12
        assert relative(theory.theta_eff_observed(length, gamma), n * root / (1 - g)) < 1e-12
        assert relative(theory.rg_beta(gamma), -(1 - g * g) / 2) < 1e-12
        pade = (2 * t - n * root) / (2 * t + n * root)
        assert relative(theory.efficiency_eta(theta, gamma, length), (1 - pade) / (1 - g)) < 1e-12
        gap = mp.log(n / (t * root)) + 2 * mp.atanh(g)
        assert abs(theory.cardy_entropy_gap(theta, gamma, length) - gap) < 1e-12 * max(1, abs(gap))
        if gamma > 0:
            reach = t * root * (1 - g) / (1 + g) / n
            chi = 1 / (1 - g)
            index = max(mp.mpf(0), 1 - reach ** (1 - g)) * mp.sqrt(chi) / (1 + mp.sqrt(chi))
            assert abs(theory.hallucination_index(length, theta, gamma) - index) < 1e-12


@settings(max_examples=60, deadline=None)
@given(st.floats(1, 1e9), st.integers(2, 1000).map(lambda k: 2 * k))
def test_ntk_alpha_has_twelve_digits(relative, stretch, head_dim):
    with mp.workdps(50):
        exact = mp.mpf(stretch) ** (mp.mpf(head_dim) / (head_dim - 2))
    assert relative(theory.ntk_aware_alpha(stretch, head_dim), exact) < 1e-12


def test_design_points():
    assert theory.theta_design(0.85, 4096) == pytest.approx(35721.14896746122, rel=1e-15)
    assert theory.theta_design(0.85, 32768) == pytest.approx(285769.19173968973, rel=1e-15)
    assert theory.alpha_opt(5e5, 0.85, 131072) == pytest.approx(2.28615, rel=1e-5)
    assert theory.theta_design(0.5, 131072) == pytest.approx(278045.7000710495, rel=1e-15)
    assert theory.theta_design(0, 2000) == pytest.approx(1414.213562373095, rel=1e-15)
    alphas = [theory.ntk_aware_alpha(s, d) for s, d in ((4, 128), (4, 64), (16, 128), (16, 64))]
    assert alphas == pytest.approx([4.08899, 4.18294, 16.7199, 17.49696], abs=5e-5)


def test_horizon_points():
    assert theory.horizon(1e4, 0.7476) == pytest.approx(2042.5011624111305, rel=1e-14)
    assert theory.horizon(1e4, 0.931) == pytest.approx(505.3378343021414, rel=1e-13)
    assert theory.horizon(1e6, 0.772) == pytest.approx(181964.2732624524, rel=1e-14)
    assert theory.niah_ceiling(1e4, 0.931) == pytest.approx(1010.6756686042828, rel=1e-13)
    points = [(4096, 1e4, 0.75), (16384, 1e4, 0.75), (32000, 5e5, 0.9), (131072, 5e5, 0.95), (8192, 1e4, 0.5)]
    expected = [0.10797397104637918, 0.2716112729941697, 0, 0.07696300311343725, 0.1414200384931431]
    assert [theory.hallucination_index(*point) for point in points] == pytest.approx(expected, rel=1e-13)
    assert theory.pade_deviation_index(1e4, 0.7476, 2000) == pytest.approx(1.0212505812055652, rel=1e-14)
    assert theory.pade_deviation_index(1e6, 0.772, 2000) == pytest.approx(90.98, abs=0.005)
    assert theory.pade_deviation_index(5e6, 0.4577, 2000) == pytest.approx(1315.3, abs=0.05)
    assert theory.pade_deviation_index(1e4, 1.2, 2000) < 0
    assert theory.efficiency_eta(1e4, 0.7476, 2000) == pytest.approx(0.9817697551449718, rel=1e-14)
    assert theory.efficiency_eta(5e6, 0.4577, 2000) == pytest.approx(0.00104, abs=5e-6)
    assert theory.cardy_entropy_gap(1e4, 0.7476, 2000) == pytest.approx(-0.021027936, abs=5e-10)
    assert theory.cardy_entropy_gap(1e4, 0.2871, 2000) == pytest.approx(-1.365205756, abs=5e-10)


@settings(max_examples=100, deadline=None)
@given(st.floats(1, 1e9), st.floats(1, 1e9))
def test_the_identities_that_make_config_only_verdicts_circular(theta, length):
    gamma = theory.gamma_pade(theta, length)
    assume(abs(gamma) < 0.999)
    assert theory.horizon(theta, gamma) == pytest.approx(length, rel=1e-12)
    assert theory.theta_design(gamma, length) == pytest.approx(theta, rel=1e-12)
    assert theory.pade_deviation_index(theta, gamma, length) == pytest.approx(1, rel=1e-12)
    assert theory.cardy_entropy_gap(theta, gamma, length) == pytest.approx(0, abs=1e-12)
    # Stretching θ and T alike changes nothing, so keeping γ asks for α = s.
    assert theory.alpha_opt(theta, gamma, 4 * length) == pytest.approx(4, rel=1e-12)
    # The antisymmetry about T = θ√2.
    assert theory.gamma_pade(theta, 2 * theta * theta / length) == pytest.approx(-gamma, rel=1e-11, abs=1e-14)


@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (theory.gamma_pade, (0, 2000), "theta"),
        (theory.gamma_pade, (-1e4, 2000), "theta"),
        (theory.gamma_pade, (1e4, -1), "length"),
        (theory.gamma_pade, (float("inf"), 2000), "theta"),
        (theory.gamma_linear, (1e4, float("nan")), "length"),
        (theory.horizon, (1e4, 1.0), "gamma"),
        (theory.horizon, (1e4, -1.0), "gamma"),
        (theory.theta_design, (1.0, 2000), "gamma"),
        (theory.theta_eff_observed, (2000, 1.0), "gamma"),
        (theory.hallucination_index, (4096, 1e4, 1.01), "gamma"),
        (theory.hallucination_index, (0, 1e4, 0.7), "length"),
        (theory.pade_deviation_index, (1e4, -1.0, 2000), "gamma"),
        (theory.ntk_aware_alpha, (4, 127), "head_dim"),
        (theory.ntk_aware_alpha, (0.5, 128), "stretch"),
    ],
)
def test_outside_the_domain_there_is_no_number(function, arguments, named):
    with pytest.raises(DomainError, match=f"^{named} = "):
        function(*arguments)


def test_a_result_too_large_for_a_float_is_refused():
    with pytest.raises(DomainError, match="no value that a float can hold"):
        theory.gamma_linear(1e-300, 1e21)
