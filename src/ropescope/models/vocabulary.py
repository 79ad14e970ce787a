"""How many tokens a tokenizer.json knows, and which, without loading the tokenizer.

Such a file takes up to 33 MB, most of which are merges. Only the vocabulary and the added tokens are parsed: they are
found by their keys, whose quotes no text in the file can hold unescaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MOST_FILE_BYTES: Final = 64 << 20
MOST_TOKENS: Final = 1 << 19
"""Above the largest vocabulary of a released model (LaBSE, 501,153)."""

_ADDED: Final = re.compile(rb'"added_tokens"\s*:\s*(?=\[)')
_AFTER_ADDED: Final = re.compile(rb'"normalizer"\s*:')
_MODEL: Final = re.compile(rb'"model"\s*:\s*\{')
_KIND: Final = re.compile(rb'\s*"type"\s*:\s*"(\w{1,40})"')
_VOCABULARY: Final = re.compile(rb'"vocab"\s*:\s*(?=[\[{])')
_MERGES: Final = re.compile(rb'"merges"\s*:\s*\[')

_FALLBACK: Final = re.compile(rb'"byte_fallback"\s*:\s*true')

_TOKEN: Final = re.compile(rb'"(?>[^"\\]+|\\.)*+"\s*:', re.DOTALL)
_LAST_ID: Final = re.compile(rb":\s*(\d{1,9})\s*\}\s*,\s*\Z")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`size` counts the ids in use, added tokens included; `kind` is the algorithm ("BPE", "Unigram", …); `added` maps
    each added token's text to its id."""

    size: int | None = None
    kind: str = ""
    added: Mapping[str, int] = field(default_factory=dict)


def read_vocabulary(raw: bytes) -> Vocabulary:
    """What `raw`, a tokenizer.json, says of its tokens; nothing where it is laid out in another way."""
    model = _MODEL.search(raw)
    if model is None:
        return Vocabulary()
    added = added_tokens(raw)
    kind = _KIND.match(raw, model.end())
    ids = _ids(raw, model.end())
    size = len(ids) + len(set(added.values()).difference(ids)) if ids is not None else None
    return Vocabulary(size, kind[1].decode() if kind is not None else "", added)


def read_tokens(raw: bytes) -> dict[int, str]:
    """The text of each id in `raw`, a tokenizer.json, added tokens included; empty where it is laid out in another way."""
    model = _MODEL.search(raw)
    part = None if model is None else _part(raw, model.end())
    if part is None:
        return {}
    found = _value(part, b"[" if part.startswith(b"[") else b":")
    tokens: dict[int, str] = {}
    if isinstance(found, dict):
        tokens = {number: token for token, number in found.items() if type(number) is int}
    elif isinstance(found, list):  # Unigram: pieces with their scores, numbered by their place
        pieces = (entry[0] if isinstance(entry, list) and entry else None for entry in found)
        tokens = {number: piece for number, piece in enumerate(pieces) if isinstance(piece, str)}
    return tokens and tokens | {number: token for token, number in added_tokens(raw).items()}


def falls_back_to_bytes(raw: bytes) -> bool:
    """Whether the model of a tokenizer.json spells what it does not know by bytes, as SentencePiece does."""
    return _FALLBACK.search(raw) is not None


def added_tokens(raw: bytes) -> dict[str, int]:
    """Text → id of the added tokens in `raw`, a tokenizer.json or its beginning."""
    start = _ADDED.search(raw)
    end = _AFTER_ADDED.search(raw, start.end()) if start is not None else None
    if start is None or end is None:
        return {}
    found = _value(raw[start.end() : end.start()], b'"content"')
    return {
        entry["content"]: entry["id"]
        for entry in (found if isinstance(found, list) else [])
        if isinstance(entry, dict) and isinstance(entry.get("content"), str) and type(entry.get("id")) is int
    }


def _ids(raw: bytes, model: int) -> set[int] | range | None:
    """The ids of the vocabulary, without those of added tokens."""
    part = _part(raw, model)
    if part is None:
        return None
    if part.startswith(b"{") and (last := _LAST_ID.search(part, max(0, len(part) - 200))):
        # Written in the order of the ids, as the tokenizers library does, the last id tells whether one is missing.
        n_tokens = len(_TOKEN.findall(part))
        if n_tokens == int(last[1]) + 1:
            return range(n_tokens)
    found = _value(part, b"[" if part.startswith(b"[") else b":")
    if isinstance(found, dict) and set(map(type, found.values())) == {int}:
        return set(found.values())
    # Unigram numbers its pieces by their place.
    return range(len(found)) if isinstance(found, list) else None


def _part(raw: bytes, model: int) -> bytes | None:
    """The vocabulary, as it stands in the file, up to the merges."""
    start = _VOCABULARY.search(raw, model)
    if start is None:
        return None
    end = _MERGES.search(raw, start.end())
    return raw[start.end() : end.start() if end is not None else len(raw)]


def _value(part: bytes, mark: bytes) -> Any:
    """The JSON value that `part` begins with; None if it is not JSON, or has more entries (counted by `mark`) than real."""
    if part.count(mark) > MOST_TOKENS:
        return None
    try:
        return json.JSONDecoder().raw_decode(part.decode())[0]
    except (ValueError, RecursionError):
        return None
