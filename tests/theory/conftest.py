"""References at fifty digits and more, written apart from the code under test: other cut-offs, other expansions."""

from types import SimpleNamespace

import mpmath as mp
import pytest


def power_moments(gamma, n):
    """(Z, E[ln d], Var(ln d), S) under d^−γ on 1 … n, at 90 digits: direct sums, or Euler–Maclaurin from 100."""
    with mp.workdps(90):
        g = mp.mpf(gamma)
        stop = n + 1 if n <= 1500 else 100
        logs = [mp.log(d) for d in range(1, stop)]
        weights = [mp.exp(-g * x) for x in logs]
        s0, s1 = mp.fsum(weights), mp.fsum(w * x for w, x in zip(weights, logs, strict=True))
        s2 = mp.fsum(w * x * x for w, x in zip(weights, logs, strict=True))
        if n > 1500:
            t0, t1, t2 = _tail(g, mp.mpf(stop), mp.mpf(n))
            s0, s1, s2 = s0 + t0, s1 + t1, s2 + t2
        mean = s1 / s0
        return s0, mean, s2 / s0 - mean * mean, mp.log(s0) + g * mean


def _tail(g, low, high):
    a = 1 - g

    def integral(k, x):
        y = mp.log(x)
        if a == 0:
            return y ** (k + 1) / (k + 1)
        return x**a * (1 / a, y / a - 1 / a**2, y * y / a - 2 * y / a**2 + 2 / a**3)[k]

    sums = [
        integral(k, high) - integral(k, low) + (mp.log(high) ** k * high**-g + mp.log(low) ** k * low**-g) / 2
        for k in range(3)
    ]
    p, q, r, order = g, mp.mpf(1), mp.mpf(0), g
    for j in range(1, 26):
        weight = mp.bernoulli(2 * j) / mp.factorial(2 * j)
        for x, sign in ((low, 1), (high, -1)):
            y, base = mp.log(x), sign * weight * x ** (1 - g - 2 * j)
            sums[0] += base * p
            sums[1] += base * (p * y - q)
            sums[2] += base * (p * y * y - 2 * q * y + r)
        for _ in range(2):
            order += 1
            r, q, p = r * order + 2 * q, q * order + p, p * order
    return sums


def damped_sum(gamma, rate, n):
    """Σ_{d≤n} d^−γ e^{−λd}: direct sums, or Euler–Maclaurin from 150 with mpmath's incomplete gamma function."""
    # The incomplete gamma functions at both ends agree to hundreds of digits when λn is small and γ very negative.
    with mp.workdps(60 + int(24 * max(0.0, -mp.log10(rate * 150)))):
        g, x, start = mp.mpf(gamma), mp.mpf(rate), 150
        if n <= 2 * start:
            return mp.fsum(mp.mpf(d) ** -g * mp.exp(-x * d) for d in range(1, int(n) + 1))
        total = mp.fsum(mp.mpf(d) ** -g * mp.exp(-x * d) for d in range(1, start))
        beyond = mp.gammainc(1 - g, x * n) if n != mp.inf else 0
        total += x ** (g - 1) * (mp.gammainc(1 - g, x * start) - beyond) + _end(g, x, mp.mpf(start), 1)
        return total + (_end(g, x, mp.mpf(n), -1) if n != mp.inf else 0)


def _end(g, x, at, sign):
    value = at**-g * mp.exp(-x * at)
    power, decay = [mp.mpf(1)], [mp.mpf(1)]
    for j in range(60):
        power.append(power[j] * (g + j) / (at * (j + 1)))
        decay.append(decay[j] * x / (j + 1))
    series = mp.fsum(
        mp.bernoulli(2 * k) / (2 * k) * mp.fsum(power[j] * decay[2 * k - 1 - j] for j in range(2 * k))
        for k in range(1, 28)
    )
    return value * (mp.mpf(1) / 2 + sign * series)


@pytest.fixture(scope="session")
def reference():
    return SimpleNamespace(power_moments=power_moments, damped_sum=damped_sum)


@pytest.fixture(scope="session")
def relative():
    """|value / exact − 1| at fifty digits, and 0 where both are 0."""

    def error(value, exact):
        with mp.workdps(50):
            exact = mp.mpf(exact)
            return float(abs(value - exact) if exact == 0 else abs(value / exact - 1))

    return error
