"""Polylogarithm: partition sums of a power law with an exponential cut-off, Σ d^−γ e^{−λd}.

The same Euler–Maclaurin scheme as for the plain power law; the integral is an incomplete gamma function.
"""

from __future__ import annotations

from math import exp, expm1, inf, log

from ropescope.questions.domains import Real
from ropescope.theory.arguments import GAMMA, N_TOKENS
from ropescope.theory.constants import EULER_MACLAURIN
from ropescope.theory.formula import Argument, formula
from ropescope.theory.incomplete_gamma import lower_gamma, upper_gamma

_DIRECT = 24
_SOURCE = "Part I (polylogarithm form); used once there, for an ALiBi model"
_RATE = Argument("decay_rate", "rate of the exponential cut-off, λ", Real(at_least=1e-12, at_most=100.0), "1/tokens")


@formula(
    symbol="Z = Li_γ(e^{−λ})",
    source=_SOURCE,
    definition="Σ_{d≥1} d^−γ e^{−λd}, the partition sum of a power law with an exponential cut-off.",
    arguments=(GAMMA, _RATE),
    standing="exact",
    worth="True of any law of that shape, so finding a polylogarithm is no evidence for anything beyond the shape.",
    example={"gamma": 0.75, "decay_rate": 0.001},
)
def polylog_partition(gamma: float, decay_rate: float) -> float:
    """Li_γ(e^{−λ}), to 1e-12 relative. Raises `DomainError` outside |γ| ≤ 20, 1e-12 ≤ λ ≤ 100. Source: Part I."""
    return _damped_sum(gamma, decay_rate, inf)


@formula(
    symbol="Z_N = Σ_{d≤N} d^−γ e^{−λd}",
    source=_SOURCE,
    definition="The same sum cut at N: Li_γ(x) − x^{N+1} Φ(x, γ, N + 1) with x = e^{−λ}.",
    arguments=(GAMMA, _RATE, N_TOKENS),
    standing="exact",
    worth="The normaliser to use when a profile falls faster than a power law within the context.",
    example={"gamma": 0.75, "decay_rate": 0.001, "n_tokens": 2000},
)
def damped_partition(gamma: float, decay_rate: float, n_tokens: int) -> float:
    """The truncated sum, to 1e-12 relative. Raises `DomainError` outside |γ| ≤ 20, 1e-12 ≤ λ ≤ 100, 1 ≤ N ≤ 1e12."""
    return _damped_sum(gamma, decay_rate, n_tokens)


def _damped_sum(gamma: float, rate: float, n: float) -> float:
    if rate >= 0.5 or n <= 64:
        return _direct(gamma, rate, n)
    head = sum([float(d) ** -gamma * exp(-rate * d) for d in range(_DIRECT - 1, 0, -1)])
    low = float(_DIRECT) ** -gamma * exp(-rate * _DIRECT)
    total = head + _integral(1.0 - gamma, rate, n) + 0.5 * low + _correction(gamma, rate, _DIRECT, low)
    if rate * n < 700.0:
        high = float(n) ** -gamma * exp(-rate * n)
        total += 0.5 * high - _correction(gamma, rate, n, high)
    return float(total)


def _direct(gamma: float, rate: float, n: float) -> float:
    total, d = 0.0, 0
    past_peak = -gamma / rate
    while d < n:
        d += 1
        term = d**-gamma * exp(-rate * d)
        total += term
        if d > past_peak and term * (1.0 + 1.0 / rate) < 1e-18 * total:
            break
    return total


def _correction(gamma: float, rate: float, x: float, value: float) -> float:
    """−Σ B_2k/(2k)! · f^{(2k−1)}(x) for f = x^−γ e^{−λx} with f(x) = `value`; derivatives by two series."""
    power, decay = [1.0], [1.0]
    for j in range(15):
        power.append(power[j] * (gamma + j) / (x * (j + 1)))
        decay.append(decay[j] * rate / (j + 1))
    total, factorial = 0.0, 1.0
    for k, weight in enumerate(EULER_MACLAURIN):
        n = 2 * k + 1
        factorial *= n * (n - 1) if n > 1 else 1.0
        total += weight * factorial * sum([p * q for p, q in zip(power, decay[n::-1], strict=False)])
    return total * value


def _integral(a: float, rate: float, n: float) -> float:
    """∫ x^{a−1} e^{−λx} dx from 24 to n, from whichever side does not cancel."""
    x_low, x_high = rate * _DIRECT, rate * n
    if x_high <= 3.0:
        return _short_integral(a, x_high, n)
    if a <= 2.0 or x_low > a:
        beyond = upper_gamma(a, x_high) if x_high < 700.0 else 0.0
        return float(rate**-a * (upper_gamma(a, x_low) - beyond))
    if x_high == inf:
        return float(rate**-a * upper_gamma(a, x_low))
    whole = lower_gamma(a, x_high) if x_high < 700.0 else upper_gamma(a, x_low) + lower_gamma(a, x_low)
    return float(rate**-a * (whole - lower_gamma(a, x_low)))


def _short_integral(a: float, x_high: float, n: float) -> float:
    """The integral when λn ≤ 3, by expanding the exponential: every power is integrated without cancellation."""
    span = log(n / _DIRECT)
    term, total, k = 1.0, 0.0, 0
    while abs(term) > 1e-18:
        b = a + k
        total += term * (-expm1(-b * span) / b if b else span)
        k += 1
        term *= -x_high / k
    return float(n**a * total)
