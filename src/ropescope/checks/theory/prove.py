"""Prove: every identity, inequality and erratum of the theory, decided by machine while you wait."""

from __future__ import annotations

from dataclasses import dataclass

from ropescope.questions.question import Run
from ropescope.report.report import Column, Fact, Report, Table
from ropescope.theory.proofs import METHODS, prove_all


@dataclass(frozen=True, kw_only=True)
class ProveInputs:
    """Nothing: every statement is proved."""


def answer(inputs: ProveInputs, run: Run) -> Report:
    """Every identity of the theory, decided by machine."""
    return prove_report()


def prove_report() -> Report:
    """A line a statement: what it says, the method, the outcome and the seconds.

    Raises `MissingExtraError` when sympy or z3 is not installed.
    """
    verdicts = tuple(prove_all())
    n_proved = sum(v.outcome.proved for v in verdicts)
    n_refuted = sum(not v.outcome.proved and bool(v.outcome.counterexample) for v in verdicts)
    surprises = [v.statement.name for v in verdicts if not v.as_expected]
    verdict = f"{n_proved} statements proved, {n_refuted} published errors refuted with a counterexample."
    if surprises:
        verdict = f"Not as stated: {', '.join(surprises)}. {verdict}"
    rows = tuple(
        (
            v.statement.name,
            v.statement.words,
            v.statement.method,
            "proved" if v.outcome.proved else "refuted" if v.outcome.counterexample else "undecided",
            v.outcome.counterexample,
            v.seconds,
        )
        for v in verdicts
    )
    return Report(
        title="Proofs",
        verdict=verdict,
        facts=(
            Fact("proved", n_proved, "statements", basis="measured", source="sympy and z3, in this run"),
            Fact("refuted", n_refuted, "statements", basis="measured", source="sympy and z3, in this run"),
            Fact("time", sum(v.seconds for v in verdicts), "s", basis="measured", source="this run"),
        ),
        tables=(
            Table(
                "Statements",
                (
                    Column("name"),
                    Column("statement"),
                    Column("method"),
                    Column("outcome"),
                    Column("counterexample"),
                    Column("seconds", "s", ".2f"),
                ),
                rows,
            ),
            Table("Methods", (Column("method"), Column("how")), tuple(METHODS.items())),
        ),
        caveats=(
            "A proved identity holds for every θ, T and γ, so it says nothing about a model: it checks algebra only.",
        ),
        data={
            "as_expected": not surprises,
            "statements": [
                {
                    "name": v.statement.name,
                    "statement": v.statement.words,
                    "method": v.statement.method,
                    "expected": "proved" if v.statement.expected else "refuted",
                    "proved": v.outcome.proved,
                    "counterexample": v.outcome.counterexample,
                    "seconds": round(v.seconds, 4),
                }
                for v in verdicts
            ],
        },
    )
