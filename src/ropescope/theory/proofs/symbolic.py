"""Symbolic: two expressions are equal when their difference simplifies to zero. sympy is imported when a proof runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ropescope.theory.proofs.statement import Outcome

Sides = Callable[[Any], list[tuple[Any, Any]]]


def equal(sides: Sides) -> Callable[[], Outcome]:
    """Every pair of expressions is equal; if one is not, the numbers at which it fails are the counterexample."""

    def decide() -> Outcome:
        import sympy

        for left, right in sides(sympy):
            difference = sympy.sympify(left - right)
            # One fraction whose numerator is zero is proof enough; to simplify takes far longer.
            if sympy.expand(sympy.numer(sympy.together(difference))) == 0:
                continue
            difference = sympy.simplify(difference)
            if difference != 0:
                return Outcome(False, _counterexample(sympy, difference))
        return Outcome(True)

    return decide


def _counterexample(sympy: Any, difference: Any) -> str:
    symbols = sorted(difference.free_symbols, key=str)
    point = {symbol: sympy.Rational(k + 2, k + 4) for k, symbol in enumerate(symbols)}
    value = sympy.N(difference.subs(point), 6)
    at = ", ".join(f"{symbol} = {number}" for symbol, number in point.items())
    return f"at {at or 'any value'} the sides differ by {value}"
