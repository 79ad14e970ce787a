import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropescope.errors import ReportError
from ropescope.report.numbers import interval, number, with_unit


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (131072, "131,072"),
        (-131072, "-131,072"),
        (7, "7"),
        (0.0, "0"),
        (-0.0, "0"),
        (0.89123, "0.8912"),
        (0.5, "0.5"),
        (100000.0, "100,000"),
        (131072.4, "131,072"),
        (999.96, "1,000"),
        (-999.96, "-1,000"),
        (0.000032, "3.2e-5"),
        (1.23456e20, "1.235e20"),
        (None, "–"),
        (True, "yes"),
        ("a\x1b[31mb\nc", "a[31mb c"),
    ],
)
def test_numbers_are_written_one_way(value, text):
    assert number(value) == text


def test_a_format_is_kept():
    assert number(0.5, ".3f") == "0.500"
    assert number(4096, ",d") == "4,096"
    assert number(3, ".1f") == "3.0"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("spec", ["", ".3f"])
def test_what_is_no_number_is_refused_by_name(bad, spec):
    with pytest.raises(ReportError, match="gamma"):
        number(bad, spec, name="gamma")


def test_a_format_that_does_not_fit_is_an_error_and_no_traceback():
    with pytest.raises(ReportError, match="gamma"):
        number(0.5, "d", name="gamma")


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.8871, 0.8953, "[0.8871, 0.8953]"),
        (0.87, 0.9, "[0.870, 0.900]"),
        (109.0, 127.0, "[109, 127]"),
        (-0.0011, 0.0017, "[-0.0011, 0.0017]"),
        (1e-9, 500.0, "[1e-9, 500]"),
        (2.0, 2.0, "[2, 2]"),
        (1500.0, 131072.0, "[1,500, 131,072]"),
        (0.5, 131072.0, "[0.5, 131,072]"),
    ],
)
def test_an_interval_shows_its_width(low, high, text):
    assert interval(low, high) == text


def test_an_interval_refuses_nan():
    with pytest.raises(ReportError):
        interval(math.nan, 1.0)


def test_a_dash_has_no_unit():
    assert with_unit(number(None), "tokens") == "–"
    assert with_unit(number(8192), "tokens") == "8,192 tokens"


@given(st.floats(-1e300, 1e300))
def test_four_digits_are_right(value):
    shown = float(number(value).replace(",", ""))
    assert shown == pytest.approx(value, rel=5.01e-4, abs=0)
