"""Texts to score cache plans on: prose that no profile was measured on, Python source, and tables. All come with Python."""

from __future__ import annotations

import importlib.util
import pydoc_data.topics
import random
import unicodedata
from collections.abc import Iterator
from typing import Any

SOURCES = (
    "argparse",
    "tarfile",
    "statistics",
    "inspect",
    "difflib",
    "zipfile",
    "mailbox",
    "subprocess",
    "turtle",
    "pickle",
)
BLOCKS = (0x41, 0x391, 0x900, 0x2190, 0x3041, 0x13A0)


def language_reference(half: int) -> str:
    """The first half of the language reference (half = 0), to calibrate on, or the second, to score on."""
    names = sorted(pydoc_data.topics.topics)
    middle = len(names) // 2
    return "\n\n".join(pydoc_data.topics.topics[name] for name in (names[:middle] if half == 0 else names[middle:]))


def sources() -> Iterator[str]:
    """Modules of the standard library."""
    for name in SOURCES:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            with open(spec.origin, encoding="utf-8") as file:
                yield file.read()


def tables() -> Iterator[str]:
    """Comma-separated tables: blocks of the Unicode database, and seeded ledgers in which names and prices recur."""
    for block in BLOCKS:
        rows = ["codepoint,name,category,bidirectional,east_asian_width,decomposition"]
        for code in range(block, block + 400):
            char = chr(code)
            if name := unicodedata.name(char, ""):
                kinds = (
                    unicodedata.category(char),
                    unicodedata.bidirectional(char),
                    unicodedata.east_asian_width(char),
                )
                rows.append(",".join((f"{code:04X}", name, *kinds, unicodedata.decomposition(char))))
        yield "\n".join(rows)
    rng = random.Random(0)
    people = [f"{first} {last}" for first in ("Ann", "Bo", "Cy", "Di", "Ed") for last in ("Reed", "Stone", "Marsh")]
    for _ in range(4):
        rows = ["date,customer,item,quantity,unit_price,total"]
        for _ in range(300):
            quantity, price = rng.randint(1, 9), rng.choice([2.5, 3.75, 12.0, 19.99, 45.0])
            item = rng.choice(["bolt", "hinge", "lamp", "chair", "rope", "paint"])
            day = f"2024-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
            rows.append(f"{day},{rng.choice(people)},{item},{quantity},{price:.2f},{quantity * price:.2f}")
        yield "\n".join(rows)


def windows(tokenizer: Any, text: str, n_tokens: int, count: int) -> list[list[int]]:
    """Up to `count` windows of `n_tokens` that do not overlap, spread over the text."""
    ids = tokenizer(text)["input_ids"]
    stride = max(n_tokens, len(ids) // count)
    return [ids[start : start + n_tokens] for start in range(0, len(ids) - n_tokens + 1, stride)][:count]


def scored_texts(tokenizer: Any, n_tokens: int, count: int) -> list[tuple[str, list[int]]]:
    """(kind, tokens) of up to `count` texts of each kind, the kinds in turn."""
    kinds: dict[str, list[list[int]]] = {"prose": windows(tokenizer, language_reference(1), n_tokens, count)}
    for kind, texts, skip in (("source", sources(), 200), ("table", tables(), 0)):
        found = (tokenizer(text)["input_ids"][skip : skip + n_tokens] for text in texts)
        kinds[kind] = [ids for ids in found if len(ids) == n_tokens][:count]
    return [(kind, ids) for group in zip(*kinds.values(), strict=False) for kind, ids in zip(kinds, group, strict=True)]
