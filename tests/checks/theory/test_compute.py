"""Computing from words: every argument as its domain wants it, and every mistake named."""

import pytest

from ropescope.checks.theory.compute import compute_report
from ropescope.errors import DomainError


def test_values():
    assert compute_report("gamma_pade", ["theta=1e4", "length=2000"]).data["result"] == pytest.approx(
        0.7522013138014092
    )
    assert compute_report("compression_window", ["gamma=0.75", "n_tokens=128k"]).data["result"] == 87738
    null = compute_report("uniform_null_exponent", ["distances=30,50,100,200,500,1000,2000", "offset=50"])
    assert null.data["result"]["gamma"] == pytest.approx(0.782582299210013)
    six = ["theta=1e4", "length=2k", "grouped-query=no", "sliding_window=false", "parameters=1B", "corpus=random"]
    assert compute_report("decompose_six_axis", six).data["result"]["imprint"] < 0
    assert len(compute_report("inverse_frequencies", ["theta=1e4", "head_dim=64"]).tables[0].rows) == 32


def test_a_number_stands_beside_its_standing():
    report = compute_report("horizon", ["theta=1e4", "gamma=0.7476"])
    assert report.facts[0].value == pytest.approx(2042.5011624111305)
    assert report.facts[0].unit == "tokens" and report.facts[0].basis == "formula"
    assert "identity" in report.verdict and "identity" in report.caveats[0]
    given = {fact.name: (fact.value, fact.source) for fact in report.facts[1:]}
    assert given == {"theta": (10_000, "given"), "gamma": (0.7476, "given")}


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("gama_pade", [], "Did you mean gamma_pade"),
        ("gamma_pade", ["theta=1e4"], "gamma_pade needs length"),
        ("gamma_pade", [], "needs theta, length"),
        ("gamma_pade", ["theta=1e4", "lenght=2000"], "no argument 'lenght'. Did you mean length"),
        ("gamma_pade", ["theta=1e4", "length=1", "zebra=2"], "no argument 'zebra'. It takes theta, length"),
        ("gamma_pade", ["theta=1e4", "theta=2", "length=1"], "theta is given twice"),
        ("gamma_pade", ["theta", "length=1"], "not of the form argument=value"),
        ("gamma_pade", ["theta=ten", "length=1"], "`theta` = 'ten' is not a number"),
        ("gamma_pade", ["theta=-1", "length=1"], "theta = -1.* is outside the domain"),
        ("compression_window", ["gamma=1", "n_tokens=10", "fraction=90"], "fraction = 90.* outside the domain"),
        ("decompose_five_axis", ["theta=1e4", "length=1", "grouped_query=maybe"], "grouped_query = 'maybe'"),
        ("inverse_frequencies", ["theta=1e4", "head_dim=64", "rule=yaarn"], "rule = 'yaarn'"),
    ],
)
def test_a_mistake_is_named(name, arguments, message):
    with pytest.raises(DomainError, match=message):
        compute_report(name, arguments)
