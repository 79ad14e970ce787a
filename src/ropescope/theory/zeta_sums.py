"""Zeta sums: Σ d^−γ over distances 1 … N and its logarithmic moments, in constant time.

The first `DIRECT` terms are added one by one; the rest is an integral, half of the two end terms and eight derivative
corrections at either end (Euler–Maclaurin). Two choices keep twelve digits everywhere:

- Moments are taken from the end that holds the mass. For γ > 1 that is d = 1 and the variable is ln d; for γ ≤ 1 it is
  d = N and the variable is ln(N/d). The variance then loses at most a digit or two to cancellation, where E[ln² d] −
  E[ln d]² loses six at γ = −20.
- The integrals ∫ t^k e^{at} dt are written with φ_k(z) = ∫₀¹ s^k e^{zs} ds, smooth at a = 1 − γ = 0, so nothing
  happens at γ = 1.
"""

from __future__ import annotations

from math import exp, expm1, log, log1p
from typing import NamedTuple

from ropescope.theory.constants import EULER_MACLAURIN

DIRECT = 16
"""Terms added one by one before the integral starts; with eight corrections the rest is below 1e-15 for |γ| ≤ 20."""

LAST_DIRECT = 48
"""Up to this N all terms are added one by one: cheaper than the integral, and exact."""


class Moments(NamedTuple):
    """Weights w_d relative to the end that holds the mass, and the first two moments of the log distance from it.

    `excess` is Σ w − 1 ≥ 0 (the end's own weight is 1), `mean` and `variance` are those of the variable in nats.
    """

    excess: float
    mean: float
    variance: float


def power_sum(gamma: float, n: int) -> float:
    """Σ_{d=1}^{n} d^−γ to about 1e-14 relative, for |γ| ≤ 20 and 1 ≤ n ≤ 1e12."""
    if n <= LAST_DIRECT:
        return float(sum([d**-gamma for d in range(n, 0, -1)]))
    head = float(sum([d**-gamma for d in range(DIRECT - 1, 0, -1)]))
    return head + power_sum_between(gamma, DIRECT, n)


def power_sum_between(gamma: float, first: int, last: int) -> float:
    """Σ_{d=first}^{last} d^−γ for 16 ≤ first ≤ last, relative to itself to about 1e-14."""
    a = 1.0 - gamma
    log_ratio = log1p((last - first) / first)
    low, high = float(first**-gamma), float(last**-gamma)
    # The integral is written from the end where the integrand is larger, so that expm1 never loses digits.
    if a >= 0.0:
        integral = last * high * log_ratio * _phi0(-a * log_ratio)
    else:
        integral = first * low * log_ratio * _phi0(a * log_ratio)
    total = integral + 0.5 * (low + high)
    at_low, at_high = low / first, high / last
    square_low, square_high = 1.0 / (first * first), 1.0 / (last * last)
    rising = gamma
    order = gamma
    for weight in EULER_MACLAURIN:
        total += weight * rising * (at_low - at_high)
        rising *= (order + 1.0) * (order + 2.0)
        order += 2.0
        at_low *= square_low
        at_high *= square_high
    return total


def moments_from_one(gamma: float, n: int) -> Moments:
    """Moments of ln d under d^−γ on 1 … n, weights relative to d = 1; accurate for γ ≥ 0.5."""
    stop = n + 1 if n <= LAST_DIRECT else DIRECT
    sum0 = sum1 = sum2 = 0.0
    for d in range(stop - 1, 1, -1):
        x = _LOGS[d]
        w = exp(-gamma * x)
        sum0 += w
        w *= x
        sum1 += w
        sum2 += w * x
    if n > LAST_DIRECT:
        tail0, tail1, tail2 = _tail_from_one(gamma, n)
        sum0, sum1, sum2 = sum0 + tail0, sum1 + tail1, sum2 + tail2
    total = 1.0 + sum0
    mean = sum1 / total
    return Moments(sum0, mean, sum2 / total - mean * mean)


def moments_from_last(gamma: float, n: int) -> Moments:
    """Moments of ln(n/d) under d^−γ on 1 … n, weights relative to d = n; accurate for γ ≤ 1.5."""
    stop = n if n <= LAST_DIRECT else DIRECT
    sum0 = sum1 = sum2 = 0.0
    for d in range(1, stop):
        y = log1p((n - d) / d)
        w = exp(gamma * y)
        sum0 += w
        w *= y
        sum1 += w
        sum2 += w * y
    if n > LAST_DIRECT:
        tail0, tail1, tail2 = _tail_from_last(gamma, n)
        sum0, sum1, sum2 = sum0 + tail0, sum1 + tail1, sum2 + tail2
    total = 1.0 + sum0
    mean = sum1 / total
    return Moments(sum0, mean, sum2 / total - mean * mean)


def _tail_from_one(gamma: float, n: int) -> tuple[float, float, float]:
    """Σ_{d=16}^{n} (ln d)^k d^−γ for k = 0, 1, 2."""
    a = 1.0 - gamma
    offset = _LOG_DIRECT
    length = log(n / DIRECT)
    low, high = DIRECT**-gamma, n**-gamma
    phi0, phi1, phi2 = _phi(a * length)
    i0 = DIRECT * low * length * phi0
    i1 = DIRECT * low * length * length * phi1
    i2 = DIRECT * low * length * length * length * phi2
    x_high = offset + length
    s0 = i0 + 0.5 * (low + high)
    s1 = offset * i0 + i1 + 0.5 * (low * offset + high * x_high)
    s2 = offset * (offset * i0 + 2.0 * i1) + i2 + 0.5 * (low * offset * offset + high * x_high * x_high)
    c0, c1, c2 = _corrections(gamma, low / DIRECT, high / n, n, offset, x_high, -1.0)
    return s0 + c0, s1 + c1, s2 + c2


def _tail_from_last(gamma: float, n: int) -> tuple[float, float, float]:
    """Σ_{d=16}^{n} (ln(n/d))^k (n/d)^γ for k = 0, 1, 2, without the weight 1 of d = n itself."""
    a = 1.0 - gamma
    length = log(n / DIRECT)
    low = exp(gamma * length)
    phi0, phi1, phi2 = _phi(-a * length)
    i0 = n * length * phi0
    i1 = n * length * length * phi1
    i2 = n * length * length * length * phi2
    s0 = i0 + 0.5 * (low - 1.0)
    s1 = i1 + 0.5 * low * length
    s2 = i2 + 0.5 * low * length * length
    c0, c1, c2 = _corrections(gamma, low / DIRECT, 1.0 / n, n, length, 0.0, 1.0)
    return s0 + c0, s1 + c1, s2 + c2


def _corrections(
    gamma: float, at_low: float, at_high: float, n: int, x_low: float, x_high: float, sign: float
) -> tuple[float, float, float]:
    """Derivative corrections of Euler–Maclaurin for w, x·w and x²·w, where x = ln d (sign −1) or ln(n/d) (sign +1).

    The j-th derivative of x^k d^−γ needs the Pochhammer symbol (γ)_j and its first two derivatives in γ, since ln d
    multiplies exactly as −∂/∂γ does.
    """
    square_low, square_high = 1.0 / (DIRECT * DIRECT), (1.0 / n) * (1.0 / n)
    p, q, r = gamma, 1.0, 0.0
    order = gamma
    c0 = c1 = c2 = 0.0
    for weight in EULER_MACLAURIN:
        u, v = weight * at_low, weight * at_high
        sq = sign * q
        c0 += p * (u - v)
        c1 += u * (p * x_low + sq) - v * (p * x_high + sq)
        c2 += u * ((p * x_low + 2.0 * sq) * x_low + r) - v * ((p * x_high + 2.0 * sq) * x_high + r)
        for _ in (0, 1):
            order += 1.0
            r = r * order + 2.0 * q
            q = q * order + p
            p = p * order
        at_low *= square_low
        at_high *= square_high
    return c0, c1, c2


def _phi0(z: float) -> float:
    return expm1(z) / z if z else 1.0


def _phi(z: float) -> tuple[float, float, float]:
    """φ_k(z) = ∫₀¹ s^k e^{zs} ds for k = 0, 1, 2."""
    if -1.5 < z < 1.5:
        # φ_2 by its series, the lower two by the stable downward recurrence φ_{k−1} = (e^z − z φ_k) / k.
        phi2 = 0.0
        for coefficient in _PHI2_SERIES:
            phi2 = phi2 * z + coefficient
        e = exp(z)
        phi1 = 0.5 * (e - z * phi2)
        return e - z * phi1, phi1, phi2
    e = exp(z)
    phi0 = expm1(z) / z
    phi1 = (e - phi0) / z
    return phi0, phi1, (e - 2.0 * phi1) / z


def _phi2_series() -> tuple[float, ...]:
    coefficients, factorial = [], 1.0
    for k in range(22):
        coefficients.append(1.0 / (factorial * (k + 3)))
        factorial *= k + 1
    return tuple(reversed(coefficients))


_PHI2_SERIES = _phi2_series()
_LOGS = (0.0, *(log(d) for d in range(1, LAST_DIRECT + 1)))
_LOG_DIRECT = log(DIRECT)
