"""Incomplete gamma functions for real a of either sign: the integrals of a power law with an exponential cut-off."""

from __future__ import annotations

from functools import lru_cache
from math import exp, expm1, gamma, log, log1p

from ropescope.theory.constants import EULER_GAMMA, EULER_MACLAURIN


def upper_gamma(a: float, x: float) -> float:
    """Γ(a, x) = ∫ₓ^∞ t^{a−1} e^{−t} dt for x > 0 and −20 ≤ a ≤ 22, to about 1e-13 relative (1e-11 near a = −20)."""
    if x >= 2.0 and x >= a + 1.0:
        return _continued_fraction(a, x)
    if a > 0.5:
        return gamma(a) - lower_gamma(a, x)
    # Below ½ the recurrence Γ(a − 1, x) = (Γ(a, x) − x^{a−1} e^{−x})/(a − 1) descends from the strip around 0.
    steps = round(-a)
    start = a + steps
    value = _around_zero(start, x)
    for _ in range(steps):
        start -= 1.0
        value = (value - x**start * exp(-x)) / start
    return value


def lower_gamma(a: float, x: float) -> float:
    """γ(a, x) = ∫₀ˣ t^{a−1} e^{−t} dt for a > 0, to about 1e-15 relative: a series of positive terms."""
    if x >= 2.0 and x >= a + 1.0:
        return gamma(a) - _continued_fraction(a, x)
    term = total = 1.0 / a
    n = a
    while term > 1e-17 * total:
        n += 1.0
        term *= x / n
        total += term
    return float(x**a * exp(-x) * total)


def _continued_fraction(a: float, x: float) -> float:
    fraction = 0.0
    for k in range(int(10 + 110.0 / x), 0, -1):
        fraction = k * (k - a) / (x + (2 * k + 1) - a - fraction)
    return float(x**a * exp(-x) / (x + 1.0 - a - fraction))


def _around_zero(a: float, x: float) -> float:
    """Γ(a, x) for |a| ≤ ½ and x < 2, smooth at a = 0, where Γ(a) and γ(a, x) both have a pole."""
    log_x = log(x)
    slope = _log_gamma_slope(a)
    poles_removed = (expm1(a * slope) - expm1(a * log_x)) / a if a else slope - log_x
    term, total, n = 1.0, 0.0, 0
    while abs(term) > 1e-18:
        n += 1
        term *= -x / n
        total += term / (a + n)
    return poles_removed - exp(a * log_x) * total


def _log_gamma_slope(a: float) -> float:
    """ln Γ(1 + a) / a for |a| ≤ ½, −γ_E at 0."""
    total = 0.0
    for coefficient in _zeta_minus_one():
        total = (total + coefficient) * -a
    # total = Σ_{k≥2} (−1)^{k−1} (ζ(k) − 1) a^{k−1} / k
    return 1.0 - EULER_GAMMA - (log1p(a) / a if a else 1.0) - total


@lru_cache(maxsize=1)
def _zeta_minus_one() -> tuple[float, ...]:
    """(ζ(k) − 1)/k for k = 30 … 2, by Euler–Maclaurin."""
    values = []
    for k in range(30, 1, -1):
        tail = 16.0 ** (1 - k) / (k - 1) + 0.5 * 16.0**-k
        rising, power, order = float(k), 16.0 ** (-k - 1), k
        for weight in EULER_MACLAURIN:
            tail += weight * rising * power
            rising *= (order + 1) * (order + 2)
            order += 2
            power /= 256.0
        values.append((sum(float(d) ** -k for d in range(15, 1, -1)) + tail) / k)
    return tuple(values)
