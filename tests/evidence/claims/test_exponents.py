"""C11, C12, C15, C20 to C23 against the figures of an audit that was made apart from this code."""

import pytest


def _facts(found):
    return {fact.name: fact for fact in found.facts}


def test_imprint(finding):
    found = finding("C11")
    assert found.value == pytest.approx(-0.148, abs=5e-4)
    slopes = {row[0]: (row[2], row[5]) for row in found.tables[0].rows}
    expected = {
        "all": (-0.148, 0.017),
        "Pythia": (-0.31, 0.01),
        "all but Pythia-14M": (-0.161, 0.026),
        "all but Pythia-31M": (-0.084, 0.13),
    }
    for name, (slope, p) in expected.items():
        assert slopes[name] == (pytest.approx(slope, abs=0.005), pytest.approx(p, abs=0.003)), name
    facts = _facts(found)
    assert facts["the slope by bootstrap over models"].interval == pytest.approx((-0.28, 0.03), abs=0.02)
    assert facts["R² of the law as published, nothing fitted"].value == pytest.approx(-1.75, abs=0.005)
    assert found.verdict == "reproduced under a filter"


def test_imprint_of_other_families(finding):
    found = finding("C11")
    # The audit's +0.02 (p = 0.83) is the slope of γ itself; of γ − γ_Padé, which all its other slopes are of, it is +0.12.
    assert _facts(found)["slope of γ itself, other families"].value == pytest.approx(0.02, abs=0.005)
    assert "p = 0.83" in _facts(found)["slope of γ itself, other families"].note
    other = next(row for row in found.tables[0].rows if row[0] == "other families")
    assert other[2] == pytest.approx(0.117, abs=5e-4) and other[5] == pytest.approx(0.177, abs=5e-4)


def test_induction_probe(finding):
    found = finding("C12")
    assert (found.value, found.baselines[0].value, found.verdict) == (16, 17, "not reproduced")
    facts = _facts(found)
    below, above = facts["mean difference below 400 M"], facts["mean difference from 400 M on"]
    assert (below.value, above.value) == pytest.approx((-0.230, 0.008), abs=5e-4)
    assert (below.note, above.note) == ("± 0.256", "± 0.263")
    assert facts["p of the difference, Welch's t test"].value == pytest.approx(0.084, abs=5e-4)
    assert facts["p of the difference, Mann–Whitney test"].value == pytest.approx(0.10, abs=0.005)
    assert sum(row[3] for row in found.tables[0].rows) == 16


def test_two_modes(finding):
    found = finding("C15")
    rows = {row[0]: (row[1], row[3]) for row in found.tables[0].rows}
    expected = {
        "text": (28, 0.37),
        "text, RoPE only": (23, 0.46),
        "text and random": (56, 0.84),
        "text, median of seeds": (28, 0.99),
        "the author's list": (25, 0.086),
    }
    assert rows.keys() == expected.keys()
    for name, (n, p) in expected.items():
        assert rows[name] == (n, pytest.approx(p, abs=0.03)), name
    assert _facts(found)["exponents in the gap"].value == 3 and found.verdict == "not reproduced"


def test_zipf(finding):
    found = finding("C20")
    facts = _facts(found)
    assert (found.value, facts["p"].value) == pytest.approx((-0.51, 0.25), abs=0.005)
    assert facts["correlation without Llama-2-7b"].value == pytest.approx(0.54, abs=0.005)
    assert len({row[1] for row in found.tables[0].rows}) == 5 and found.verdict == "not reproduced"


def test_compute_invariant(finding):
    found = finding("C21")
    assert (found.value, found.baselines[0].value) == pytest.approx((0.280, 0.273), abs=5.1e-4)
    facts = _facts(found)
    assert facts["mean of K"].value == pytest.approx(54.1, abs=0.05) and "15.2" in facts["mean of K"].note
    assert facts["correlation of K and γ"].value == pytest.approx(0.94, abs=0.005)
    assert found.verdict == "not reproduced"


def test_famous_constants(finding):
    found = finding("C22")
    assert (found.value, found.verdict) == (5, "not reproduced")
    assert _facts(found)["share of the observed range covered"].value == pytest.approx(17.8, abs=0.05)
    assert found.baselines[0].value == pytest.approx(4.1, abs=0.05)


def test_kv_heads(finding):
    found = finding("C23")
    assert found.value == pytest.approx(-0.0046, abs=5e-5) and "p = 0.25" in found.interval_by
    assert _facts(found)["R² of the law as published"].value == pytest.approx(-0.61, abs=0.005)
    assert _facts(found)["R² of γ_Padé alone"].value == pytest.approx(0.022, abs=5e-4)
    assert found.verdict == "not reproduced"
