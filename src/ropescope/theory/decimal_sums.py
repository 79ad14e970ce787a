"""Zeta sums to fifty digits, for the rare question that doubles cannot settle: is a partial sum at or above a target?

Milliseconds rather than microseconds, so only ties and near-ties come here.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache

DIGITS = 60
TIE = Decimal(10) ** -48
"""Two sums that agree to 48 digits are equal: distinct ones do not come that close within |γ| ≤ 20 and N ≤ 1e12."""

_DIRECT = 40
_CORRECTIONS = 25


def reaches(gamma: float, n_small: int, n_total: int, fraction: Decimal) -> bool:
    """Whether Σ_{d≤n_small} d^−γ ≥ fraction · Σ_{d≤n_total} d^−γ, with the exact values of its arguments."""
    with localcontext() as context:
        context.prec = DIGITS
        total = power_sum_decimal(gamma, n_total)
        return power_sum_decimal(gamma, n_small) - fraction * total >= -TIE * total


@lru_cache(maxsize=64)
def power_sum_decimal(gamma: float, n: int) -> Decimal:
    """Σ_{d=1}^{n} d^−γ to about fifty digits, for the double `gamma` taken as the real number it is."""
    with localcontext() as context:
        context.prec = DIGITS
        exponent = Decimal(-gamma)
        if n <= 2 * _DIRECT:
            return sum((_power(d, exponent) for d in range(1, n + 1)), Decimal(0))
        low, high = _power(_DIRECT, exponent), _power(n, exponent)
        total = sum((_power(d, exponent) for d in range(1, _DIRECT)), Decimal(0)) + (low + high) / 2
        a = 1 + exponent
        if a:
            total += (high * n - low * _DIRECT) / a
        else:
            total += Decimal(n).ln() - Decimal(_DIRECT).ln()
        at_low, at_high = low / _DIRECT, high / n
        rising, order = -exponent, -exponent
        for weight in _weights():
            total += weight * rising * (at_low - at_high)
            rising *= (order + 1) * (order + 2)
            order += 2
            at_low /= _DIRECT * _DIRECT
            at_high /= n * n
        return total


def _power(d: int, exponent: Decimal) -> Decimal:
    return (exponent * Decimal(d).ln()).exp() if d > 1 else Decimal(1)


@lru_cache(maxsize=1)
def _weights() -> tuple[Decimal, ...]:
    """B_2k / (2k)! for k = 1 … 25, from the exact Bernoulli numbers."""
    bernoulli = [Fraction(1)]
    for m in range(1, 2 * _CORRECTIONS + 1):
        binomial, total = 1, Fraction(0)
        for k in range(m):
            total += binomial * bernoulli[k]
            binomial = binomial * (m + 1 - k) // (k + 1)
        bernoulli.append(-total / (m + 1))
    weights, factorial = [], 1
    with localcontext() as context:
        context.prec = DIGITS
        for m in range(1, 2 * _CORRECTIONS + 1):
            factorial *= m
            if m % 2 == 0:
                value = bernoulli[m] / factorial
                weights.append(Decimal(value.numerator) / Decimal(value.denominator))
    return tuple(weights)
