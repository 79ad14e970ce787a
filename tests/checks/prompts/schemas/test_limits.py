"""Where schemas are found in what is given, and what the hosted APIs say they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from ropescope.checks.prompts.schemas.documents import Found, pointer, schemas_in, steps_of
from ropescope.checks.prompts.schemas.limits import limits, together
from ropescope.checks.prompts.schemas.walk import Walk

PLAIN = {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"], "additionalProperties": False}


@pytest.mark.parametrize(
    ("document", "at"),
    [
        (PLAIN, "#"),
        ({"type": "json_schema", "json_schema": {"name": "n", "schema": PLAIN, "strict": True}}, "#/json_schema/schema"),
        ({"type": "json_schema", "name": "n", "schema": PLAIN}, "#/schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": PLAIN}}}, "#/response_format/json_schema/schema"),
        ({"input": "", "text": {"format": {"type": "json_schema", "schema": PLAIN}}}, "#/text/format/schema"),
        ({"messages": [], "output_config": {"format": {"type": "json_schema", "schema": PLAIN}}}, "#/output_config/format/schema"),
        ([{"type": "function", "function": {"name": "f", "parameters": PLAIN}}], "#/0/function/parameters"),
        ({"tools": [{"type": "function", "name": "f", "parameters": PLAIN}]}, "#/tools/0/parameters"),
        ({"tools": [{"type": "web_search"}, {"name": "f", "input_schema": PLAIN}]}, "#/tools/1/input_schema"),
        ({"result": {"tools": [{"name": "f", "inputSchema": PLAIN, "outputSchema": {}}]}}, "#/result/tools/0/inputSchema"),
        ({"name": "f", "parameters": PLAIN}, "#/parameters"),
    ],
)  # fmt: skip
def test_the_shapes_that_schemas_come_in(document: Any, at: str) -> None:
    (found,) = schemas_in(document, "file")
    assert pointer(found.path) == at and found.schema == PLAIN


def test_pointers_are_escaped_and_read_back() -> None:
    assert pointer(("a/b", "c~d", 0)) == "#/a~1b/c~0d/0"
    assert steps_of("#/a~1b/c~0d/0") == ("a/b", "c~d", "0") and steps_of("#/%24defs/x") == ("$defs", "x")


def refused(schema: Any) -> list[tuple[str, str]]:
    walk = Walk(schema, "file")
    walk.objects()
    return [(one.engine, one.what) for one in limits(Found((), "", schema), walk)]


def test_a_plain_schema_is_taken_by_both() -> None:
    assert refused(PLAIN) == []


def test_what_is_written_down_is_told() -> None:
    told = refused(
        {"type": "object", "properties": {"x": {"type": "string", "minLength": 2}, "y": {"not": {}}}, "required": ["x"]}
    )
    assert ("openai", "fields must all be required: y") in told
    assert ("openai", "additionalProperties must be false") in told and (
        "anthropic",
        "additionalProperties must be false",
    ) in told
    assert ("openai", "not is not supported") in told and ("anthropic", "minLength is not supported") in told


def test_a_property_that_is_called_as_a_keyword_is_none() -> None:
    schema = {**PLAIN, "properties": {"not": {"type": "string"}, "if": {"type": "string"}}, "required": ["not", "if"]}
    assert refused(schema) == []


def test_names_and_numbers_of_tools() -> None:
    def tool(name: str, **more: Any) -> Found:
        return Found((), name, PLAIN, True, **more)

    assert together([tool("a_b-1")]) == []
    assert {one.engine for one in together([tool("n" * 65)])} == {"openai"}
    assert {one.engine for one in together([tool("a.b")])} == {"openai", "anthropic"}
    assert [one.what for one in together([tool(f"t{at}", strict=True) for at in range(21)])] == [
        "21 strict tools, at most 20"
    ]
