"""The schema held to two programs, where they are installed: `jsonschema` says whether it is one, `llguidance` compiles it."""

from __future__ import annotations

import json
import warnings
from typing import Any, Final

from ropescope.errors import FormatError

MOST_DEPTH: Final = 800
"""Levels that llguidance is trusted to follow: it does so on the stack, whose end ends the process."""


def require_valid(schema: Any, where: str) -> bool:
    """Whether it could be checked, which needs jsonschema. Raises FormatError for a schema that its own draft does not allow."""
    try:
        from jsonschema import SchemaError
        from jsonschema.validators import Draft202012Validator, validator_for
    except ImportError:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a $schema that it does not know
        validator = validator_for(schema, default=Draft202012Validator)
    try:
        validator.check_schema(schema)
    except SchemaError as error:
        at = "#" + "".join(f"/{step}" for step in error.path)
        raise FormatError(f"{where}: not a JSON schema at {at[:200]}: {error.message[:160]}.") from error
    except Exception as error:  # a pattern or reference that the library cannot read
        raise FormatError(f"{where}: not a JSON schema: {str(error)[:160]}.") from error
    return True


def deepest(schema: Any) -> int:
    """How deep a schema is at most once each $ref is followed: its own depth for each of them."""
    refs: set[str] = set()
    depth, level = 0, [schema]
    while level:
        depth += 1
        refs |= {one["$ref"] for one in level if isinstance(one, dict) and isinstance(one.get("$ref"), str)}
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
    return depth * (len(refs) + 1)


def llguidance_says(schema: Any) -> tuple[str, str] | None:
    """(version, what llguidance objects to, "" for nothing); None where it is not installed, or the schema may be too deep."""
    if deepest(schema) > MOST_DEPTH:
        return None
    try:
        from llguidance import LLMatcher, LLTokenizer, __version__
    except ImportError:
        return None
    try:
        grammar = LLMatcher.grammar_from_json_schema(json.dumps(schema))
        _, messages = LLMatcher.validate_grammar_with_warnings(grammar, LLTokenizer("byte"))
    except Exception as error:
        messages = [str(error)]
    return str(__version__), "; ".join(" ".join(message.split()) for message in messages)[:300]
