"""Statement: a claim in words, how a machine decides it, and what came out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ropescope.errors import MissingExtraError

Method = Literal["algebra", "reals"]
METHODS = {
    "algebra": "sympy: the difference of the two sides simplifies to zero",
    "reals": "z3: no real numbers satisfy the negation",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether the statement was proved, and for a refuted one the numbers that break it."""

    proved: bool
    counterexample: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """A claim and the function that decides it. `expected` is False for the errata, which must be refuted."""

    name: str
    words: str
    method: Method
    decide: Callable[[], Outcome]
    expected: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """A statement with its outcome and the seconds it took."""

    statement: Statement
    outcome: Outcome
    seconds: float

    @property
    def as_expected(self) -> bool:
        """A true statement proved, or a false one refuted with a counterexample."""
        if self.statement.expected:
            return self.outcome.proved
        return not self.outcome.proved and bool(self.outcome.counterexample)


def settle(statement: Statement) -> Verdict:
    """Decide one statement. Raises `MissingExtraError` when sympy or z3 is not installed."""
    start = time.perf_counter()
    try:
        outcome = statement.decide()
    except ImportError as error:
        raise MissingExtraError(
            f"The proofs need sympy and z3, and {error.name} is not installed: pip install 'ropescope[proofs]'."
        ) from error
    return Verdict(statement, outcome, time.perf_counter() - start)
