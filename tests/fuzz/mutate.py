"""Ways to spoil an input: as bytes, and as the JSON that it is."""

from __future__ import annotations

import copy
import json
import struct
from random import Random
from typing import Any

NASTY: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 7, 1 << 31, 1 << 40, 1 << 63, 10**30, -(10**30), 0.0, 0.5, -1.5, 1e308, 1e-308,
    float("nan"), float("inf"), "", "x", "full_attention", "4096", "../../etc/passwd", "<script>alert(1)</script>", "\0",
    "\ud800", "a" * 5000, [], {}, [None], [[]], [0] * 5, [1, 2, 3, 4], [True, False, True, True], [1e9], {"a": {}},
    {"rope_type": "yarn"}, {"rope_theta": -1}, ["mamba", "attention"], ["full_attention"] * 3, [[["global"], 1 << 40]],
)  # fmt: skip
NUMBERS = (
    0,
    1,
    2,
    7,
    8,
    31,
    255,
    1 << 16,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 40,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside a JSON value."""
    found = [path] if path else []
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in inside:
        found += places(entry, (*path, key))
    return found


def spoil_json(value: dict[str, Any], others: list[dict[str, Any]], random: Random) -> dict[str, Any]:
    """A copy with a few values replaced, removed, or taken from another config."""
    value = copy.deepcopy(value)
    for _ in range(random.choice((1, 1, 2, 3, 6))):
        paths = places(value)
        if not paths:
            break
        *way, last = random.choice(paths)
        parent = value
        for key in way:
            parent = parent[key]
        roll = random.random()
        if roll < 0.6:
            parent[last] = copy.deepcopy(random.choice(NASTY))
        elif roll < 0.75:
            del parent[last]
        elif roll < 0.9:
            other = random.choice(others)
            key = random.choice(list(other))
            value[key] = copy.deepcopy(other[key] if random.random() < 0.5 else random.choice(NASTY))
        elif isinstance(parent[last], int) and not isinstance(parent[last], bool):
            parent[last] = parent[last] * random.choice((-1, 2, 3, 1000)) + random.choice((-1, 0, 1))
    return value


def as_json(value: Any, random: Random) -> bytes:
    """The text of a config; now and then with bytes spoilt."""
    text = json.dumps(value).encode("utf-8", "surrogatepass")
    return spoil_bytes(text, [text], random) if random.random() < 0.1 else text


def spoil_bytes(data: bytes, others: list[bytes], random: Random, near: int | None = None) -> bytes:
    """A copy with a few bytes flipped, numbers overwritten, pieces removed, doubled or taken from another input.

    `near` keeps the changes within the first bytes, where the header is.
    """
    spoilt = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        if not spoilt:
            break
        end = min(len(spoilt), near or len(spoilt))
        at = random.randrange(end)
        roll = random.randrange(8)
        if roll == 0:
            spoilt[at] ^= 1 << random.randrange(8)
        elif roll == 1:
            spoilt[at] = random.randrange(256)
        elif roll in (2, 3):
            piece = struct.pack(random.choice("<>") + random.choice("QqIi"), *_fitting(random))
            spoilt[at : at + len(piece)] = piece
        elif roll == 4:
            del spoilt[at : at + random.choice((1, 4, 8, 50))]
        elif roll == 5:
            spoilt[at:at] = spoilt[at : at + random.choice((1, 4, 8, 50))]
        elif roll == 6:
            other = random.choice(others)
            start = random.randrange(len(other))
            spoilt[at:at] = other[start : start + random.choice((4, 8, 40, 200))]
        else:
            del spoilt[random.randrange(len(spoilt)) :]
    return bytes(spoilt)


def _fitting(random: Random) -> tuple[int]:
    return (random.choice([number for number in NUMBERS if number < 1 << 31]),)
