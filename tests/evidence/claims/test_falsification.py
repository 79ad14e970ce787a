"""F1 to F23 against the figures of an audit that was made apart from this code, and against sums done another way."""

import numpy as np
import pytest

from ropescope.errors import MissingExtraError
from ropescope.evidence.claims import identities
from ropescope.evidence.verdicts.registry import all_claims, find_claim


def _facts(found):
    return {fact.name: fact for fact in found.facts}


def _rivals(found):
    return {baseline.name: baseline.value for baseline in found.baselines}


def test_every_entry_is_there():
    assert [id for id in all_claims() if id.startswith("F")] == [f"F{i}" for i in range(1, 24)]


def test_verdicts(finding):
    expected = {
        "reproduced": {12},
        "reproduced under a filter": {1, 4, 17},
        "not testable from public data": {3},
        "true by definition": {5, 8, 9, 13, 20, 22, 23},
    }
    for i in range(1, 24):
        verdict = next((v for v, entries in expected.items() if i in entries), "not reproduced")
        assert finding(f"F{i}").verdict == verdict, f"F{i}"


def test_phase_a(finding, shipped):
    found = finding("F1")
    assert found.n.startswith("34 ") and _facts(found)["median"].value == pytest.approx(10.3, abs=0.05)
    errors = sorted(100 * abs(m.gamma / m.pade() - 1) for m in shipped.panel() if m.gamma < 1)
    assert found.value == pytest.approx(sum(errors) / 34) and _facts(found)["best nine"].value < 5


def test_horizon(finding):
    rows = {row[0]: row[1:] for row in finding("F2").tables[0].rows}
    assert {name: round(row[1]) for name, row in rows.items()} == {
        "pythia-70m": 4078,
        "pythia-1b": 1011,
        "pythia-1.4b": 4894,
    }
    assert [row[2:] for row in rows.values()] == [(3072, 4096, True), (2048, 3072, False), (2048, 3072, False)]


def test_gates(finding):
    found = finding("F4")
    assert found.value == pytest.approx(68.91805252947589 / 5.110877085133483, rel=1e-12)
    assert _rivals(found)["the same in nats"] == pytest.approx(5.98, abs=0.005)


def test_entropies_are_those_of_a_plain_sum(finding, shipped):
    gamma = np.array([m.gamma for m in shipped.panel(rope=False)])
    p = np.arange(1, 2001.0)[None, :] ** -gamma[:, None]
    p /= p.sum(axis=1, keepdims=True)
    s = -(p * np.log(p)).sum(axis=1)
    found = finding("F5")
    assert found.value == pytest.approx(np.corrcoef(gamma, s)[0, 1], rel=1e-9)
    assert _facts(found)["largest S_γ over ln N"].value == pytest.approx(s.max() / np.log(2000), rel=1e-9)


def test_windows_and_pruning(finding):
    facts = _facts(finding("F6"))
    changes = [facts[f"ΔPPL of pythia-{size}"].value for size in ("14m", "70m", "1.4b", "2.8b", "2.8b, earlier run")]
    assert changes == pytest.approx([4.38, -1.13, -0.17, -0.34, -0.51], abs=0.005)
    found = finding("F7")
    x = [9.033203125, 5.419921875, 1.806640625, 12.890625, 11.171875, 9.453125, 7.734375]
    y = [1.562858929808126, 0.5753471452396219, 0.19007417113275515]
    y += [2.5815848930953536, 1.7969476255722459, 1.389912477106595, 0.9207049626408796]
    assert found.value == pytest.approx(np.linalg.lstsq(np.array(x)[:, None], y, rcond=None)[0][0], rel=1e-9)
    facts = _facts(found)
    assert facts["price where least is pruned"].value == pytest.approx(y[2] / x[2], rel=1e-9)
    assert facts["price where most is pruned, pythia-2.8b"].value == pytest.approx(y[3] / x[3], rel=1e-9)
    assert finding("F16").value == pytest.approx(1.389912477106595, rel=1e-9)


def test_pade_orders(finding):
    # At θ = 10,000 and T = 2,000, from a table of both forms worked out to twelve digits.
    assert finding("F8").value == pytest.approx(0.753640220234 - 0.7522013138014092, abs=1e-12)


def test_signs_of_the_difference(finding):
    found = finding("F10")
    assert found.n == "20 models, 9 of them with Δγ < −0.1" and found.value == pytest.approx(100 * 4 / 9)
    rows = {row[0]: row[4] for row in found.tables[0].rows}
    assert rows["Meta-Llama-3-8B"] == pytest.approx(-0.286, abs=1e-3)
    assert rows["Qwen2.5-3B"] == pytest.approx(0.192, abs=1e-3)
    found = finding("F11")
    assert found.value == pytest.approx(100 / 7)
    assert _facts(found)["Δγ of Gemma-2-9B"].value == pytest.approx(0.507, abs=5e-4)
    assert _facts(found)["with Δγ > 0.3 by the median of the seeds"].value == 3


def test_mamba(finding):
    assert finding("F12").tables[0].rows[-2:] == ((90.0, 45, 45), (99.0, 45, 45))


def test_response_at_one(finding):
    found = finding("F13")
    assert found.value == pytest.approx(5.48411758372315, rel=1e-12)
    facts = _facts(found)
    assert facts["γ at which the heat capacity peaks, N = 2,000"].value == pytest.approx(1.255)
    assert facts["γ at which the heat capacity peaks, N = 100,000"].value == pytest.approx(1.125)


def test_tuning(finding):
    found = finding("F14")
    assert found.value == pytest.approx(0.0824, abs=1e-4)
    assert _rivals(found)["base model measured again, largest"] == pytest.approx(0.275, abs=5e-4)


def test_boundary(finding):
    found = finding("F15")
    assert _facts(found)["formula against published R_c, largest relative difference"].value < 1e-12
    rows = {row[0]: row[1] for row in found.tables[0].rows}
    # The ends of the overlap that the author published.
    assert rows["Meta-Llama-3-8B"] == pytest.approx(0.92, abs=0.005)
    assert rows["Qwen2.5-1.5B"] == pytest.approx(3.08, abs=0.005)


def test_soft_decay(finding):
    found = finding("F17")
    assert (found.value, found.published) == (1, 2)
    assert [fact.value for fact in found.facts] == pytest.approx([0.056, -0.230, -0.0116], abs=5e-4)
    assert "in pythia-2.8b by 0.2 standard errors, where no cut is best." in found.reason


def test_amplitude(finding):
    found = finding("F18")
    assert found.n.startswith("39 ") and found.value == pytest.approx(0.23, abs=0.005)


def test_variance(finding):
    found = finding("F19")
    assert found.value == pytest.approx(100 * 0.091**2, abs=0.02)
    assert _facts(found)["R² of γ_Padé as it is"].value == pytest.approx(-0.130, abs=5e-4)


def test_trajectory(finding):
    found = finding("F21")
    assert found.value == pytest.approx(0.15, abs=0.005)
    assert _rivals(found)["Pythia-1B, d ≤ 1,000"] == pytest.approx(0.669, abs=5e-4)


@pytest.mark.parametrize("id", ["F8", "F20", "F22", "F23"])
def test_the_machine_agrees(id, finding):
    pytest.importorskip("sympy")
    said = {fact.name: fact.value for fact in finding(id).facts if fact.name.startswith("by machine")}
    assert said
    for name, outcome in said.items():
        assert outcome.startswith("refuted" if "erratum" in name else "proved"), name


def test_without_a_solver_the_identities_are_still_tried(shipped, monkeypatch):
    def missing(statement):
        raise MissingExtraError("no sympy")

    monkeypatch.setattr(identities, "settle", missing)
    found = find_claim("F23").function(shipped)
    assert found.verdict == "true by definition" and 0 < found.value < 1e-9
    assert _facts(found)["by machine: circularity"].value == "not run"


def test_a_formula_that_is_no_inverse_is_found_out(shipped, monkeypatch):
    monkeypatch.setattr(identities, "theta_design", lambda gamma, length: 1.001 * length / (1 - gamma))
    assert find_claim("F23").function(shipped).verdict == "not reproduced"
