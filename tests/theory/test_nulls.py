"""What uniform attention measures as, design by design."""

import numpy as np
import pytest

from ropescope import theory
from ropescope.errors import DomainError

FULL = (30, 50, 100, 200, 500, 1000, 2000)
ALL = (10, 20, *FULL)


@pytest.mark.parametrize(
    ("distances", "offset", "gamma", "r_squared"),
    [
        (FULL, 50, 0.7826, 0.988),
        (FULL, 59.3, 0.7571, 0.985),
        (FULL[:-1], 50, 0.7417, 0.987),
        (FULL[:-1], 59.3, 0.7124, 0.987),
        (FULL[:-2], 50, 0.6885, None),
        (FULL[:-2], 59.3, 0.6548, None),
        (ALL, 50, 0.6865, 0.967),
        (ALL, 59.3, 0.6582, 0.967),
        ((10, 50, 200, 1000), 50, 0.6248, 0.955),
        (FULL, 10, 0.9386, None),
        (FULL, 100, 0.6693, None),
        (FULL, 128, 0.6237, None),
        (FULL, 500, 0.3585, None),
    ],
)
def test_points(distances, offset, gamma, r_squared):
    null = theory.uniform_null_exponent(distances, offset)
    assert null.gamma == pytest.approx(gamma, abs=6e-5)
    if r_squared:
        assert null.r_squared == pytest.approx(r_squared, abs=6e-3)


def test_published_protocol_to_all_digits():
    null = theory.uniform_null_exponent(FULL, 50)
    assert null.gamma == pytest.approx(0.782582299210013, rel=1e-14)
    assert null.r_squared == pytest.approx(0.988451718, abs=5e-10)
    assert theory.uniform_null_exponent(FULL, 0) == pytest.approx((1, 1), rel=1e-14)


def test_fixed_length_has_no_spurious_exponent():
    assert theory.fixed_length_null(FULL, 2048) == (0, 0)
    with pytest.raises(DomainError, match="at most 1984"):
        theory.fixed_length_null(FULL, 2048, 64)


def test_random_rows_bring_one_back():
    distances, n = (10, 20, 50, 100, 200, 500, 1000), 2048
    # Row q (0-based) of a causal matrix gives every key 1/(q + 1); average it over the rows that reach back d.
    rows = 1 / np.arange(1, n + 1)
    profile = [rows[d:].mean() for d in distances]
    slope = np.polyfit(np.log(distances), np.log(profile), 1)[0]
    fit = np.corrcoef(np.log(distances), np.log(profile))[0, 1] ** 2
    assert theory.random_row_null(distances, n) == pytest.approx((-slope, fit), rel=1e-11)
    assert 0.2 < theory.random_row_null(distances, n).gamma < 0.4
    with pytest.raises(DomainError, match="whole and below 2048"):
        theory.random_row_null((10, 2048), n)


@pytest.mark.parametrize("distances", [(30,), (50, 30), (30, 30), (0, 10), "30,50", (30, float("nan"))])
def test_a_bad_design_is_refused(distances):
    with pytest.raises(DomainError, match=r"^distances = "):
        theory.uniform_null_exponent(distances, 50)
