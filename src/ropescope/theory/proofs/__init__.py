"""Proofs by machine: every identity, inequality and erratum of the series, decided by sympy or z3.

An identity that is proved is an identity: it holds for every θ, T and γ, and so it says nothing about any model.
The two solvers are the optional extra `proofs`, imported only when a proof runs.
"""

from __future__ import annotations

from collections.abc import Iterator

from ropescope.theory.proofs import decay_algebra, reals, statistics_algebra
from ropescope.theory.proofs.statement import METHODS, Outcome, Statement, Verdict, settle

STATEMENTS: tuple[Statement, ...] = (
    *decay_algebra.STATEMENTS,
    *statistics_algebra.STATEMENTS,
    *reals.STATEMENTS,
)
"""All statements, in the order in which they are shown."""


def prove_all() -> Iterator[Verdict]:
    """Decide the statements one by one. Raises `MissingExtraError` when a solver is not installed."""
    for statement in STATEMENTS:
        yield settle(statement)


__all__ = ["METHODS", "STATEMENTS", "Outcome", "Statement", "Verdict", "prove_all", "settle"]
