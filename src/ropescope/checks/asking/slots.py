"""What a sentence names: a model, a device, a number of tokens, a price, a precision, an engine. Patterns, and no guesses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ropescope.checks.serving.devices.device import device_named
from ropescope.checks.serving.engines.engine import ENGINES
from ropescope.errors import RopescopeError
from ropescope.questions.inputs import fields_of
from ropescope.questions.kinds import Device, ListOf, Source, Text, Tokens
from ropescope.questions.numbers import read_tokens
from ropescope.questions.question import Question

_TOKENS: Final = re.compile(
    r"(?<![\w.])(\d+(?:[.,]\d+)?\s?(?:k|ki|m|mi))(?:[- ]?(?:tokens?|context|ctx))?(?![\w/.])", re.I
)
_PLAIN_TOKENS: Final = re.compile(r"(?<![\w.])(\d[\d,]{2,})\s*[- ]?(?:tokens?|context|ctx)\b", re.I)
_MEMORY: Final = re.compile(
    r"(?<![\w.])(\d+(?:\.\d+)?)\s?(GiB|GB|G)\b(?:\s+(?:of\s+)?(?:vram|gpu|card|memory|ram|mac))?", re.I
)
_MONEY: Final = re.compile(r"\$\s?(\d[\d,]*(?:\.\d+)?)")
_HUB_ID: Final = re.compile(r"(?<![\w./~-])([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*[A-Za-z0-9])(?![\w/])")
_FILE: Final = re.compile(r"(?<!\S)((?:\.{0,2}/|~/)\S+|\S+\.(?:gguf|safetensors))(?!\S)")
_ALIAS: Final = re.compile(r"\bsmollm2\b", re.I)
_SIZED: Final = re.compile(
    r"\b(?:(?!(?:an?|the|my|your|this|of|on|run|fit|does|is)\b)[a-z][\w.-]*[ -])?\d+(?:\.\d+)?b\b(?:-a\d+b)?", re.I
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
    """What was found, as text that the fields' kinds read. `model` is how the user called a model that is not a source."""

    source: str | None = None
    model: str | None = None
    device: str | None = None
    tokens: str | None = None
    money: str | None = None
    precision: str | None = None
    scores: str | None = None
    left: str = ""

    @property
    def found(self) -> dict[str, str]:
        """The slots that are filled, by name."""
        names = ("source", "model", "device", "tokens", "money", "precision", "scores")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def slots_of(text: str) -> Slots:
    """What `text` names. `left` is the rest of it."""
    left = text
    found: dict[str, str] = {}

    def take(name: str, pattern: re.Pattern[str], group: int = 1) -> None:
        nonlocal left
        match = pattern.search(left)
        if match and name not in found:
            found[name] = match[group]
            left = f"{left[: match.start()]} {left[match.end() :]}"

    if match := _SCORES.search(left):
        found["scores"] = f"{match[1]},{match[2]}"
        left = f"{left[: match.start()]} {left[match.end() :]}"
    take("source", _FILE)
    take("source", _HUB_ID)
    take("source", _ALIAS, 0)
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
    take("model", _SIZED, 0)
    if "tokens" in found:
        found["tokens"] = found["tokens"].replace(" ", "").replace(",", "")
        try:
            read_tokens("tokens", found["tokens"])
        except RopescopeError:
            del found["tokens"]
    if "money" in found:
        found["money"] = found["money"].replace(",", "")
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
    try:
        return device_named(text) is not None
    except RopescopeError:  # several kinds share the name; the question itself lists them
        return True


def filled(question: Question, slots: Slots, words: Iterable[str]) -> tuple[dict[str, Any], int]:
    """(the inputs of `question` that the slots fill, as text, with the kind's own word where one is missing; how many
    slots it took)."""
    given: dict[str, Any] = {}
    taken = set()
    spoken = {word.lower() for word in words}
    asked = sorted(fields_of(question.inputs_type), key=lambda one: not one.required)
    for one in asked:
        kind = one.kind
        several = isinstance(kind, ListOf) and isinstance(kind.of, Source)
        if isinstance(kind, Source) or several:
            if slots.source and "source" not in taken:
                taken.add("source")
                given[one.name] = [slots.source, "OTHER"] if several else slots.source
            elif one.required:
                given[one.name] = ["MODEL", "OTHER"] if several else "MODEL"
            if slots.model:
                taken.add("model")
        elif isinstance(kind, Device) and slots.device:
            taken.add("device")
            given[one.name] = slots.device
        elif isinstance(kind, Tokens) and slots.tokens and one.name in _LENGTHS and "tokens" not in taken:
            taken.add("tokens")
            given[one.name] = slots.tokens
        elif one.name == "scores" and slots.scores:
            taken.add("scores")
            given[one.name] = slots.scores
        elif one.name == "price" and slots.money:
            taken.add("money")
            given[one.name] = slots.money
        elif one.name == "precision" and slots.precision and isinstance(kind, Text):
            taken.add("precision")
            given[one.name] = slots.precision
        elif one.name == "engine" and (named := spoken & ENGINES.keys()):
            given[one.name] = [min(named)] if isinstance(kind, ListOf) else min(named)
        elif one.required and one.name not in given:
            given[one.name] = kind.metavar.partition("|")[0]
    return _in_order(question, given), len(taken)


_LENGTHS: Final = ("context", "to", "length")


def _in_order(question: Question, given: Mapping[str, Any]) -> dict[str, Any]:
    order = [one.name for one in fields_of(question.inputs_type)]
    return {name: given[name] for name in order if name in given}
