"""What each provider caches: the shortest prefix, how long an entry lives, what it costs, and where an entry may end."""

from __future__ import annotations

import csv
import functools
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from ropescope.checks.prompts.caching.blocks import Prompt
from ropescope.errors import InputError
from ropescope.questions.durations import written
from ropescope.report.dated import dated

Matching = Literal["breakpoints", "message ends", "tokens"]
"""An entry ends at a marker alone, at a marker or the end of a message, or anywhere."""

TOKEN_STEP: Final = 128
"""Where an entry may end anywhere, a cached length is reported in multiples of this."""

_DATE: Final = r"(?:[-@](?:\d{8}|\d{4}-\d\d-\d\d))?(?:-latest)?"


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long an entry lives after it was last written or read: surely `least_seconds`, never beyond `most_seconds` (None: no
    limit is published)."""

    name: str
    least_seconds: float
    most_seconds: float | None

    def hit(self, gap_seconds: float) -> bool | None:
        """Whether an entry is still there after `gap_seconds`; None where the provider leaves it open."""
        if gap_seconds <= self.least_seconds:
            return True
        return False if self.most_seconds is not None and gap_seconds > self.most_seconds else None

    def __str__(self) -> str:
        least = written(self.least_seconds)
        if self.most_seconds == self.least_seconds:
            return least
        return f"{least} or longer" if self.most_seconds is None else f"{least} to {written(self.most_seconds)}"


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule for one model. Multipliers are of the input price; None where the source gives none for it."""

    provider: str
    models: str
    minimum_tokens: int | None
    write: float
    write_1h: float | None
    read: float | None
    lifetimes: tuple[Lifetime, ...]
    matching: Matching
    source: str
    date: str
    minimum_given: bool = False

    @property
    def cited(self) -> str:
        """Where it is from, and when it was read."""
        old = dated(self.date)
        return f"{self.source.removeprefix('https://')}, {self.date}{f', {old}' if old else ''}"

    def lifetime(self, asked: str, field: str) -> Lifetime:
        """The lifetime of that name; the first where none is asked for. Raises InputError, for `field`."""
        if not asked:
            return self.lifetimes[0]
        for one in self.lifetimes:
            if one.name == asked:
                return one
        names = " or ".join(one.name for one in self.lifetimes)
        raise InputError(field, f"`{field}`: a lifetime of {asked!r} is not known for {self.models}; {names} is.")


def rule_of(prompt: Prompt, minimum_tokens: int | None) -> Rule:
    """The rule for a prompt's model; `minimum_tokens` stands for the stored minimum. Raises InputError where none is stored."""
    provider = "anthropic" if prompt.api == "anthropic" else "openai"
    name = plain_name(prompt.model)
    found = next((rule for rule in rules() if rule.provider == provider and _covers(rule.models, name)), None)
    if found is None:
        raise InputError(
            "model",
            f"No rule of {provider} for caching {prompt.model} is stored here: name a model of Anthropic or OpenAI as `model`.",
        )
    if minimum_tokens is not None:
        found = replace(found, minimum_tokens=minimum_tokens, minimum_given=True)
    if found.minimum_tokens is None:
        raise InputError(
            "minimum",
            f"The shortest prefix that {provider} caches for {prompt.model} is not stored here: give `minimum` in tokens, from "
            f"{found.source}.",
        )
    asked = prompt.options.get("prompt_cache_retention")
    if found.matching == "tokens" and not asked:  # which one holds without it depends on the organization
        found = replace(found, lifetimes=(Lifetime("default", 300, 86_400), *found.lifetimes))
    return replace(found, models=prompt.model)


def plain_name(model: str) -> str:
    """A model's name without the prefix of a router and with - for each dot of Claude's versions."""
    name = model.strip().lower().rpartition("/")[2]
    name = re.sub(r"^(?:[a-z]{2,6}\.)?anthropic\.", "", name)
    return name.replace(".", "-") if name.startswith("claude") else name


@functools.cache
def rules() -> tuple[Rule, ...]:
    """Every stored rule; the first that covers a model counts."""
    with Path(__file__).with_name("cache_rules.csv").open(encoding="utf-8", newline="") as file:
        return tuple(_rule(row) for row in csv.DictReader(file))


def _rule(row: dict[str, str]) -> Rule:
    lifetimes = [one.split(":") for one in row["lifetimes"].split()]
    matching = row["matching"]
    assert matching in ("breakpoints", "message ends", "tokens"), row
    return Rule(
        row["provider"],
        row["models"],
        int(row["minimum_tokens"]) if row["minimum_tokens"] else None,
        float(row["write"]),
        float(row["write_1h"]) if row["write_1h"] else None,
        float(row["read"]) if row["read"] else None,
        tuple(Lifetime(name, float(least), float(most) if most else None) for name, least, most in lifetimes),
        matching,  # type: ignore[arg-type]
        row["source"],
        row["date"],
    )


def _covers(models: str, name: str) -> bool:
    family, least, version = models.partition(">=")
    if least:
        found = re.match(rf"{re.escape(family)}-(\d+)(?:\.(\d+))?(?![\d.])", name)
        return found is not None and (int(found[1]), int(found[2] or 0)) >= tuple(map(int, version.split(".")))
    names = (re.escape(one).replace(r"\*", ".*") for one in models.split())
    return any(re.fullmatch(one + _DATE, name) for one in names)
