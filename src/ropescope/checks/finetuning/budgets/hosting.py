"""Hosting: what tokens cost at the ceilings of `speed`, and how many copies of the model a load takes."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final

from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.speed.roofline import MANY_PROMPTS, decode, prefill
from ropescope.errors import InputError

HOURS_A_MONTH: Final = 730.0


@dataclass(frozen=True, slots=True)
class Use:
    """Requests of so many prompt and answer tokens each; `requests` a month (None: not told)."""

    input_tokens: int
    output_tokens: int
    requests: int | None = None


@dataclass(frozen=True, slots=True)
class Hosting:
    """One copy of a model on `count` devices: tokens a second that it reads and writes at most (times `efficiency`), and the
    share `busy` of its hours in which it has work. Prices are of one device for an hour."""

    count: int
    reads: float | None
    writes: float
    busy: float
    price: float | None

    @property
    def monthly(self) -> float | None:
        """What one copy costs a month, which runs all the time."""
        return None if self.price is None else self.price * self.count * HOURS_A_MONTH

    def a_million(self, rate: float | None) -> float | None:
        """What a million tokens cost at `rate`; None without a price or a rate."""
        if self.price is None or rate is None:
            return None
        return self.price * self.count / 3600 / (rate * self.busy) * 1e6

    def most_requests(self, use: Use) -> float:
        """The requests a month that one copy takes at most."""
        reading = 0.0 if self.reads is None else use.input_tokens / self.reads
        return HOURS_A_MONTH * 3600 * self.busy / (reading + use.output_tokens / self.writes)

    def copies(self, use: Use, requests: float) -> int:
        """The copies that so many requests a month take at least. Raises InputError for a load of absurd size."""
        needed = requests / self.most_requests(use)
        if needed > 1e9:
            raise InputError(
                "requests", f"`requests` is {requests:,.0f}: that takes more than a billion copies of the model."
            )
        return max(1, ceil(needed))


def hosting_of(serving: Serving, efficiency: float, busy: float, price: float | None) -> Hosting:
    """Hosting by the ceilings of `serving`. Raises DomainError as `speed` does."""
    step = decode(serving)
    read = None if step.compute_seconds is None else efficiency * prefill(serving, MANY_PROMPTS).tokens_per_second
    return Hosting(serving.count, read, efficiency * step.tokens_per_second, busy, price)
