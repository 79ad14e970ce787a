"""Prompt-cache: what N requests cost with a provider's prompt cache, and what an edit of the prompt costs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ropescope.checks.prompts.caching.blocks import APIS, prompt_of
from ropescope.checks.prompts.caching.case import Case
from ropescope.checks.prompts.caching.cost import Request
from ropescope.checks.prompts.caching.prefix import entries, first_change, still_read
from ropescope.checks.prompts.caching.prices import Given, prices_of
from ropescope.checks.prompts.caching.report import case_report
from ropescope.checks.prompts.caching.rules import rule_of
from ropescope.checks.prompts.caching.tokens import counter_of
from ropescope.checks.prompts.json_input import read_input
from ropescope.errors import FormatError
from ropescope.questions.domains import Choice, Real
from ropescope.questions.durations import Duration
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Count, File, Source, Text, Tokens
from ropescope.questions.question import Run
from ropescope.report.report import Report

PRICE = Real(at_least=0.0, at_most=1e6)


@dataclass(frozen=True, kw_only=True)
class PromptCacheInputs:
    """One or two request bodies, how often they are sent, and what tokens cost."""

    request: Path = asked(
        File(), "A request body (JSON): Anthropic Messages, OpenAI chat completions or OpenAI Responses.", placed=True
    )
    edited: Path | None = asked(
        File(), "The same request after the edit; without it: what the request alone costs.", default=None, placed=True
    )
    requests: int = asked(Count(), "How many requests are sent.", default=100, group="load")
    gap: float = asked(Duration(), "Time from the start of one request to the next.", default=60.0, group="load")
    lifetime: str | None = asked(
        Text(), "Lifetime of cache entries: 5m or 1h, 30m, in_memory or 24h; default: as the request says.", default=None,
        group="load",
    )  # fmt: skip
    model: str | None = asked(Text(), "The model; default: as the request says.", default=None, group="provider")
    api: str | None = asked(Choice(APIS), "The API, where the request does not tell.", default=None, group="provider")
    minimum: int | None = asked(
        Tokens(least=0),
        "The shortest prefix that is cached; default: the provider's rule.",
        default=None,
        group="provider",
    )
    tokens: int | None = asked(
        Tokens(), "Tokens of the whole request, as the API counted them.", default=None, group="tokens"
    )
    tokenizer: str | None = asked(
        Source(), "A model whose tokenizer.json counts the tokens: a folder or a Hub id.", default=None, group="tokens"
    )
    input_price: float | None = asked(
        PRICE,
        "Dollars for a million input tokens; default: the list price of genai-prices.",
        default=None,
        group="price",
    )
    write_price: float | None = asked(
        PRICE, "Dollars for a million tokens written to the cache.", default=None, group="price"
    )
    read_price: float | None = asked(
        PRICE, "Dollars for a million tokens read from the cache.", default=None, group="price"
    )


def answer(inputs: PromptCacheInputs, run: Run) -> Report:
    """What N requests cost with the provider's prompt cache, where an edit parts from the prompt, and what it costs."""
    before = prompt_of(read_input(inputs.request), str(inputs.request), inputs.api, inputs.model)
    after = None
    if inputs.edited is not None:
        after = prompt_of(read_input(inputs.edited), str(inputs.edited), inputs.api, inputs.model)
        if after.api != before.api:
            raise FormatError(
                f"{inputs.edited} is a request of {after.api}, and {inputs.request} of {before.api}: give two of one API."
            )
    rule = rule_of(after or before, inputs.minimum)
    counter = counter_of(before, inputs.tokens, inputs.tokenizer)
    given = Given(inputs.input_price, inputs.write_price, inputs.read_price)
    sent = []
    for prompt in (before, *([after] if after is not None else [])):
        own = rule_of(prompt, inputs.minimum)
        total = counter.ends(prompt)[-1]
        prices = prices_of(prompt.model, own, given, total)
        sent.append(Request(total, entries(prompt, own, counter, inputs.lifetime), prices))
    change = None if after is None else first_change(before, after)
    read = None if after is None else still_read(sent[0].entries, after, change, rule, counter)
    return case_report(Case(before, after, rule, counter, sent[0], sent[-1], change, read, inputs.requests, inputs.gap))
