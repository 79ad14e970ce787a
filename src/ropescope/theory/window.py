"""Window: the smallest number of nearest tokens that holds a fraction of the attention mass of a power law.

D_f is a whole number, and `compression_window` returns exactly that number in constant time: a closed-form guess, a
Newton step on the zeta sum, and fifty-digit arithmetic for the few cases in which doubles cannot tell two neighbours
apart. It knows one position-only law: no sinks, no heads, no content.
"""

from __future__ import annotations

from math import exp, expm1, log, log1p

from ropescope.questions.domains import Real, Whole
from ropescope.theory.arguments import GAMMA, N_TOKENS, POSITIVE_LENGTH, THETA
from ropescope.theory.constants import SQRT2, TOKENS_LIMIT
from ropescope.theory.formula import Argument, formula
from ropescope.theory.zeta_sums import DIRECT, LAST_DIRECT, power_sum, power_sum_between

FRACTION = Argument(
    "fraction", "attention mass to keep, f, read as the decimal it prints as", Real(at_least=0.0, at_most=1.0)
)
_SOURCE = "Part I, §26.7"
_EXAMPLE = {"gamma": 0.75, "n_tokens": 2000, "fraction": 0.9}


@formula(
    symbol="D_f",
    source=_SOURCE,
    definition="Smallest D for which Σ_{d≤D} d^−γ reaches the fraction f of Σ_{d≤N} d^−γ.",
    arguments=(GAMMA, N_TOKENS, FRACTION),
    standing="exact",
    worth="Exact for a power law; as a cache budget blind to sinks, heads and content; no guide to observed knees.",
    example=_EXAMPLE,
    unit="tokens",
)
def compression_window(gamma: float, n_tokens: int, fraction: float = 0.9) -> int:
    """The exact D_f in tokens, 1 … N; f = 0 gives 1 and f = 1 gives N.

    A tie counts as reached, with f taken as the decimal it prints as: 0.9 of 2,000 equal weights is 1,800.
    Raises `DomainError` outside |γ| ≤ 20, 1 ≤ N ≤ 1e12, 0 ≤ f ≤ 1. Source: Part I, §26.7, as a sum.
    """
    if n_tokens == 1 or fraction == 0.0:
        return 1
    if fraction == 1.0:
        return n_tokens
    if gamma == 0.0:
        return _uniform_window(n_tokens, fraction)
    total = power_sum(gamma, n_tokens)
    target = fraction * total
    reached = 0.0
    for d in range(1, (n_tokens if n_tokens <= LAST_DIRECT else DIRECT - 1) + 1):
        weight = d**-gamma
        reached += weight
        if reached >= target * (1.0 + 1e-13):
            return d
        if reached > target * (1.0 - 1e-13):
            return _settle(gamma, n_tokens, fraction, d, 0)
    if fraction < 0.5:
        return _from_near_end(gamma, n_tokens, fraction, target, reached)
    return _from_far_end(gamma, n_tokens, fraction, total)


def _uniform_window(n_tokens: int, fraction: float) -> int:
    """⌈f·N⌉ with f as its decimal: equal weights make ties common, and doubles would break them at random."""
    from decimal import Decimal

    numerator, denominator = Decimal(repr(fraction)).as_integer_ratio()
    return max(1, -(-numerator * n_tokens // denominator))


def _from_near_end(gamma: float, n: int, fraction: float, target: float, head: float) -> int:
    """D_f for f < ½, from the mass within D."""
    a = 1.0 - gamma
    edge = DIRECT - 0.5
    share = (target - head) * edge**-a
    d = edge * exp(log1p(max(a * share, -1.0 + 1e-15)) / a if a else share) - 0.5
    for _ in range(8):
        whole = min(max(round(d), DIRECT), n)
        weight = whole**-gamma
        missing = (target - power_sum(gamma, whole)) / weight
        if -1.0 < missing <= 1.0:
            break
        d = whole + missing
    return _neighbour(gamma, n, fraction, whole, missing, 8e-15 * target / weight)


def _from_far_end(gamma: float, n: int, fraction: float, total: float) -> int:
    """D_f for f ≥ ½, from the mass beyond D: relative to 1 − f, so that f → 1 keeps its digits."""
    a = 1.0 - gamma
    rest = _complement(fraction) * total
    edge = n + 0.5
    share = rest * edge**-a
    d = edge * exp(log1p(max(-a * share, -1.0 + 1e-15)) / a if a else -share) - 0.5
    for _ in range(8):
        whole = min(max(round(d), DIRECT - 1), n)
        weight = whole**-gamma
        beyond = power_sum_between(gamma, whole + 1, n) if whole < n else 0.0
        missing = (beyond - rest) / weight
        if -1.0 < missing <= 1.0:
            break
        d = whole + missing
    return _neighbour(gamma, n, fraction, whole, missing, 8e-15 * rest / weight)


def _complement(fraction: float) -> float:
    """1 − f for the decimal that f prints as, correctly rounded."""
    from decimal import Decimal

    return float(1 - Decimal(repr(fraction)))


def _neighbour(gamma: float, n: int, fraction: float, whole: int, missing: float, doubt: float) -> int:
    """The window next to `whole`, where `missing` is what `whole` lacks in units of its own weight."""
    next_weight = (1.0 + 1.0 / whole) ** -gamma
    doubt += 1e-9
    if -1.0 + doubt < missing < -doubt:
        return whole
    if doubt < missing < next_weight - doubt:
        return whole + 1
    return _settle(gamma, n, fraction, whole, int(abs(missing) + doubt) + 2)


def _settle(gamma: float, n: int, fraction: float, near: int, reach: int) -> int:
    """The exact window within `reach` of `near`, by bisection in fifty-digit arithmetic."""
    from decimal import Decimal

    from ropescope.theory.decimal_sums import reaches

    exact = Decimal(repr(fraction))
    low, high = max(0, near - reach - 1), min(n, near + reach + 1)
    # The bracket is widened until it holds the answer, whatever the estimate was.
    while low > 0 and reaches(gamma, low, n, exact):
        low = max(0, low - 2 * (high - low))
    while not reaches(gamma, high, n, exact):
        high = min(n, high + 2 * (high - low))
    while high - low > 1:
        middle = (low + high) // 2
        if reaches(gamma, middle, n, exact):
            high = middle
        else:
            low = middle
    return high


@formula(
    symbol="D_f (continuum)",
    source=_SOURCE,
    definition="[(1 − f) + f·N^{1−γ}]^{1/(1−γ)}, and N^f at γ = 1: the window if distance were continuous from 1 to N.",
    arguments=(GAMMA, N_TOKENS, FRACTION),
    standing="exact",
    worth="Exact for its integral, but not the window: 1–6 % off at 0.75 ≤ γ ≤ 1 and more than 25 % beyond 1.2.",
    example=_EXAMPLE,
    unit="tokens",
)
def compression_window_continuum(gamma: float, n_tokens: int, fraction: float = 0.9) -> float:
    """The continuous window in tokens, 1 … N, to 1e-12 relative.

    Raises `DomainError` outside |γ| ≤ 20, 1 ≤ N ≤ 1e12, 0 ≤ f ≤ 1. Source: Part I, §26.7.
    """
    a = 1.0 - gamma
    length = log(n_tokens)
    z = a * length
    if abs(z) < 1e-8:
        # The exponent is L·(f + f(1−f)z/2 + O(z²)).
        return exp(length * fraction * (1.0 + 0.5 * (1.0 - fraction) * z))
    if z < -1.0 and fraction > 0.5:
        # Two positive terms: nothing cancels as f → 1.
        return exp(log((1.0 - fraction) + fraction * exp(z)) / a)
    return exp(log1p(fraction * expm1(z)) / a)


@formula(
    symbol="f(D)",
    source=_SOURCE,
    definition="Fraction of the power law's mass within distance D: Σ_{d≤D} d^−γ / Σ_{d≤N} d^−γ.",
    arguments=(
        GAMMA,
        N_TOKENS,
        Argument("window_tokens", "window D, at most N", Whole(0, TOKENS_LIMIT), "tokens"),
    ),
    standing="exact",
    worth="Exact for a power law; the mass of real attention outside the sinks may lie elsewhere.",
    example={"gamma": 0.75, "n_tokens": 2000, "window_tokens": 1389},
)
def window_mass(gamma: float, n_tokens: int, window_tokens: int) -> float:
    """The mass within the window, 0 … 1, to 1e-12 relative.

    A window longer than N holds everything. Raises `DomainError` outside |γ| ≤ 20, 1 ≤ N ≤ 1e12, 0 ≤ D ≤ 1e12.
    Source: Part I, §26.7.
    """
    if window_tokens >= n_tokens:
        return 1.0
    return power_sum(gamma, window_tokens) / power_sum(gamma, n_tokens)


@formula(
    symbol="ΔH_f",
    source="Part I, §26 (holographic loss)",
    definition="ln[(θ + D/√2) / (θ + T/√2)]: log ratio of θ_eff for a window D and for the whole length T.",
    arguments=(
        THETA,
        POSITIVE_LENGTH,
        Argument("window_tokens", "window D", Real(at_least=0.0, at_most=1e21), "tokens"),
    ),
    standing="heuristic",
    worth="Tends to 0 for large θ whatever is cut off, by construction; never tied to a measured loss of quality.",
    example={"theta": 1e4, "length": 2000, "window_tokens": 1383},
    unit="nats",
)
def holographic_loss(theta: float, length: float, window_tokens: float) -> float:
    """The log ratio in nats, negative when the window is shorter than the length, to 1e-12 relative.

    Raises `DomainError` for θ ≤ 0, T ≤ 0 or D < 0. Source: Part I, §26.
    """
    scale = theta * SQRT2
    ratio = (scale + window_tokens) / (scale + length)
    if 0.5 < ratio < 2.0:
        # The difference of the lengths keeps its digits as D → T and as θ → ∞, where the ratio rounds to 1.
        return log1p((window_tokens - length) / (scale + length))
    return log(ratio)
