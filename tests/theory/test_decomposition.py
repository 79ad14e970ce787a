"""The published corrections, reproduced; the exponents and their identities."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropescope import theory
from ropescope.errors import DomainError


@pytest.mark.parametrize(
    ("parameters", "shift"),
    [(70e6, -0.11124453126304093), (1e9, -0.2950528869812903), (7e9, -0.4295544174468316), (70e9, -0.5887093605387269)],
)
def test_imprint_points(parameters, shift):
    assert theory.imprint_shift(parameters) == pytest.approx(shift, rel=1e-14)


def test_purity_of_the_reference_model():
    purity = theory.imprint_purity(0.713, 1e4, 2048, 1e9)
    assert purity.predicted == pytest.approx(0.4520, abs=5e-5)
    assert purity.verdict == "under-imprinted"
    assert theory.imprint_purity(0.45, 1e4, 2048, 1e9).verdict == "clean"
    assert theory.imprint_purity(0.2, 1e4, 2048, 1e9).verdict == "over-imprinted"


def test_compute_invariant_points():
    k, z = theory.compute_invariant(1.045, 8e9)
    assert (k, round(z, 5)) == (pytest.approx(74.61702785785721, rel=1e-14), 1.39387)
    assert theory.compute_invariant(0.7476, 70e6).k == pytest.approx(42.75356165597954, rel=1e-14)


def test_axes_add_up():
    terms = theory.decompose_six_axis(1e4, 2048, True, True, 1e9, "random", True, 0.05)
    assert terms.gamma == pytest.approx(sum(terms[:-1]), rel=1e-15)
    assert terms[1:4] == (0.11, -0.21, -0.15)
    assert terms.imprint == theory.imprint_shift(1e9) and terms.instruct == -0.10
    five = theory.decompose_five_axis(1e4, 2048, False, False, 3.99e8)
    assert five.gamma == five.pade == theory.gamma_pade(1e4, 2048)
    assert theory.decompose_six_axis(1e4, 2048, False, False, 1e9, "text").imprint == 0


def test_phase_concentration_and_precision():
    assert theory.induction_phase(0.931, 0.713, 1e9).phase == "after-induction"
    assert theory.induction_phase(0.5, 0.7, 1e8)[1:] == ("before-induction", "before-induction")
    assert theory.induction_phase(0.5, 0.5, 1e9).phase == "undecided"
    assert theory.concentration_law(1e4, 2048, 8) == pytest.approx(theory.gamma_pade(1e4, 2048) - 0.096, rel=1e-14)
    rules = [theory.precision_shift_nf4(r, False).direction for r in (0.85, 0.95, 0.995)]
    assert rules == ["rises", "stable", "falls"]
    assert theory.precision_shift_nf4(0.5, True).high == 0.05


def test_exponent_points():
    assert theory.critical_exponents(0.75) == pytest.approx((4, -0.25, -0.25, -2, 4, 4.5, -4.5))
    assert theory.critical_exponents(0.5) == pytest.approx((2, -0.5, -0.5, 0, 2, 3, -2))
    assert theory.critical_exponents(1 - 1 / math.sqrt(2)).gamma_chi == pytest.approx(2 * math.sqrt(2), rel=1e-15)
    with pytest.raises(DomainError, match=r"^gamma = 1"):
        theory.critical_exponents(1)


@given(st.floats(-20, 20).filter(lambda g: abs(g - 1) > 1e-6))
def test_identities_hold_and_errata_do_not(gamma):
    for check in theory.identities(gamma):
        if check.kind == "erratum":
            # The false relations have isolated roots: η = 2γ at the real root of 4γ³ − 5γ − 1, and V at γ = ±1.
            root = abs(4 * gamma**3 - 5 * gamma - 1) < 1e-3 or abs(abs(gamma) - 1) < 1e-3
            assert not check.holds or root, check
        else:
            assert check.holds, check


def test_the_phase_mix_up_is_half_a_log_two():
    rows = {check.name: check for check in theory.identities(0.75)}
    assert rows["phase 7/8 mix-up"].left == pytest.approx(-math.log(2) / 2, rel=1e-13)
    assert not rows["phase 7/8 mix-up"].holds and rows["phases 7 and 8"].holds


def test_regime_bands():
    assert [theory.regime(g).phase for g in (-0.1, 0.0, 0.99, 1.0, 1.01)] == [
        "growing",
        "divergent",
        "divergent",
        "logarithmic",
        "convergent",
    ]
    assert [theory.regime(g).tool_band for g in (-0.1, 0.3, 0.65, 0.95, 1.0)] == [
        "negative",
        "wide-field",
        "normal",
        "boundary",
        "critical",
    ]
    assert [theory.regime(g).command_line_band for g in (0.9, 0.95, 1.05, 1.06)] == ["A", "boundary", "boundary", "B"]
    assert [theory.regime(g).mode for g in (0.8, 0.85, 0.96, 1.0)] == ["A", "gap", "boundary", "critical"]
