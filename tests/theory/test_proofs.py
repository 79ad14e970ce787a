"""Every statement comes out as it should: identities proved, errata refuted with numbers."""

import subprocess
import sys

import pytest

pytest.importorskip("sympy")
pytest.importorskip("z3")

from ropescope.errors import MissingExtraError
from ropescope.theory.proofs import STATEMENTS, Outcome, Statement, settle


@pytest.mark.parametrize("statement", STATEMENTS, ids=[s.name for s in STATEMENTS])
def test_statement(statement):
    verdict = settle(statement)
    assert verdict.as_expected, verdict
    assert verdict.outcome.proved is statement.expected


def test_the_false_eta_is_refuted_with_a_gamma_between_zero_and_one():
    erratum = next(s for s in STATEMENTS if s.name == "erratum: η = 2γ")
    outcome = settle(erratum).outcome
    gamma = eval(outcome.counterexample.removeprefix("at gamma = "))
    assert 0 < gamma < 1
    assert 2 * (2 * gamma) ** 2 + 2 * gamma * (1 / (1 - gamma) + 2 * (1 - gamma)) + 1 != 0


def test_a_missing_solver_says_how_to_get_it():
    def decide() -> Outcome:
        raise ModuleNotFoundError("No module named 'z3'", name="z3")

    with pytest.raises(MissingExtraError, match=r"ropescope\[proofs\]"):
        settle(Statement("x", "x", "reals", decide))


def test_the_solvers_are_not_imported_with_the_statements():
    code = "import sys, ropescope.theory.proofs; print({'sympy', 'z3'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
