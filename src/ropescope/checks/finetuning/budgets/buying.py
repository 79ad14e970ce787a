"""Buying: what an API takes for a request, by prices that are given or by the list of `genai-prices`."""

from __future__ import annotations

from dataclasses import dataclass

from ropescope.checks.finetuning.budgets.hosting import Use
from ropescope.errors import InputError
from ropescope.report.report import Basis


@dataclass(frozen=True, slots=True)
class Api:
    """Prices of an API for a million tokens of a request; `began` is the day from which they hold, "" where it is not told."""

    name: str
    input: float
    output: float
    basis: Basis
    source: str
    began: str = ""

    def a_request(self, use: Use) -> float:
        """What one request costs."""
        return (use.input_tokens * self.input + use.output_tokens * self.output) / 1e6


def api_of(name: str | None, input_price: float | None, output_price: float | None, use: Use | None) -> Api | None:
    """The prices that are asked for; None where none are. Raises InputError, and ModuleNotFoundError without genai-prices."""
    if input_price is not None or output_price is not None:
        if input_price is None or output_price is None:
            missing = "input_price" if input_price is None else "output_price"
            raise InputError(missing, f"`{missing}` is missing: give both prices, each per million tokens.")
        return Api(name or "the API", input_price, output_price, "assumed", "given")
    return None if name is None else _listed(name, use or Use(1000, 1000))


def _listed(name: str, use: Use) -> Api:
    from datetime import UTC, datetime
    from importlib.metadata import version

    from genai_prices import Usage, calc_price
    from genai_prices.data_snapshot import get_snapshot

    from ropescope.checks.prompts.caching.prices import active

    provider, _, model = name.rpartition(":")
    try:
        _, listed = get_snapshot().find_provider_model(model, None, provider or None, None)
        found = calc_price(
            Usage(input_tokens=use.input_tokens, output_tokens=use.output_tokens), model, provider_id=provider or None
        )
    except LookupError as error:
        raise InputError(
            "api", f"`api` is {name[:60]!r}, which genai-prices does not list: give `input_price` and `output_price`."
        ) from error
    _, began = active(listed.prices, datetime.now(UTC))
    made = f"genai-prices {version('genai-prices')}, {found.provider.name} {found.model.id}, in US dollars"
    prices = ((found.input_price, use.input_tokens), (found.output_price, use.output_tokens))
    prompt, answer = (float(price or 0) * 1e6 / tokens for price, tokens in prices)
    return Api(name, prompt, answer, "published", made, began)
