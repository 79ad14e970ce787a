"""What a million tokens cost: list prices of `genai-prices`, each with the day it began, or numbers that are given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ropescope.checks.prompts.caching.rules import Rule, plain_name
from ropescope.errors import InputError, MissingExtraError
from ropescope.report.report import Basis


@dataclass(frozen=True, slots=True)
class Given:
    """Prices that the user gave, per million tokens; None where none was."""

    input: float | None = None
    write: float | None = None
    read: float | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """Per million tokens. write_1h: of an entry that lives an hour, where there is one."""

    input: float
    write: float
    write_1h: float
    read: float
    basis: Basis
    source: str
    date: str

    def write_for(self, lifetime: str) -> float:
        """What writing an entry of that lifetime costs."""
        return self.write_1h if lifetime == "1h" else self.write


def prices_of(model: str, rule: Rule, given: Given, prompt_tokens: int, today: datetime | None = None) -> Prices:
    """The prices for a prompt of `prompt_tokens`, by which some models are priced.

    Raises InputError for a price that is neither given nor known, and MissingExtraError without genai-prices.
    """
    if given.input is None:
        if given.write is not None or given.read is not None:
            raise InputError(
                "input_price", "`input_price` is missing: give it with the other prices, per million tokens."
            )
        return _listed(model, rule, prompt_tokens, today or datetime.now(UTC))
    read = given.read if given.read is not None else None if rule.read is None else given.input * rule.read
    if read is None:
        raise InputError(
            "read_price",
            f"What a cached token of {model} costs does not follow from its input price: give `read_price`.",
        )
    write = given.input * rule.write if given.write is None else given.write
    hour = given.input * (rule.write_1h or rule.write) if given.write is None else given.write
    derived = [name for name, value in (("write", given.write), ("read", given.read)) if value is None]
    source = (
        f"`input_price`; {' and '.join(derived)} by the provider's multipliers, {rule.cited}" if derived else "as given"
    )
    return Prices(given.input, write, hour, read, "assumed", source, "")


def _listed(model: str, rule: Rule, prompt_tokens: int, today: datetime) -> Prices:
    try:
        from genai_prices import __version__
        from genai_prices.data_snapshot import get_snapshot
    except ImportError as error:
        raise MissingExtraError(
            "List prices need genai-prices: pip install 'ropescope[prices]', or give `input_price` (per million tokens)."
        ) from error
    try:
        _, listed = get_snapshot().find_provider_model(plain_name(model), None, rule.provider, None)
    except LookupError as error:
        raise InputError(
            "model",
            f"genai-prices {__version__} lists no {model} of {rule.provider}: give `input_price` per million tokens.",
        ) from error
    found, date = active(listed.prices, today)

    def price(name: str) -> float | None:
        value = getattr(found, name, None)
        if value is None:
            return None
        tiers = [tier.price for tier in getattr(value, "tiers", ()) if prompt_tokens > tier.start]
        return float(tiers[-1] if tiers else getattr(value, "base", value))

    base, read = price("input_mtok"), price("cache_read_mtok")
    if base is None or read is None:
        raise InputError(
            "read_price",
            f"genai-prices {__version__} lists no price of cached tokens for {model}: give `input_price` and `read_price`, if it "
            "has a prompt cache.",
        )
    write = price("cache_write_mtok")
    hour = price("cache_write_1h_mtok")
    return Prices(
        base,
        base * rule.write if write is None else write,
        base * (rule.write_1h or rule.write) if hour is None else hour,
        read,
        "published",
        f"genai-prices {__version__} ({listed.id})",
        date,
    )


def active(prices: Any, today: datetime) -> tuple[Any, str]:
    """(the prices that hold today, the day they began or "" where the list does not say)."""
    if not isinstance(prices, list):
        return prices, ""
    for one in reversed(prices):
        if one.constraint is None or one.constraint.active(today):
            return one.prices, str(getattr(one.constraint, "start_date", ""))
    return prices[0].prices, ""
