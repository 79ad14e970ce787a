"""Reals: the statements "for all real numbers …", decided by an SMT solver: the negation has no solution.

√2 enters as the positive number r with r² = 2. z3 is imported when a proof runs, not before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ropescope.theory.proofs.statement import Outcome, Statement

Claim = Callable[[Any], tuple[list[Any], Any]]
_TIMEOUT_MS = 20_000


def _for_all(claim: Claim) -> Callable[[], Outcome]:
    """The claim holds under its assumptions; a model of the negation is the counterexample."""

    def decide() -> Outcome:
        import z3

        assumptions, conclusion = claim(z3)
        solver = z3.Solver()
        solver.set("timeout", _TIMEOUT_MS)
        solver.add(*assumptions, z3.Not(conclusion))
        answer = solver.check()
        if answer == z3.unsat:
            return Outcome(True)
        if answer == z3.sat:
            model = solver.model()
            # A model may also hold z3's own meaning of a division by zero, which is no part of the answer.
            constants = [name for name in model.decls() if name.arity() == 0]
            numbers = sorted(f"{name} = {_number(z3, model[name])}" for name in constants)
            return Outcome(False, "at " + ", ".join(numbers))
        return Outcome(False)

    return decide


def _number(z3: Any, value: Any) -> str:
    if z3.is_algebraic_value(value):
        return str(value.approx(6).as_decimal(6)).rstrip("?")
    return str(value)


def _pade(z3: Any) -> tuple[Any, ...]:
    theta, length, root = z3.Reals("theta T r")
    assumptions = [theta > 0, length >= 0, root > 0, root * root == 2]
    return theta, length, root, assumptions, (2 * theta - length * root) / (2 * theta + length * root)


def _range(z3: Any) -> tuple[list[Any], Any]:
    _, _, _, assumptions, pade = _pade(z3)
    return assumptions, z3.And(pade > -1, pade <= 1)


def _sign(z3: Any) -> tuple[list[Any], Any]:
    theta, length, root, assumptions, pade = _pade(z3)
    return assumptions, z3.And((pade < 0) == (length > theta * root), (pade == 0) == (length == theta * root))


def _monotone_in_length(z3: Any) -> tuple[list[Any], Any]:
    theta, length, root, assumptions, pade = _pade(z3)
    longer = z3.Real("T2")
    other = (2 * theta - longer * root) / (2 * theta + longer * root)
    return [*assumptions, longer > length], other < pade


def _monotone_in_theta(z3: Any) -> tuple[list[Any], Any]:
    theta, length, root, assumptions, pade = _pade(z3)
    larger = z3.Real("theta2")
    other = (2 * larger - length * root) / (2 * larger + length * root)
    return [*assumptions, larger > theta, length > 0], other > pade


def _deviation_is_one(z3: Any) -> tuple[list[Any], Any]:
    theta, length, root, assumptions, pade = _pade(z3)
    gamma = z3.Real("gamma")
    index = theta * root * (1 - gamma) / ((1 + gamma) * length)
    return [*assumptions, length > 0, gamma > -1], (index == 1) == (gamma == pade)


def _second_form_positive(z3: Any) -> tuple[list[Any], Any]:
    z = z3.Real("z")
    first, second = (2 - z) / (2 + z), (12 - 6 * z + z * z) / (12 + 6 * z + z * z)
    return [z > 0], z3.And(second > 0, second < 1, second > first, 1 / (1 + z) > first)


def _am_gm(z3: Any) -> tuple[list[Any], Any]:
    gamma, root = z3.Reals("gamma r")
    x = 1 - gamma
    return [gamma < 1, root > 0, root * root == 2], z3.And(
        1 / x + 2 * x >= 2 * root, (1 / x + 2 * x == 2 * root) == (x == root / 2)
    )


def _gamma_chi_three(z3: Any) -> tuple[list[Any], Any]:
    gamma = z3.Real("gamma")
    x = 1 - gamma
    return [gamma != 1], (1 / x + 2 * x == 3) == z3.Or(gamma == 0, gamma == z3.Q(1, 2))


def _fisher(z3: Any) -> tuple[list[Any], Any]:
    gamma = z3.Real("gamma")
    x = 1 - gamma
    residual = 1 / x + 2 * x - (2 + x) / x
    return [gamma != 1], (residual == 0) == z3.Or(gamma == 0, gamma == z3.Q(3, 2))


def _fixed_points(z3: Any) -> tuple[list[Any], Any]:
    gamma = z3.Real("gamma")
    return [], (-(1 - gamma * gamma) / 2 == 0) == z3.Or(gamma == 1, gamma == -1)


def _low_efficiency_needs_a_large_base(z3: Any) -> tuple[list[Any], Any]:
    theta, length, _, assumptions, pade = _pade(z3)
    gamma = z3.Real("gamma")
    efficiency = (1 - pade) / (1 - gamma)
    # Below one hundredth with γ ≥ 0 forces 1 − γ_Padé < 1/100, that is θ > 140 T, whatever γ was measured.
    return [*assumptions, length > 0, gamma >= 0, gamma < 1, efficiency < z3.Q(1, 100)], theta > 140 * length


def _eta_never(z3: Any) -> tuple[list[Any], Any]:
    gamma = z3.Real("gamma")
    x, eta = 1 - gamma, 2 * gamma
    return [gamma > 0, gamma < 1], 2 * eta * eta + eta * (1 / x + 2 * x) + 1 != 0


def _eta_erratum(z3: Any) -> tuple[list[Any], Any]:
    gamma = z3.Real("gamma")
    x, eta = 1 - gamma, 2 * gamma
    return [gamma > 0, gamma < 1], 2 * eta * eta + eta * (1 / x + 2 * x) + 1 == 0


def _quarter_erratum(z3: Any) -> tuple[list[Any], Any]:
    length = z3.Real("L")
    mean, square = length / 2, length * length / 3
    return [length > 0], square - mean * mean == length * length / 4


def _larger_base_flattens(z3: Any) -> tuple[list[Any], Any]:
    theta, length, root, assumptions, pade = _pade(z3)
    larger = z3.Real("theta2")
    other = (2 * larger - length * root) / (2 * larger + length * root)
    return [*assumptions, larger > theta, length > 0], other < pade


STATEMENTS: tuple[Statement, ...] = tuple(
    Statement(name, words, "reals", _for_all(claim), expected)
    for name, words, claim, expected in (
        ("range", "−1 < γ_Padé ≤ 1 for all θ > 0, T ≥ 0", _range, True),
        ("sign", "γ_Padé < 0 exactly when T > θ√2, and 0 exactly at T = θ√2", _sign, True),
        ("falls with T", "γ_Padé falls when T grows", _monotone_in_length, True),
        (
            "rises with θ",
            "γ_Padé rises when θ grows: the formula says a larger base attends more locally",
            _monotone_in_theta,
            True,
        ),
        ("PDI = 1", "PDI = 1 exactly when γ = γ_Padé", _deviation_is_one, True),
        (
            "order of the forms",
            "for z > 0: 0 < Padé[2,2] < 1, and Padé[1,1] lies below Padé[2,2] and 1/(1+z)",
            _second_form_positive,
            True,
        ),
        ("AM–GM", "γ_χ ≥ 2√2 for all γ < 1, with equality only at γ = 1 − 1/√2", _am_gm, True),
        ("γ_χ = 3", "γ_χ = 3 only at γ = 0 and γ = ½", _gamma_chi_three, True),
        ("Fisher fails", "Fisher's relation holds only at γ = 0 and γ = 3/2", _fisher, True),
        ("fixed points", "β(γ) = 0 only at γ = ±1", _fixed_points, True),
        (
            "low η",
            "η < 0.01 with 0 ≤ γ < 1 implies θ > 140 T, whatever was measured",
            _low_efficiency_needs_a_large_base,
            True,
        ),
        ("η = 2γ never", "with η = 2γ, D-SAGE-1 fails at every γ in (0, 1)", _eta_never, True),
        ("erratum: η = 2γ", "with η = 2γ, D-SAGE-1 holds for all γ in (0, 1)", _eta_erratum, False),
        ("erratum: 1/4", "the variance L²/3 − (L/2)² is L²/4", _quarter_erratum, False),
        ("erratum: base and reach", "a larger base lowers γ_Padé", _larger_base_flattens, False),
    )
)
"""Every statement that z3 decides; the errata are expected to be refuted, with numbers."""
