"""Algebra of γ_Padé and of what is built on its inverse: horizon, design, deviation, and the Cardy gap."""

from __future__ import annotations

from typing import Any

from ropescope.theory.proofs.statement import Statement
from ropescope.theory.proofs.symbolic import equal


def _basis(sympy: Any) -> tuple[Any, ...]:
    theta, length, gamma = sympy.symbols("theta T gamma", positive=True)
    root = sympy.sqrt(2)
    return theta, length, gamma, root, (2 * theta - length * root) / (2 * theta + length * root)


def _pade_forms(sympy: Any) -> list[tuple[Any, Any]]:
    theta, length, _, root, pade = _basis(sympy)
    u = length / (theta * root)
    z = length * root / theta
    hyperbolic = sympy.tanh(sympy.log(theta * root / length) / 2).rewrite(sympy.exp)
    return [
        (pade, (1 - u) / (1 + u)),
        (pade, (2 - z) / (2 + z)),
        (1 - pade, 2 * u / (1 + u)),
        (u, (1 - pade) / (1 + pade)),
        (pade, hyperbolic),
        ((1 - pade) / 2, 1 / (1 + theta * root / length)),
    ]


def _any_constant(sympy: Any) -> list[tuple[Any, Any]]:
    theta, length, s = sympy.symbols("theta T s", positive=True)
    u = s * length / (2 * theta)
    return [((2 * theta - length * s) / (2 * theta + length * s), (1 - u) / (1 + u))]


def _pade_flow(sympy: Any) -> list[tuple[Any, Any]]:
    theta, length, _, _, pade = _basis(sympy)
    return [
        (length * sympy.diff(pade, length), -(1 - pade**2) / 2),
        (theta * sympy.diff(pade, theta), (1 - pade**2) / 2),
    ]


def _pade_symmetry(sympy: Any) -> list[tuple[Any, Any]]:
    theta, length, _, _, pade = _basis(sympy)
    s = sympy.symbols("s", positive=True)
    return [
        (pade.subs({theta: s * theta, length: s * length}, simultaneous=True), pade),
        (pade.subs(length, 2 * theta**2 / length), -pade),
    ]


def _inverses(sympy: Any) -> list[tuple[Any, Any]]:
    theta, length, _, root, pade = _basis(sympy)
    s = sympy.symbols("s", positive=True)
    design = length / root * (1 + pade) / (1 - pade)
    return [
        (theta * root * (1 - pade) / (1 + pade), length),
        (design, theta),
        (s * design / theta, s),
        (length * root / (1 - pade), theta + length / root),
    ]


def _horizon_family(sympy: Any) -> list[tuple[Any, Any]]:
    theta, length, gamma, root, pade = _basis(sympy)
    u_observed, u_pade = (1 - gamma) / (1 + gamma), (1 - pade) / (1 + pade)
    horizon = theta * root * (1 - gamma) / (1 + gamma)
    observed, predicted = length * root / (1 - gamma), theta + length / root
    return [(horizon / length, u_observed / u_pade), (observed / predicted, (1 - pade) / (1 - gamma))]


def _cardy(sympy: Any) -> list[tuple[Any, Any]]:
    theta, length, gamma, root, _ = _basis(sympy)
    deviation = theta * root * (1 - gamma) / ((1 + gamma) * length)
    # Compared through their exponentials, so that no branch of a logarithm has to be chosen.
    artanh = sympy.log((1 + gamma) / (1 - gamma))
    seven = sympy.log(length / theta / root) + artanh
    eight = sympy.log(length * root / theta / 2) + artanh
    mixed = sympy.log(length / theta / 2) + artanh
    return [
        (sympy.exp(seven), 1 / deviation),
        (sympy.exp(eight), 1 / deviation),
        (sympy.exp(mixed) / sympy.exp(eight), 1 / sympy.sqrt(2)),
        (sympy.diff(eight, gamma), 2 / (1 - gamma**2)),
    ]


def _pade_orders(sympy: Any) -> list[tuple[Any, Any]]:
    z = sympy.symbols("z", positive=True)
    first, second = (2 - z) / (2 + z), (12 - 6 * z + z**2) / (12 + 6 * z + z**2)

    def leading(expression: Any, order: int) -> Any:
        return sympy.series(expression - sympy.exp(-z), z, 0, order + 1).removeO()

    return [
        (second - first, 2 * z**3 / ((z + 2) * (z**2 + 6 * z + 12))),
        (1 / (1 + z) - first, z**2 / ((1 + z) * (2 + z))),
        (leading(first, 3), -(z**3) / 12),
        (leading(second, 5), z**5 / 720),
    ]


STATEMENTS: tuple[Statement, ...] = tuple(
    Statement(name, words, "algebra", equal(sides), expected)
    for name, words, sides, expected in (
        (
            "Padé forms",
            "γ_Padé = (1−u)/(1+u) = (2−z)/(2+z) = tanh(½ ln(θ√2/T)); 1−γ = 2u/(1+u); logistic in ln T",
            _pade_forms,
            True,
        ),
        (
            "any constant",
            "(2θ−Ts)/(2θ+Ts) = (1−u)/(1+u) with u = sT/2θ for every s: √2 is not needed",
            _any_constant,
            True,
        ),
        ("flow", "dγ_Padé/d ln T = −(1−γ²)/2 and dγ_Padé/d ln θ = +(1−γ²)/2", _pade_flow, True),
        ("symmetry", "γ_Padé(sθ, sT) = γ_Padé(θ, T) and γ_Padé(θ, 2θ²/T) = −γ_Padé(θ, T)", _pade_symmetry, True),
        (
            "circularity",
            "d_hor(θ, γ_Padé) = T; θ_design(γ_Padé, T) = θ; α_opt at length sT = s; θ_eff,Padé = θ + T/√2",
            _inverses,
            True,
        ),
        ("deviation", "PDI = u(γ)/u(γ_Padé) and η = (1−γ_Padé)/(1−γ)", _horizon_family, True),
        (
            "Cardy gap",
            "both published spellings equal −ln PDI; mixing their z's adds −½ ln 2; d/dγ = 2/(1−γ²)",
            _cardy,
            True,
        ),
        (
            "Padé orders",
            "Padé[2,2] − Padé[1,1], 1/(1+z) − Padé[1,1], and their leading errors −z³/12, z⁵/720",
            _pade_orders,
            True,
        ),
    )
)
"""Statements about γ_Padé, decided by sympy."""
