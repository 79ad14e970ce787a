"""The dip against an independent implementation (diptest 0.12, the published algorithm AS 217), ties included."""

import numpy as np
import pytest

from ropescope.errors import EvidenceError
from ropescope.evidence.verdicts.unimodality import dip, dip_p

# Faculty quality in 63 statistics departments, the example that comes with the dip in R.
FACULTY = (
    "30 33 35 36 37 37 39 39 39 39 39 40 40 40 40 41 42 43 43 43 44 44 45 45 46 47 47 48 48 48 49 50 50 51 52 52 53 53 53 53 53 "
    "54 54 57 57 59 60 60 60 61 61 61 61 62 62 62 62 63 66 70 72 72 72"
)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 3, 4, 10, 11, 12, 13], 1 / 6),
        ([0, 0, 1, 1], 1 / 4),
        ([1, 1, 2, 2, 2, 3, 9, 9, 9, 9], 1 / 5),
        ([0.1, 0.4, 0.5, 0.55, 0.6, 2.0], 1 / 12),
        ([float(word) for word in FACULTY.split()], 0.05952380952380952),
    ],
)
def test_dip_is_that_of_another_implementation(values, expected):
    assert dip(values) == pytest.approx(expected, abs=1e-12)
    assert dip(values[::-1]) == dip(values)


def test_dip_does_not_change_with_scale_and_mirror():
    values = np.random.default_rng(0).normal(size=40)
    assert dip(3 * values - 7) == pytest.approx(dip(values), abs=1e-12)
    assert dip(-values) == pytest.approx(dip(values), abs=1e-12)


def test_p_is_that_of_another_implementation():
    assert dip_p([float(word) for word in FACULTY.split()]) == pytest.approx(0.0867, abs=0.02)


def test_two_clusters_are_told_from_one():
    rng = np.random.default_rng(1)
    one = rng.normal(size=60)
    two = np.concatenate([one[:30] - 4, one[30:] + 4])
    assert dip_p(two) < 0.001 and dip_p(one) > 0.1


def test_too_few_values_are_refused():
    with pytest.raises(EvidenceError, match="3 values are too few"):
        dip([1.0, 2.0, 3.0])
