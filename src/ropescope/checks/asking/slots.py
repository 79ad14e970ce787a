"""What a sentence names: a model, a device, a number of tokens, a price, a precision, an engine. Patterns, and no guesses."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from ropescope.checks.judging.saturation.benchmarks import find as benchmark_named
from ropescope.checks.serving.devices.device import devices_named
from ropescope.checks.serving.engines.engine import ENGINES
from ropescope.errors import RopescopeError
from ropescope.questions.domains import Real
from ropescope.questions.inputs import Asked, fields_of
from ropescope.questions.kinds import Device, ListOf, Source, Tokens
from ropescope.questions.numbers import read_tokens
from ropescope.questions.question import Question

_TOKENS: Final = re.compile(
    r"(?<![\w.])(\d+(?:[.,]\d+)?\s?(?:k|ki|m|mi))(?:[- ]?(?:tokens?|context|ctx))?(?![\w/.])", re.I
)
_PLAIN_TOKENS: Final = re.compile(r"(?<![\w.])(\d[\d,]{2,})\s*[- ]?(?:tokens?|context|ctx)\b", re.I)
_MEMORY: Final = re.compile(
    r"(?<![\w.])(\d+(?:\.\d+)?)\s?(GiB|GB|G)\b(?:\s+(?:of\s+)?(?:vram|gpu|card|memory|ram|mac))?", re.I
)
_AMOUNT: Final = r"(?:[$€£]\s?(\d[\d,]*(?:\.\d+)?)|(?<![\w.])(\d[\d,]*(?:\.\d+)?)\s?(?:dollars?|usd|euros?|eur)\b)"
_PRICE: Final = re.compile(_AMOUNT + r"\s?(?:/|an?\b|per\b|each\b)\s?(?:gpu|card)?[ -]?(?:h\b|hr\b|hours?\b)", re.I)
_MONEY: Final = re.compile(_AMOUNT, re.I)
_HUB_ID: Final = re.compile(r"(?<![\w./~-])([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*[A-Za-z0-9])(?![\w/])")
_FILE: Final = re.compile(r"(?<!\S)((?:\.{0,2}/|~/)\S+|\S+\.(?:gguf|safetensors))(?!\S)")
_ALIAS: Final = re.compile(r"\bsmollm2\b", re.I)
_SIZED: Final = re.compile(
    r"\b(?:(?!(?:an?|the|my|your|this|of|on|run|fit|does|is|train|tune|host|serve|rent|buy|for|with|at)\b)[a-z][\w.-]*[ -])?"
    r"(?:\d{1,2}(?:\.\d)?[ -])?(?:\d+x)?\d+(?:\.\d+)?b\b(?:-a\d+b)?",
    re.I,
)
_PRECISION: Final = re.compile(r"\b(i?q\d_\w+|fp8|bf16|bfloat16|fp16|float16|int8|int4|awq|gptq|nvfp4|mxfp4)\b", re.I)
_SCORES: Final = re.compile(
    r"(?<![\w.])(\d{1,3}(?:\.\d+)?)\s*%?\s*(?:vs\.?|versus|against)\s*(\d{1,3}(?:\.\d+)?)\s*%?(?![\w.]*\w)",
    re.I,
)
_WORDS: Final = re.compile(r"[\w.+-]+")
_COUNTED: Final = re.compile(r"^\d{1,2}\s*[x×]\s*", re.I)
"""As in 2x3090."""
_MOST_WORDS: Final = 4


@dataclass(frozen=True)
class Slots:
    """What was found, as text that the fields' kinds read. `model` is how the user called a model that is no source."""

    source: str | None = None
    model: str | None = None
    device: str | None = None
    tokens: str | None = None
    money: str | None = None
    price: str | None = None
    precision: str | None = None
    scores: str | None = None
    benchmark: str | None = None
    left: str = ""

    @property
    def found(self) -> dict[str, str]:
        """The slots that are filled, by name."""
        names = ("source", "model", "device", "tokens", "price", "money", "precision", "scores", "benchmark")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def slots_of(text: str) -> Slots:
    """What `text` names. `left` is the rest of it."""
    left = text
    found: dict[str, str] = {}

    def take(name: str, pattern: re.Pattern[str]) -> None:
        nonlocal left
        match = pattern.search(left)
        if match and name not in found:
            found[name] = next(filter(None, match.groups()), match[0])
            left = f"{left[: match.start()]} {left[match.end() :]}"

    if match := _SCORES.search(left):
        found["scores"] = f"{match[1]},{match[2]}"
        left = f"{left[: match.start()]} {left[match.end() :]}"
    take("source", _FILE)
    take("source", _HUB_ID)
    take("source", _ALIAS)
    take("price", _PRICE)
    take("money", _MONEY)
    take("precision", _PRECISION)
    named = _device(left)
    if named:
        counted = _COUNTED.sub("", named)
        found["device"] = named if _device_named(counted) else named.removesuffix("s")
        left = re.sub(rf"(?<!\w){re.escape(named)}(?!\w)", " ", left, count=1)
    take("tokens", _PLAIN_TOKENS)
    take("tokens", _TOKENS)
    if "device" not in found and (match := _MEMORY.search(left)):
        found["device"] = f"{match[1]}GiB"
        left = f"{left[: match.start()]} memory {left[match.end() :]}"
    take("model", _SIZED)
    if named_benchmark := next((word for word in _WORDS.findall(left) if benchmark_named(word)), None):
        found["benchmark"] = named_benchmark  # the word stays: it tells the question, too
    if "tokens" in found:
        found["tokens"] = found["tokens"].replace(" ", "").replace(",", "")
        try:
            read_tokens("tokens", found["tokens"])
        except RopescopeError:
            del found["tokens"]
    for name in found.keys() & {"money", "price"}:
        found[name] = found[name].replace(",", "")
    return Slots(**found, left=left)


def _device(text: str) -> str | None:
    """The longest run of words that is the name of a device."""
    words = _WORDS.findall(text)
    for size in range(_MOST_WORDS, 0, -1):
        for start in range(len(words) - size + 1):
            named = " ".join(words[start : start + size])
            if named in text and any(letter.isdigit() for letter in named) and _is_device(named):
                return named
    return None


def _is_device(text: str) -> bool:
    one = _COUNTED.sub("", text)
    return _device_named(one) or _device_named(one.removesuffix("s"))


def _device_named(text: str) -> bool:
    """Several kinds may share the name: the question itself lists them."""
    return bool(devices_named(text))


def filled(question: Question, slots: Slots, words: Iterable[str]) -> tuple[dict[str, Any], int]:
    """(the inputs of `question` that the slots fill, as text, with the kind's own word where one is missing; how many
    slots it took)."""
    given: dict[str, Any] = {}
    taken: dict[str, str] = {}
    spoken = {word.lower() for word in words}
    fields = {one.name: one for one in fields_of(question.inputs_type)}

    def give(one: Asked, slot: str, value: Any) -> None:
        given[one.name] = value
        taken[slot] = one.name

    for one in sorted(fields.values(), key=lambda one: not one.required):
        kind = one.kind
        several = isinstance(kind, ListOf)
        if isinstance(kind.of if isinstance(kind, ListOf) else kind, Source):
            if slots.source and "source" not in taken:
                give(one, "source", [slots.source, "OTHER"] if several else slots.source)
            elif slots.model and not {"source", "model"} & taken.keys():
                give(one, "model", ["MODEL", "OTHER"] if several else "MODEL")
            elif one.required:
                given[one.name] = ["MODEL", "OTHER"] if several else "MODEL"
        elif one.name == "model" and one.placed and (named := slots.source or slots.model):
            give(one, "model", named)
        elif isinstance(kind, Device) and slots.device:
            give(one, "device", slots.device)
        elif isinstance(kind, Tokens) and slots.tokens and one.name in _LENGTHS and "tokens" not in taken:
            give(one, "tokens", slots.tokens)
        elif one.name == "scores" and slots.scores:
            give(one, "scores", slots.scores)
        elif one.name == "benchmark" and slots.benchmark:
            give(one, "benchmark", slots.benchmark)
        elif (
            one.name == "price" and isinstance(kind, Real) and (slots.price or (slots.money and "money" not in fields))
        ):
            give(one, "price", slots.price or slots.money)
        elif one.name == "money" and slots.money:
            give(one, "money", slots.money)
        elif one.name in ("precision", "format") and slots.precision:
            give(one, "precision", [slots.precision] if several else slots.precision)
        elif one.name == "engine" and (engines := spoken & (set(kind.options) or ENGINES.keys())):
            given[one.name] = [min(engines)] if several else min(engines)
        elif one.required and one.name not in given:
            given[one.name] = kind.metavar.partition("|")[0]
    for name in [name for name in given if fields[name].only_with and not set(fields[name].only_with) & given.keys()]:
        del given[name]  # it would not be read
    return {name: given[name] for name in fields if name in given}, sum(name in given for name in taken.values())


_LENGTHS: Final = ("context", "to", "length")
