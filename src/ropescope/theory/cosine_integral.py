"""Ci and Cin: the cosine integral, for the large-head limit of RoPE's mean kernel."""

from __future__ import annotations

from cmath import exp as complex_exp
from math import log

from ropescope.theory.constants import EULER_GAMMA

_SERIES_LIMIT = 5.0


def cosine_integral_difference(x: float, ratio: float) -> float:
    """Ci(x) − Ci(x/ratio) for x > 0, ratio > 1, to about 1e-15 of max(1, ln ratio)."""
    y = x / ratio
    if x <= _SERIES_LIMIT:
        # Ci = γ_E + ln − Cin: the logarithms differ by ln ratio exactly, whatever x is.
        return log(ratio) - entire_cosine_integral(x) + entire_cosine_integral(y)
    return cosine_integral(x) - cosine_integral(y)


def entire_cosine_integral(x: float) -> float:
    """Cin(x) = ∫₀ˣ (1 − cos t)/t dt by its power series, for 0 ≤ x ≤ 5."""
    square = x * x
    term, total, k = -1.0, 0.0, 0
    while True:
        k += 2
        term *= -square / ((k - 1) * k)
        total += term / k
        if abs(term) <= 1e-18 * abs(total) or term == 0.0:
            return total


def cosine_integral(x: float) -> float:
    """Ci(x) for x > 0, to about 1e-15 absolute."""
    if x <= _SERIES_LIMIT:
        return EULER_GAMMA + log(x) - entire_cosine_integral(x)
    if x > 1e17:
        return 0.0
    # Ci(x) = −Re E1(ix); the continued fraction of E1 converges within some 60 / x steps beyond the series' range.
    z = complex(0.0, x)
    fraction = 0.0 + 0.0j
    for k in range(int(8 + 220.0 / x), 0, -1):
        fraction = k * k / (z + (2 * k + 1) - fraction)
    return -(complex_exp(-z) / (z + 1.0 - fraction)).real
