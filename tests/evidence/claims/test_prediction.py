"""C1, C1b, C1c, C2 against the figures of an audit that was made apart from this code."""

import pytest


def test_error_over_all_models(finding):
    found = finding("C1")
    assert found.value == pytest.approx(19.9, abs=0.05)
    assert found.interval == pytest.approx((9.0, 26.7), abs=1.0)
    facts = {fact.name: fact for fact in found.facts}
    assert facts["best nine of the text models"].value == pytest.approx(3.33, abs=0.005)
    assert facts["γ ≡ 1, its best nine"].value == pytest.approx(4.47, abs=0.005)
    assert facts["chance of nine at random"].value == pytest.approx(0.0019, abs=5e-5)
    assert facts["correlation of γ and γ_Padé"].value == pytest.approx(0.091, abs=5e-4)
    assert facts["correlation of γ and γ_Padé"].interval == pytest.approx((-0.18, 0.38), abs=0.03)
    assert facts["slope of γ on γ_Padé"].value == pytest.approx(0.20, abs=0.005)
    assert found.verdict == "reproduced under a filter"


def test_every_set_of_measurements(finding):
    rows = {row[0]: row[1:] for row in finding("C1").tables[0].rows}
    expected = {
        "text and random": (46, 19.9, 0.178, 0.208, 0.193, 0.181, -0.130, 0.091),
        "text": (23, 20.4, 0.168, 0.215, 0.193, 0.194, 0.022, 0.271),
        "random": (23, 19.4, 0.188, 0.202, 0.193, 0.173, -0.312, -0.077),
        "with the unfitted curves": (51, 20.4, 0.195, 0.223, 0.197, 0.190, -0.267, -0.064),
        "T = 2000 for all": (46, 21.8, 0.186, 0.208, 0.193, 0.181, -0.159, 0.090),
        "T = context in training": (46, 25.0, 0.232, 0.208, 0.193, 0.181, -0.940, 0.023),
        "γ < 1 only": (34, 10.3, 0.135, 0.243, 0.142, 0.141, -0.137, 0.453),
    }
    assert rows.keys() == expected.keys()
    for name, numbers in expected.items():
        n, error, *others = rows[name]
        assert n == numbers[0] and error == pytest.approx(numbers[1], abs=0.051), name
        assert others == pytest.approx(numbers[2:], abs=5.1e-4), name


def test_counts_and_centroids(finding):
    assert (finding("C1b").value, finding("C2").value) == (46, 33)
    found = finding("C1c")
    medians = {row[:2]: row[3] for row in found.tables[0].rows}
    assert medians["θ = 10,000", "text"] == pytest.approx(0.788, abs=5e-4)
    assert medians["θ = 10,000", "random"] == pytest.approx(0.891, abs=5e-4)
