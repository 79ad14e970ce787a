"""The family of predicted exponents and the sentence that goes with it."""

import json

import pytest

from ropescope.checks.theory.predict import Basics, inputs_of, predict_report
from ropescope.errors import DomainError
from ropescope.models import from_config
from ropescope.report.report import Report


def test_family_with_standings_and_the_careful_sentence():
    report = predict_report(Basics("Pythia-1B", 1e4, 2000, 256, length_basis="assumed", length_source="given"))
    gammas = {row[0]: row[2] for row in report.tables[0].rows}
    assert gammas["gamma_pade"] == pytest.approx(0.7522013138014092)
    assert gammas["amplitude_exponent"] == pytest.approx(0.5844, abs=5e-5)
    assert {row[3] for row in report.tables[0].rows} == {"contradicted", "open"}
    for text in (report.verdict, report.data["note"]):
        assert "r = 0.09, p = 0.55" in text and "none of the variance" in text
    facts = {fact.name: fact for fact in report.facts}
    assert (facts["length"].basis, facts["length"].source) == ("assumed", "given")
    assert facts["exponent of uniform attention under the published protocol"].value == pytest.approx(0.78258, abs=1e-5)
    data = json.loads(json.dumps(report.to_dict()))
    assert Report.from_dict(data).to_dict() == data


def test_without_a_head_dimension_there_is_no_amplitude_exponent():
    report = predict_report(Basics("x", 1e4, 2000))
    assert "amplitude_exponent" not in report.data["gamma"]


def test_a_scaled_model_says_that_scaling_is_invisible_here():
    report = predict_report(Basics("Llama-3.1-8B", 5e5, 131072, 128, scaling_rule="llama3"))
    assert any("llama3" in caveat for caveat in report.caveats)


@pytest.mark.parametrize(("theta", "length", "named"), [(0, 2000, "theta"), (1e4, -1, "length")])
def test_a_bad_config_is_named(theta, length, named):
    with pytest.raises(DomainError, match=f"^{named} = "):
        predict_report(Basics("x", theta, length))


@pytest.mark.parametrize("length", [0, 1, 100, 10**7])
def test_any_length_gives_a_picture(length):
    for layer in predict_report(Basics("x", 1e4, length)).figures[0].spec["layer"][:1]:
        assert all(row["T"] > 0 for row in layer["data"]["values"]) or length == 0


LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_size": 256,
    "max_position_embeddings": 4096,
    "rope_theta": 500000.0,
    "vocab_size": 100,
}


def test_a_models_files_are_read():
    inputs = inputs_of(from_config(LLAMA, name="x"))
    assert (inputs.theta, inputs.length, inputs.head_dim) == (500000.0, 4096.0, 64)
    assert (inputs.theta_basis, inputs.length_source) == ("config", "max_position_embeddings")
    asked = inputs_of(from_config(LLAMA, name="x"), 1000)
    assert (asked.length, asked.length_basis, asked.length_source) == (1000.0, "assumed", "given")


def test_an_absent_base_is_called_assumed():
    config = {name: value for name, value in LLAMA.items() if name != "rope_theta"}
    assert inputs_of(from_config(config, name="x")).theta_basis == "assumed"


def test_several_bases_are_named():
    config = {
        "model_type": "gemma3_text",
        "num_hidden_layers": 6,
        "num_attention_heads": 4,
        "num_key_value_heads": 1,
        "hidden_size": 64,
        "head_dim": 16,
        "sliding_window": 512,
        "max_position_embeddings": 32768,
        "rope_theta": 1e6,
        "rope_local_base_freq": 1e4,
        "vocab_size": 100,
        "layer_types": ["sliding_attention"] * 5 + ["full_attention"],
    }
    inputs = inputs_of(from_config(config, name="x"))
    assert inputs.theta == 1e6 and inputs.other_thetas == (1e4,) and "full" in inputs.theta_source
    assert any("another base (θ = 10000)" in caveat for caveat in predict_report(inputs).caveats)


def test_models_without_rope_or_context_are_refused():
    bloom = {"model_type": "bloom", "n_layer": 2, "n_head": 4, "hidden_size": 64, "vocab_size": 100}
    with pytest.raises(DomainError, match="no rotary positions"):
        inputs_of(from_config(bloom, name="x"))
