"""The proofs as a report."""

import pytest

pytest.importorskip("sympy")
pytest.importorskip("z3")

from ropescope.checks.theory.prove import prove_report
from ropescope.theory.proofs import STATEMENTS


def test_every_statement_has_a_line_with_its_outcome():
    report = prove_report()
    assert report.data["as_expected"]
    outcomes = {row[0]: row[3:5] for row in report.tables[0].rows}
    assert len(outcomes) == len(STATEMENTS)
    assert outcomes["erratum: η = 2γ"][0] == "refuted" and outcomes["erratum: η = 2γ"][1].startswith("at gamma = ")
    assert outcomes["D-SAGE"] == ("proved", "")
    assert "says nothing about a model" in report.caveats[0]
