"""C9, C10, C13, C14, C16, C18 and C19 against the figures of an audit that was made apart from this code."""

import pytest


def _facts(found):
    return {fact.name: fact for fact in found.facts}


def test_heat_capacity(finding):
    found = finding("C9")
    rows = {row[0]: row[1:] for row in found.tables[0].rows}
    exact = {
        100: 2.155,
        500: 3.756,
        1000: 4.580,
        2000: 5.484,
        2048: 5.517,
        10_000: 7.893,
        100_000: 12.090,
        1_000_000: 17.171,
    }
    assert {n: row[0] for n, row in rows.items()} == pytest.approx(exact, abs=6e-4)
    assert (found.value, rows[10_000][2], rows[1_000_000][2]) == pytest.approx((1.139, 1.116, 1.080), abs=6e-4)
    facts = _facts(found)
    assert facts["γ of the peak at N = 2,000"].value == pytest.approx(1.255, abs=0.005)
    assert facts["the author's 16 values, off the exact sum"].value == pytest.approx(4.6, abs=0.05)
    assert found.verdict == "reproduced" and found.baselines[0].value == pytest.approx(1.139 / 3, abs=5e-4)


def test_area_law(finding):
    found = finding("C10")
    facts = _facts(found)
    assert found.value == pytest.approx(-0.62, abs=0.005)
    assert facts["r over γ < 1"].value == pytest.approx(-0.954, abs=5e-4) and facts["r over γ < 1"].note == "39 rows"
    assert facts["largest difference from the exact sum, γ < 1"].value == 0
    stored = facts["S_γ at γ = 1.0037"]
    # The audit gives 5.61 for the exact entropy; 5.6046 by the sum over 2,000 distances in 30 digits.
    assert stored.value == pytest.approx(9.11, abs=0.005) and stored.note == "exact: 5.60"
    assert found.verdict == "reproduced under a filter"


def test_four_bit(finding):
    found = finding("C13")
    rows = {row[1]: row for row in found.tables[0].rows}
    assert (rows["text"][2], rows["text"][5]) == pytest.approx((1.061, 0.981), abs=6e-4)
    assert (rows["random"][2], rows["random"][5]) == pytest.approx((0.830, 0.834), abs=6e-4)
    # Over the distances that both have, as the audit's retest.
    assert (rows["text"][6], rows["random"][6]) == pytest.approx((-0.060, 0.009), abs=6e-4)
    assert found.verdict == "not testable from public data"


def test_cardy(finding):
    found = finding("C14")
    rows = found.tables[0].rows
    assert {round(row[4], 2) for row in rows} == {8.90} and {round(row[5], 2) for row in rows} == {6.24}
    # The files' own ΔH of the four models: −7.02, −6.22, −7.17, −6.84.
    assert found.value == pytest.approx(-(7.0223 + 6.2187 + 7.1668 + 6.8367) / 4, abs=1e-4)
    assert {fact.name: fact.value for fact in found.facts} == {
        "layers that stand as 0, pythia-70m": 2,
        "layers that stand as 0, pythia-1.4b": 8,
    }
    assert found.verdict == "not reproduced"


def test_soft_decay(finding):
    found = finding("C16")
    rows = found.tables[0].rows
    assert [row[3:7] for row in rows] == [
        pytest.approx((4.371, 3.229, 3.285, 2.993), abs=6e-4),
        pytest.approx((3.983, 3.455, 3.225, 3.879), abs=6e-4),
        pytest.approx((4.732, 4.789, 4.778, 4.795), abs=6e-4),
    ]
    # The audit gives −0.011 for the last: −0.0116, cut off.
    assert [row[7] for row in rows] == pytest.approx([0.0562, -0.2296, -0.0116], abs=6e-5)
    assert [row[7] / row[8] for row in rows] == pytest.approx([1.1, -4.4, -0.2], abs=0.05)
    assert [row[2] for row in rows] == ["hard", "soft", "soft"] and len({row[9] for row in rows}) == 3
    assert (found.value, found.verdict) == (3, "reproduced under a filter")


def test_lerch(finding):
    found = finding("C18")
    errors = {b.name: b.value for b in found.baselines}
    assert found.value == pytest.approx(0.575, abs=5e-4)
    assert errors["γ_Padé"] == pytest.approx(0.072, abs=5e-4)
    assert errors["Lerch sum over slow frequencies"] == pytest.approx(0.513, abs=5e-4)
    assert errors["mean of the five"] == pytest.approx(0.066, abs=5e-4)
    # Of a model not seen, the mean of the four others is 5/4 as far as the mean of the five.
    assert errors["mean of the other models"] == pytest.approx(1.25 * errors["mean of the five"], rel=1e-12)
    assert found.verdict == "not reproduced"


def test_tuning(finding):
    found = finding("C19")
    assert [row[3] for row in found.tables[0].rows] == pytest.approx([0.0145, -0.0824, -0.0065], abs=1e-4)
    retest = [abs(row[4]) for row in found.tables[1].rows]
    assert retest == pytest.approx([0.208, 0.042, 0.007, 0.186], abs=6e-4)
    assert "0.28 away" in found.reason and _facts(found)["bases θ that differ from the config"].value == 2
    assert found.verdict == "not reproduced"
