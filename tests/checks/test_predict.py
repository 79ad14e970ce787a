"""The family of predicted exponents and the sentence that goes with it."""

import json

import pytest

from ropescope.checks.predict import PredictInputs, predict_report
from ropescope.errors import DomainError
from ropescope.report.report import Report


def test_family_with_standings_and_the_careful_sentence():
    report = predict_report(
        PredictInputs("Pythia-1B", 1e4, 2000, 256, length_basis="assumed", length_source="--length")
    )
    gammas = {row[0]: row[2] for row in report.tables[0].rows}
    assert gammas["gamma_pade"] == pytest.approx(0.7522013138014092)
    assert gammas["amplitude_exponent"] == pytest.approx(0.5844, abs=5e-5)
    assert {row[3] for row in report.tables[0].rows} == {"contradicted", "open"}
    for text in (report.verdict, report.caveats[0]):
        assert "r = 0.09, p = 0.55" in text and "none of the variance" in text
    facts = {fact.name: fact for fact in report.facts}
    assert (facts["length"].basis, facts["length"].source) == ("assumed", "--length")
    assert facts["exponent of uniform attention under the published protocol"].value == pytest.approx(0.78258, abs=1e-5)
    data = json.loads(json.dumps(report.to_dict()))
    assert Report.from_dict(data).to_dict() == data


def test_without_a_head_dimension_there_is_no_amplitude_exponent():
    report = predict_report(PredictInputs("x", 1e4, 2000))
    assert "amplitude_exponent" not in report.data["gamma"]


def test_a_scaled_model_says_that_scaling_is_invisible_here():
    report = predict_report(PredictInputs("Llama-3.1-8B", 5e5, 131072, 128, scaling_rule="llama3"))
    assert any("llama3" in caveat for caveat in report.caveats)


def test_without_rotary_positions_there_is_nothing_to_predict():
    with pytest.raises(DomainError, match="'alibi' positions"):
        predict_report(PredictInputs("BLOOM", 1e4, 2000, position_encoding="alibi"))


@pytest.mark.parametrize(("theta", "length", "named"), [(0, 2000, "theta"), (1e4, -1, "length")])
def test_a_bad_config_is_named(theta, length, named):
    with pytest.raises(DomainError, match=f"^{named} = "):
        predict_report(PredictInputs("x", theta, length))


@pytest.mark.parametrize("length", [0, 1, 100, 10**7])
def test_any_length_gives_a_picture(length):
    for layer in predict_report(PredictInputs("x", 1e4, length)).figures[0].spec["layer"][:1]:
        assert all(row["T"] > 0 for row in layer["data"]["values"]) or length == 0
