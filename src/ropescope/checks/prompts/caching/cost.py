"""What requests cost: a cached prefix is written once and read while it lives, the rest is paid at the input price."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ropescope.checks.prompts.caching.prefix import Entry
from ropescope.checks.prompts.caching.prices import Prices

PER = 1_000_000


@dataclass(frozen=True, slots=True)
class Range:
    """An amount from `low` to `high`: equal but where the provider leaves the lifetime of an entry open."""

    low: float
    high: float

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)

    def times(self, count: int) -> Range:
        """`count` of it."""
        return Range(self.low * count, self.high * count)

    @property
    def open(self) -> bool:
        """Whether the two ends differ."""
        return not math.isclose(self.low, self.high)


@dataclass(frozen=True, slots=True)
class Request:
    """One request: `tokens` in all, the entries it writes, and the prices."""

    tokens: int
    entries: tuple[Entry, ...]
    prices: Prices

    @property
    def cached_tokens(self) -> int:
        """The longest prefix that it caches."""
        return self.entries[-1].tokens if self.entries else 0

    def uncached(self) -> float:
        """Its cost without a cache."""
        return self.tokens * self.prices.input / PER

    def cost(self, gap_seconds: float, read_tokens: int) -> Range:
        """Its cost `gap_seconds` after a request that left the first `read_tokens` of it in the cache (0: none)."""
        ends = [self._cost(gap_seconds, read_tokens, if_open) for if_open in (True, False)]
        return Range(min(ends), max(ends))

    def _cost(self, gap_seconds: float, read_tokens: int, if_open: bool) -> float:
        paid, start, alive = 0.0, 0, True
        for entry in self.entries:
            hit = entry.lifetime.hit(gap_seconds)
            alive = alive and (if_open if hit is None else hit)  # what stands behind a lost prefix is lost too
            read = max(0, min(entry.tokens, read_tokens) - start) if alive else 0
            written = entry.tokens - start - read
            paid += read * self.prices.read + written * self.prices.write_for(entry.lifetime.name)
            start = entry.tokens
        return (paid + (self.tokens - start) * self.prices.input) / PER

    def run(self, count: int, gap_seconds: float) -> Range:
        """`count` of the same request, one each `gap_seconds`, the first of which finds nothing in the cache."""
        return self.cost(gap_seconds, 0) + self.cost(gap_seconds, self.cached_tokens).times(count - 1)

    def pays_from(self, gap_seconds: float) -> int | None:
        """From how many requests on caching is cheaper than not; None where it never is."""
        first, later, without = (
            self.cost(gap_seconds, 0).high,
            self.cost(gap_seconds, self.cached_tokens).high,
            self.uncached(),
        )
        if not self.entries or later >= without:
            return None
        return max(1, math.floor((first - later) / (without - later) + 1e-9) + 1)


def changing_each_time(request: Request, count: int, gap_seconds: float, read_tokens: int) -> Range:
    """`count` requests that each differ from the one before where an edit begins, so that only `read_tokens` are read."""
    return request.cost(gap_seconds, 0) + request.cost(gap_seconds, read_tokens).times(count - 1)
