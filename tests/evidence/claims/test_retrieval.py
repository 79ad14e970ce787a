"""C8, C8b and C17 against the figures of an audit that was made apart from this code."""

import pytest


def _facts(found):
    return {fact.name: fact for fact in found.facts}


def test_scaling(finding):
    found = finding("C8")
    assert (found.value, found.verdict) == (2, "not reproduced")
    assert [b.value for b in found.baselines] == [2, 0]
    counts = {row[:2]: row[2:] for row in found.tables[0].rows}
    assert counts["pythia-70m", 1.0] == (44, 46, 46, 44, 5) and counts["pythia-70m", 4.0] == (44, 45, 45, 44, 43)
    assert counts["pythia-1b", 16.0] == (50, 50, 46, 45, 44) and counts["pythia-1.4b", 1.0] == (50, 50, 50, 8, 6)
    facts = _facts(found)
    asked = [facts[f"α_opt, pythia-{size}"] for size in ("70m", "1b", "1.4b")]
    assert [fact.value for fact in asked] == pytest.approx([2.01, 8.11, 1.67], abs=0.006)
    # The audit says that no α of the formula was run; that of Pythia-1B, 8.1, is within 1.3 % of the 8 that was.
    assert [fact.note.endswith("not run") for fact in asked] == [True, False, True]
    assert facts["α_opt at γ = 0.85"].value == pytest.approx(3.57, abs=0.005)
    assert facts["NTK-aware α"].value == "2.05 to 2.21"
    assert facts["needles written out, any α and length"].value == 0


def test_scaling_against_none(finding):
    found = finding("C8")
    rows = {row[0]: row[1:] for row in found.tables[1].rows}
    assert [f"{rows[f'pythia-{size}'][0]:.0e}" for size in ("70m", "1b", "1.4b")] == ["5e-15", "4e-20", "6e-22"]
    assert all(row[1] >= 0.55 for row in rows.values())
    perplexity = {row[0]: row[1:] for row in found.tables[2].rows}
    assert perplexity[1.0] == pytest.approx((11.9, 12.7, 621, 1424), rel=0.005)
    assert perplexity[64.0] == pytest.approx((80, 144, 173, 220), rel=0.005)
    assert "rises by 15 to 16 %" in found.reason


def test_collapse(finding):
    found = finding("C8b")
    assert (found.value, found.published, found.verdict) == (5, 6, "reproduced under a filter")
    assert found.baselines[0].value == 0
    assert [round(50 * row[2]) for row in found.tables[0].rows] == [44, 5, 8, 8, 8, 6]
    # P(X ≥ 8) of a binomial with 50 trials of 1/10, by the sum of its terms: 0.1221.
    assert found.tables[0].rows[2][6] == pytest.approx(0.1221, abs=5e-5)


def test_horizon(finding):
    found = finding("C17")
    assert (found.value, found.verdict) == (1, "not reproduced")
    assert {b.name: b.value for b in found.baselines}["1.5 times the trained length"] == 2
    assert [round(row[2]) for row in found.tables[0].rows] == [4078, 1011, 4894]
    assert [row[3:] for row in found.tables[0].rows] == [(3072, 4096), (2048, 3072), (2048, 3072)]
    assert _facts(found)["d_h at γ_Padé(θ, 2,048)"].value == 2048
