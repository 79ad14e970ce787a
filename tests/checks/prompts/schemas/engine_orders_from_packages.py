"""Measure in which order installed packages let an object's fields be written: what `engines.csv` calls measured.

Run it where xgrammar, llguidance, outlines-core and lm-format-enforcer are installed (any of them); it prints the order of each.
llama.cpp's own grammars are read from what its converter writes for `SCHEMA`: required fields first, in the order of properties.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from importlib.metadata import version
from itertools import permutations

SCHEMA = {
    "type": "object",
    "properties": {"notes": {"type": "string"}, "name": {"type": "string"}, "age": {"type": "string"}},
    "required": ["age", "name"],
    "additionalProperties": False,
}
ORDERS = {
    frozenset({("notes", "name", "age")}): "as listed",
    frozenset({("name", "age", "notes")}): "required first",
    frozenset(permutations(SCHEMA["properties"])): "any",
}


def order_of(accepts: Callable[[str], bool]) -> str:
    """The order under which a grammar `accepts` all three fields."""
    taken = {
        names
        for names in permutations(SCHEMA["properties"])
        if accepts(json.dumps(dict.fromkeys(names, "x"), separators=(",", ":")))
    }
    return ORDERS.get(frozenset(taken), f"none of the known: {sorted(taken)}")


def llguidance() -> Callable[[str], bool]:
    """Whether llguidance's grammar takes a text."""
    from llguidance import LLMatcher, LLTokenizer

    tokenizer, grammar = LLTokenizer("byte"), LLMatcher.grammar_from_json_schema(json.dumps(SCHEMA))

    def accepts(text: str) -> bool:
        matcher, tokens = LLMatcher(tokenizer, grammar), list(text.encode())
        return bool(matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting())

    return accepts


def xgrammar() -> Callable[[str], bool]:
    """Whether xgrammar's grammar takes a text."""
    from xgrammar import Grammar
    from xgrammar.testing import _is_grammar_accept_string

    grammar = Grammar.from_json_schema(json.dumps(SCHEMA))
    return lambda text: bool(_is_grammar_accept_string(grammar, text))


def outlines_core() -> Callable[[str], bool]:
    """Whether outlines-core's regular expression takes a text."""
    from outlines_core.json_schema import build_regex_from_schema

    pattern = re.compile(build_regex_from_schema(json.dumps(SCHEMA)))
    return lambda text: pattern.fullmatch(text) is not None


def lm_format_enforcer() -> Callable[[str], bool]:
    """Whether lm-format-enforcer's parser takes a text."""
    from lmformatenforcer import JsonSchemaParser

    def accepts(text: str) -> bool:
        parser = JsonSchemaParser(SCHEMA)
        for character in text:
            if character not in parser.get_allowed_characters():
                return False
            parser = parser.add_character(character)
        return bool(parser.can_end())

    return accepts


PACKAGES: Mapping[str, Callable[[], Callable[[str], bool]]] = {
    "xgrammar": xgrammar,
    "llguidance": llguidance,
    "outlines-core": outlines_core,
    "lm-format-enforcer": lm_format_enforcer,
}

if __name__ == "__main__":
    for name, grammar in PACKAGES.items():
        try:
            print(f"{name} {version(name)}: {order_of(grammar())}")
        except ImportError as error:
            print(f"{name}: not installed ({error})")
