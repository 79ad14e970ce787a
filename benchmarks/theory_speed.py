"""How fast the theory is: microseconds a call, and the ratio to the sums it replaces.

Run: python benchmarks/theory_speed.py
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from math import log

from ropescope import theory
from ropescope.errors import DomainError


def seconds(function: Callable[[], object], at_least: float = 0.05) -> float:
    """Seconds a call, the best of three runs of at least `at_least` seconds."""
    n, best = 1, float("inf")
    while True:
        start = time.perf_counter()
        for _ in range(n):
            function()
        spent = time.perf_counter() - start
        if spent >= at_least:
            break
        n *= 4
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(n):
            function()
        best = min(best, (time.perf_counter() - start) / n)
    return best


def naive_entropy(gamma: float, n: int) -> float:
    """ln Z + γU by summing every distance."""
    z = sum(d**-gamma for d in range(1, n + 1))
    return log(z) + gamma * sum(log(d) * d**-gamma for d in range(1, n + 1)) / z


def naive_window(gamma: float, n: int, fraction: float) -> int:
    """The window by adding up weights one by one."""
    target = fraction * sum(d**-gamma for d in range(1, n + 1))
    reached, d = 0.0, 0
    while reached < target:
        d += 1
        reached += d**-gamma
    return d


def main() -> None:
    """Print the three tables."""
    print("Against the naive sum, γ = 0.75")
    for n in (2_000, 100_000, 1_000_000):
        for name, fast, slow in (
            ("entropy", lambda n=n: theory.entropy(0.75, n), lambda n=n: naive_entropy(0.75, n)),
            (
                "compression_window",
                lambda n=n: theory.compression_window(0.75, n, 0.9),
                lambda n=n: naive_window(0.75, n, 0.9),
            ),
        ):
            a, b = seconds(fast), seconds(slow, 0.0)
            print(f"  {name:20s} N = {n:>9,}  {a * 1e6:7.1f} µs  naive {b * 1e3:9.2f} ms  {b / a:10,.0f} times")

    print("A call, in µs (examples, and N = 1e12 where there is an N)")
    slowest = ("", 0.0)
    for name, entry in theory.FORMULAS.items():
        if name == "base_lower_bound":
            continue
        arguments = dict(entry.example)
        if "n_tokens" in arguments:
            arguments["n_tokens"] = 10**12
        try:
            entry.function(**arguments)
        except DomainError:
            arguments = dict(entry.example)
        spent = seconds(lambda entry=entry, arguments=arguments: entry.function(**arguments), 0.01) * 1e6
        slowest = max(slowest, (name, spent), key=lambda pair: pair[1])
        print(f"  {name:34s} {spent:7.1f}")
    print(f"  slowest: {slowest[0]}, {slowest[1]:.1f} µs")

    start = time.perf_counter()
    for i in range(200):
        theta = 10 ** (3 + 4 * i / 199)
        for j in range(200):
            theory.regime(theory.gamma_pade(theta, 512 * 2 ** (11 * j / 199)))
    print(f"A 200 × 200 grid of regimes: {time.perf_counter() - start:.3f} s")

    start = time.perf_counter()
    theory.base_lower_bound(4096, 128)
    print(f"base_lower_bound(4096, 128): {time.perf_counter() - start:.2f} s")

    code = "import time; t = time.perf_counter(); import ropescope.theory; print(time.perf_counter() - t)"
    imports = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout) for _ in range(5)
    ]
    print(f"import ropescope.theory: {min(imports) * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
