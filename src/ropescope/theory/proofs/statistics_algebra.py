"""Algebra of the exponents, of the truncated power law, and of RoPE, with the errata that it refutes."""

from __future__ import annotations

from typing import Any

from ropescope.theory.proofs.statement import Statement
from ropescope.theory.proofs.symbolic import equal


def _exponents(sympy: Any) -> tuple[Any, ...]:
    gamma = sympy.symbols("gamma")
    x = 1 - gamma
    return gamma, 1 / x, -x, -x, 2 - 1 / x, 1 / x, 1 / x + 2 * x


def _d_sage(sympy: Any) -> list[tuple[Any, Any]]:
    gamma, nu, beta, eta, alpha, chi, gamma_chi = _exponents(sympy)
    return [
        (2 * eta**2 + eta * gamma_chi + 1, 0),
        (beta * chi, -1),
        (nu * beta, -1),
        (alpha + chi, 2),
        (alpha + gamma_chi, 2 * (2 - gamma)),
        (beta * gamma_chi, -2 * gamma**2 + 4 * gamma - 3),
        (gamma_chi.subs(gamma, 0) * (1 / (2 * sympy.pi)) * (2 * sympy.pi), 3),
    ]


def _scaling_relations(sympy: Any) -> list[tuple[Any, Any]]:
    gamma, nu, beta, eta, alpha, _, gamma_chi = _exponents(sympy)
    return [
        (2 * beta + gamma_chi, nu),
        (alpha + 2 * beta + gamma_chi, 2),
        (2 - alpha, nu),
        (gamma_chi - (2 - eta) * nu, gamma * (2 * gamma - 3) / (1 - gamma)),
    ]


def _potential(sympy: Any) -> list[tuple[Any, Any]]:
    gamma, t, c = sympy.symbols("gamma t c")
    flow = sympy.tanh(t / 2 + c)
    return [
        (-sympy.diff(gamma / 2 - gamma**3 / 6, gamma), -(1 - gamma**2) / 2),
        (sympy.diff(flow, t), (1 - flow**2) / 2),
    ]


def _potential_off_by_two(sympy: Any) -> list[tuple[Any, Any]]:
    gamma = sympy.symbols("gamma")
    return [(-sympy.diff(gamma - gamma**3 / 3, gamma), -(1 - gamma**2) / 2)]


def _flow_with_the_wrong_sign(sympy: Any) -> list[tuple[Any, Any]]:
    t = sympy.symbols("t")
    flow = sympy.tanh(t / 2)
    return [(sympy.diff(flow, t), -(1 - flow**2) / 2)]


def _cayley(sympy: Any) -> list[tuple[Any, Any]]:
    z = sympy.symbols("z")
    fixed = (sympy.sqrt(17) - 3) / 2
    turned = (2 - z) / (2 + z)
    return [
        (turned.subs(z, fixed), fixed),
        (1 / (1 - fixed), (5 + sympy.sqrt(17)) / 4),
        (sympy.diff(turned, z).subs(z, fixed), (sympy.sqrt(17) - 9) / 8),
    ]


def _statistics(sympy: Any) -> list[tuple[Any, Any]]:
    """The thermodynamic relations, for the six distances 1 … 6 and any γ."""
    gamma = sympy.symbols("gamma", positive=True)
    logs = [sympy.log(d) for d in range(1, 7)]
    weights = [sympy.exp(-gamma * x) for x in logs]
    z = sum(weights)
    mean = sum(w * x for w, x in zip(weights, logs, strict=True)) / z
    square = sum(w * x**2 for w, x in zip(weights, logs, strict=True)) / z
    entropy = -sum(w / z * (-gamma * x - sympy.log(z)) for w, x in zip(weights, logs, strict=True))
    free = -sympy.log(z) / gamma
    return [
        (-sympy.diff(sympy.log(z), gamma), mean),
        (-sympy.diff(mean, gamma), square - mean**2),
        (entropy, sympy.log(z) + gamma * mean),
        (entropy, gamma * (mean - free)),
    ]


def _free_energy_without_gamma(sympy: Any) -> list[tuple[Any, Any]]:
    gamma = sympy.symbols("gamma", positive=True)
    z = 1 + sympy.exp(-gamma * sympy.log(2))
    mean = sympy.exp(-gamma * sympy.log(2)) * sympy.log(2) / z
    return [(sympy.log(z) + gamma * mean, gamma * (mean + sympy.log(z)))]


def _maximum_entropy(sympy: Any) -> list[tuple[Any, Any]]:
    """The Lagrangian −Σp ln p − λ(Σp − 1) − γ(Σp ln d − c) is stationary and concave at p = e^{−1−λ} d^−γ."""
    p, d, gamma, lagrange = sympy.symbols("p d gamma lambda", positive=True)
    density = -p * sympy.log(p) - lagrange * p - gamma * p * sympy.log(d)
    at = sympy.exp(-1 - lagrange) * d**-gamma
    slope = sympy.expand_log(sympy.diff(density, p).subs(p, at), force=True)
    return [(slope, 0), (sympy.diff(density, p, 2), -1 / p)]


def _uniform_variance(sympy: Any) -> tuple[Any, Any]:
    x, length = sympy.symbols("x L", positive=True)
    mean = sympy.integrate(x, (x, 0, length)) / length
    square = sympy.integrate(x**2, (x, 0, length)) / length
    return square - mean**2, length


def _heat_capacity_leading(sympy: Any) -> list[tuple[Any, Any]]:
    variance, length = _uniform_variance(sympy)
    return [(variance, length**2 / 12)]


def _heat_capacity_quarter(sympy: Any) -> list[tuple[Any, Any]]:
    variance, length = _uniform_variance(sympy)
    return [(variance, length**2 / 4)]


def _heat_capacity_next_terms(sympy: Any) -> list[tuple[Any, Any]]:
    """Σ (ln d)^k/d = L^{k+1}/(k+1) + γ_k + o(1): the variance expanded in 1/L gives the two terms after L²/12."""
    length, euler, one, two = sympy.symbols("L gamma_E gamma_1 gamma_2", positive=True)
    z = length + euler
    variance = (length**3 / 3 + two) / z - ((length**2 / 2 + one) / z) ** 2
    claimed = length**2 / 12 + euler * length / 6 - (5 * euler**2 / 12 + one)
    return [(sympy.limit(sympy.together(variance - claimed), length, sympy.oo), 0)]


def _harmonic(sympy: Any) -> list[tuple[Any, Any]]:
    n = sympy.symbols("n", positive=True)
    return [(sympy.limit(sympy.harmonic(n) - sympy.log(n), n, sympy.oo), sympy.EulerGamma)]


def _window(sympy: Any) -> list[tuple[Any, Any]]:
    a, n, f = sympy.symbols("a N f", positive=True)
    window = ((1 - f) + f * n**a) ** (1 / a)
    log_n = sympy.log(n)
    return [
        ((sympy.powdenest(window**a, force=True) - 1) / a, f * (n**a - 1) / a),
        (sympy.log(n**f).expand(force=True), f * log_n),
    ]


def _mean_kernel(sympy: Any) -> list[tuple[Any, Any]]:
    """d/dx Ci(Δ θ^−x) = −ln θ · cos(Δ θ^−x), so ∫₀¹ cos(Δ θ^−x) dx = [Ci(Δ) − Ci(Δ/θ)]/ln θ."""
    x, delta, theta = sympy.symbols("x Delta theta", positive=True)
    phase = delta * theta**-x
    return [(sympy.diff(sympy.Ci(phase), x), -sympy.log(theta) * sympy.cos(phase))]


def _longest_wavelength(sympy: Any) -> list[tuple[Any, Any]]:
    theta, dim = sympy.symbols("theta d_h", positive=True)
    slowest = 2 * sympy.pi * theta ** (2 * (dim / 2 - 1) / dim)
    return [(slowest, 2 * sympy.pi * theta ** (1 - 2 / dim))]


def _longest_wavelength_without_the_head(sympy: Any) -> list[tuple[Any, Any]]:
    theta = sympy.symbols("theta", positive=True)
    return [(2 * sympy.pi * theta ** sympy.Rational(62, 64), 2 * sympy.pi * theta)]


def _ntk(sympy: Any) -> list[tuple[Any, Any]]:
    theta, s, dim = sympy.symbols("theta s d_h", positive=True)
    alpha = s ** (dim / (dim - 2))
    exponent = (dim - 2) / dim
    return [
        (
            sympy.powdenest(
                sympy.expand_power_base((alpha * theta) ** exponent / theta**exponent, force=True), force=True
            ),
            s,
        )
    ]


STATEMENTS: tuple[Statement, ...] = tuple(
    Statement(name, words, "algebra", equal(sides), expected)
    for name, words, sides, expected in (
        ("D-SAGE", "D-SAGE 1, 2, 4, 5, 6, 7 and ν β = −1", _d_sage, True),
        (
            "scaling relations",
            "Rushbrooke (two forms), Josephson, and Fisher's residual γ(2γ−3)/(1−γ)",
            _scaling_relations,
            True,
        ),
        ("potential", "−dV/dγ = −(1−γ²)/2 for V = γ/2 − γ³/6; tanh(t/2 + c) solves dγ/dt = (1−γ²)/2", _potential, True),
        ("Cayley point", "z* = (√17−3)/2, 1/(1−z*) = (5+√17)/4, multiplier (√17−9)/8", _cayley, True),
        (
            "statistics",
            "U = −∂ ln Z, Var = −∂U, S = ln Z + γU = γ(U − F), on six distances for every γ",
            _statistics,
            True,
        ),
        (
            "maximum entropy",
            "p ∝ d^−γ is the stationary point of the entropy under E[ln d] = c, and the entropy is concave",
            _maximum_entropy,
            True,
        ),
        ("C_V leading term", "ln d uniform on [0, L] has variance L²/12", _heat_capacity_leading, True),
        ("C_V next terms", "C_V(1, N) − L²/12 − γ_E L/6 + 5γ_E²/12 + γ_1 → 0", _heat_capacity_next_terms, True),
        ("Z at one", "H_N − ln N → γ_E, so Z(1, N) = ln N + γ_E, and not ln(N + ½)", _harmonic, True),
        ("continuum window", "∫₁^D x^{a−1} dx = f ∫₁^N x^{a−1} dx at D = [(1−f) + f N^a]^{1/a}", _window, True),
        ("mean kernel", "the large-head mean of cos(Δ θ^−x) is [Ci(Δ) − Ci(Δ/θ)]/ln θ", _mean_kernel, True),
        ("longest wavelength", "2π θ^{2(d/2−1)/d} = 2π θ^{1−2/d}", _longest_wavelength, True),
        ("NTK-aware", "α = s^{d/(d−2)} stretches the slowest wavelength by s", _ntk, True),
        ("erratum: V", "−dV/dγ = −(1−γ²)/2 for V = γ − γ³/3", _potential_off_by_two, False),
        ("erratum: flow sign", "tanh(t/2) solves dγ/dt = −(1−γ²)/2", _flow_with_the_wrong_sign, False),
        ("erratum: C_V/4", "ln d uniform on [0, L] has variance L²/4", _heat_capacity_quarter, False),
        ("erratum: F", "S = γ(U − F) with F = −ln Z", _free_energy_without_gamma, False),
        (
            "erratum: T_max",
            "the longest wavelength of a 64-dimensional head is 2πθ",
            _longest_wavelength_without_the_head,
            False,
        ),
    )
)
"""The other statements that sympy decides; the errata are expected to be refuted."""
