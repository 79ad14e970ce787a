"""The table and the cards."""

import json

import pytest

from ropescope.checks.theory.compute import compute_report
from ropescope.checks.theory.formulas import example_words, find_formula, formula_report, formulas_report
from ropescope.errors import DomainError
from ropescope.report.report import Report
from ropescope.theory import FORMULAS, grouped


def test_the_table_has_every_formula_once():
    report = formulas_report()
    assert sorted(row[0] for row in report.tables[0].rows) == sorted(FORMULAS)
    assert sum(len(members) for members in grouped().values()) == len(FORMULAS)


@pytest.mark.parametrize("name", [name for name in FORMULAS if name != "base_lower_bound"])
def test_a_card_travels_as_json_and_its_example_can_be_typed(name):
    report = formula_report(name)
    data = json.loads(json.dumps(report.to_dict()))
    assert Report.from_dict(data).to_dict() == data
    computed = compute_report(name, example_words(FORMULAS[name]))
    assert json.dumps(computed.data["result"]) == json.dumps(report.data["example_result"])


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("gama_pade", "gamma_pade"),
        ("entropi", "entropy"),
        ("window", "compression_window"),
        ("GAMMA-PADE2", "gamma_pade"),
    ],
)
def test_a_wrong_name_suggests_the_nearest(wrong, hint):
    with pytest.raises(DomainError, match=rf"No formula is called .*{hint}"):
        find_formula(wrong)


def test_names_may_be_written_with_dashes():
    assert find_formula("Gamma-Pade").name == "gamma_pade"
