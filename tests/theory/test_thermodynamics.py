"""The truncated power law against mpmath, over the whole domain, and at the published points."""

import mpmath as mp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropescope import theory
from ropescope.errors import DomainError

TABLE = {  # N = 2000: Z, U, S, F, C_V, Var
    0.25: (398.02116246847, 6.28489337551236, 7.55772851978028, -23.9460207036087, 0.102214035636643, 1.63542457018629),
    0.5: (87.993544465222, 5.73868881708529, 7.34660786198025, -8.9545269068752, 0.711371736459844, 2.84548694583937),
    0.75: (23.3099985583834, 4.81597126342879, 6.76086083877384, -4.19850985493633, 2.56485988853375, 4.5597509129489),
    0.9: (11.9551125576252, 4.06740855657669, 6.14182671689375, -2.75684335108303, 4.32203813707399, 5.3358495519432),
    0.99: (8.47398788328857, 3.57828609714154, 5.67950445850429, -2.15858709326683, 5.37644479407807, 5.48560840126321),
    1: (8.17836810361028, 3.52343437924104, 5.62492701161711, -2.10149263237606, 5.48411758372315, 5.48411758372315),
    1.01: (7.89739077537291, 3.46861608749505, 5.56983467168963, -2.04607170625706, 5.58905093361554, 5.47892455015738),
    1.05: (6.90440420379953, 3.25041271407901, 5.34509284817122, -1.84015190322692, 5.97729973977761, 5.42158706555793),
    1.25: (3.99700969317985, 2.24942936720063, 4.19733321384083, -1.10843720387203, 6.91885144702685, 4.42806492609718),
    2: (1.64443419182739, 0.567519671926709, 1.63243571256827, -0.248698184357428, 3.45933616393918, 0.864834040984794),
}


@pytest.mark.parametrize("gamma", TABLE)
def test_points_at_two_thousand(gamma):
    got = (
        theory.partition_function(gamma, 2000),
        theory.mean_log_distance(gamma, 2000),
        theory.entropy(gamma, 2000),
        theory.free_energy(gamma, 2000),
        theory.heat_capacity(gamma, 2000),
        theory.fisher_information(gamma, 2000),
    )
    assert got == pytest.approx(TABLE[gamma], rel=5e-14)


@pytest.mark.parametrize(
    ("gamma", "n", "expected", "digits"),
    [
        (1, 10, (2.92896825396825, 0.919155529984087, 1.99380575924867, 0.631502392523086), 14),
        (0.5, 10, (5.02099789929267, 1.23482100114653, 2.23103919924149, 0.152183130206513), 14),
        (0.75, 10**5, (67.68997993, 8.130141015, 10.31254392, 4.576952025), 9),
        (1, 10**5, (12.09014613, 5.475613561, 7.968004312, 12.08998636), 9),
        (1.25, 10**5, (4.370175577, 2.846623527, 5.033082595, 12.45911681), 9),
    ],
)
def test_points_elsewhere(gamma, n, expected, digits):
    functions = (theory.partition_function, theory.mean_log_distance, theory.entropy, theory.heat_capacity)
    assert tuple(f(gamma, n) for f in functions) == pytest.approx(expected, rel=10 ** -(digits - 1))


@pytest.mark.parametrize(
    ("n", "exact", "leading"),
    [
        (100, 2.154946001453, 1.76729937016),
        (1000, 4.580029537582, 3.97642358286),
        (10**4, 7.892758437178, 7.06919748064),
        (10**6, 17.171127179045, 15.9056943314),
        (10**9, 37.717034616, 35.7878122457),
    ],
)
def test_heat_capacity_at_one_is_a_twelfth_of_log_squared_and_not_a_quarter(n, exact, leading):
    assert theory.heat_capacity(1, n) == pytest.approx(exact, rel=1e-10)
    assert theory.heat_capacity_asymptotic(n, 1) == pytest.approx(leading, rel=1e-11)
    # Three terms leave an error of order 1/ln N, far below that of the leading term.
    assert abs(theory.heat_capacity_asymptotic(n) - exact) < 0.06 / mp.log(n)


def test_the_peak_of_the_heat_capacity_is_not_at_one():
    curve = {g / 1000: theory.heat_capacity(g / 1000, 2000) for g in range(800, 1600)}
    peak = max(curve, key=curve.get)
    assert peak == pytest.approx(1.257, abs=5e-4)
    assert curve[peak] == pytest.approx(6.91981, abs=5e-6)


gammas = st.one_of(
    st.floats(-20, 20),
    st.floats(-1, 3),
    st.floats(1e-16, 1e-3).map(lambda e: 1 - e),
    st.floats(1e-15, 1e-3).map(lambda e: 1 + e),
    st.sampled_from([-20.0, -1.0, 0.0, 1.0, 2.0, 20.0]),
)
lengths = st.one_of(
    st.integers(1, 60), st.floats(0, 12).map(lambda e: int(10**e)), st.sampled_from([1, 2, 48, 49, 10**12])
)


@settings(max_examples=250, deadline=None)
@given(gammas, lengths)
def test_every_sum_has_twelve_digits(reference, relative, gamma, n):
    z, u, variance, s = reference.power_moments(gamma, n)
    assert relative(theory.partition_function(gamma, n), z) < 1e-12
    assert relative(theory.mean_log_distance(gamma, n), u) < 1e-12
    assert relative(theory.fisher_information(gamma, n), variance) < 1e-12
    assert relative(theory.entropy(gamma, n), s) < 1e-12
    with mp.workdps(90):
        if gamma == 0 or abs(gamma) > 1e-140:  # below, γ² underflows
            assert relative(theory.heat_capacity(gamma, n), mp.mpf(gamma) ** 2 * variance) < 1e-12
        if gamma > 1e-290:
            assert relative(theory.free_energy(gamma, n), -mp.log(z) / mp.mpf(gamma)) < 1e-12


@settings(max_examples=100, deadline=None)
@given(st.floats(1e-12, 20).filter(lambda g: g != 1))
def test_susceptibility_and_correlation_length(relative, gamma):
    with mp.workdps(50):
        assert relative(theory.susceptibility(gamma), 1 / abs(mp.mpf(gamma) - 1)) < 1e-12
        assert relative(theory.correlation_length(gamma), 1 / abs(mp.log(mp.mpf(gamma)))) < 1e-12


@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (theory.free_energy, (0, 2000), "gamma"),
        (theory.free_energy, (-0.5, 2000), "gamma"),
        (theory.entropy, (0.75, 0), "n_tokens"),
        (theory.entropy, (0.75, 2.5), "n_tokens"),
        (theory.entropy, (float("nan"), 10), "gamma"),
        (theory.partition_function, (20.5, 10), "gamma"),
        (theory.susceptibility, (1.0,), "gamma"),
        (theory.correlation_length, (1,), "gamma"),
        (theory.heat_capacity_asymptotic, (1,), "n_tokens"),
    ],
)
def test_outside_the_domain_there_is_no_number(function, arguments, named):
    with pytest.raises(DomainError, match=f"^{named} = "):
        function(*arguments)
