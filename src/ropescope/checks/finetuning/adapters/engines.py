"""Which engines load an adapter: their stated rules, read in their source, against the features it has."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, Literal

Outcome = Literal["loads", "limit", "wrong", "unknown", "refused"]
"""limit: loads with another setting. wrong: loads, and computes something else than was trained."""

OUTCOMES: Final[Mapping[str, str]] = {
    "loads": "loads",
    "limit": "loads with a setting",
    "wrong": "loads, but computes otherwise",
    "unknown": "not known",
    "refused": "refuses it",
}
_WORST: Final = tuple(OUTCOMES)

ENGINES: Final = ("peft", "vllm", "sglang", "llama.cpp")
DEFAULT_RANK: Final = 16
VLLM_RANKS: Final = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""The default of vLLM's max_lora_rank, and what it may be."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What an engine's source says of one feature, with the version and the day it was read."""

    engine: str
    version: str
    feature: str
    outcome: str
    says: str
    mend: str
    source: str
    read: str


@dataclass(frozen=True, slots=True)
class Loading:
    """What an engine makes of an adapter: the worst outcome of the rules that it meets, and those rules, worst first."""

    engine: str
    version: str
    read: str
    outcome: str
    rules: tuple[Rule, ...]

    @property
    def loads(self) -> bool | None:
        """Whether it loads and computes what was trained; None where its source does not tell."""
        return {"loads": True, "limit": True, "unknown": None}.get(self.outcome, False)


@cache
def rules() -> tuple[Rule, ...]:
    """The shipped rules, in their order."""
    text = files("ropescope.checks.finetuning.adapters").joinpath("engine_rules.csv").read_text(encoding="utf-8")
    return tuple(Rule(**row) for row in csv.DictReader(text.splitlines()))


def loading(engine: str, features: Mapping[str, Mapping[str, str]]) -> Loading:
    """What `engine` makes of an adapter with `features`; each maps to what its rule's sentences name."""
    own = [rule for rule in rules() if rule.engine == engine]
    met = sorted((one for one in own if one.feature in features), key=lambda one: -_WORST.index(one.outcome))
    told = tuple(
        Rule(
            one.engine,
            one.version,
            one.feature,
            one.outcome,
            one.says.format_map(features[one.feature]),
            one.mend.format_map(features[one.feature]),
            one.source,
            one.read,
        )
        for one in met
    )
    return Loading(engine, own[0].version, own[0].read, told[0].outcome if told else "loads", told)
