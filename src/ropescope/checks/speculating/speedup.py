"""How much faster speculative decoding is, where each drafted token is kept with the same chance (arXiv 2211.17192)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

MOST_DRAFTED: Final = 64
SOURCE: Final = "E = (1 − α^(k+1))/(1 − α): Leviathan et al., arXiv 2211.17192"


def expected_tokens(acceptance: float, drafted: int) -> float:
    """Tokens that a step yields: 1 + α + … + α^k, those kept of `drafted` and one of the target's own."""
    return sum(acceptance**power for power in range(drafted + 1))


def tokens_of(kept: Sequence[float], drafted: int) -> float:
    """The same where `kept[j]` is how often the first j + 1 tokens of a draft are all kept, as measured."""
    return 1 + sum(kept[:drafted])


def speedup(acceptance: float, drafted: int, cost: float) -> float:
    """How many times as fast as the target alone; `cost` is a step of the draft over one of the target."""
    return expected_tokens(acceptance, drafted) / (drafted * cost + 1)


def break_even(drafted: int, cost: float) -> float | None:
    """The acceptance from which on drafting pays; None where none does, since the draft is as slow as the target."""
    if cost >= 1:
        return None
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if speedup(middle, drafted, cost) < 1 else (low, middle)
    return high


def best_drafted(acceptance: float, cost: float) -> int:
    """The length of draft with the largest speed-up, up to `MOST_DRAFTED`; the shortest of equals."""
    return max(range(1, MOST_DRAFTED + 1), key=lambda drafted: (speedup(acceptance, drafted, cost), -drafted))
