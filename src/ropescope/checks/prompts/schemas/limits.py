"""What the two hosted APIs say they refuse in a schema or a tool; each limit with its source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from ropescope.checks.prompts.schemas.documents import Found, Path, as_dict, as_list, pointer
from ropescope.checks.prompts.schemas.walk import Walk
from ropescope.questions.names import few

OPENAI: Final = "developers.openai.com/api/docs/guides/structured-outputs, 2026-09-13"
ANTHROPIC: Final = "platform.claude.com/docs/en/build-with-claude/structured-outputs, 2026-09-30"
ANTHROPIC_TOOLS: Final = "platform.claude.com/docs/en/agents-and-tools/tool-use/define-tools, 2026-09-10"
OPENAI_TOOLS: Final = "openai-python: FunctionDefinition.name, 2026-09-30"
MCP_TOOLS: Final = "modelcontextprotocol.io/specification/2025-11-25/server/tools"


class Limit(NamedTuple):
    """Something that an engine refuses: where, what, and where that is written."""

    engine: str
    where: str
    what: str
    source: str


OPENAI_KEYWORDS: Final = ("allOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else")
ANTHROPIC_KEYWORDS: Final = ("minimum", "maximum", "multipleOf", "minLength", "maxLength", "maxItems")
_SUBSCHEMAS: Final = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
_LISTS: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE: Final = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")


def nodes(schema: Any, path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """(path, schema) of each schema in it, as it is written; no $ref is followed."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for key in _SUBSCHEMAS:
        for name, inner in as_dict(schema.get(key)).items():
            yield from nodes(inner, (*path, key, name))
    for key in _LISTS:
        for at, one in enumerate(as_list(schema.get(key))):
            yield from nodes(one, (*path, key, at))
    for key in _SINGLE:
        yield from nodes(schema.get(key), (*path, key))


def limits(found: Found, walk: Walk) -> list[Limit]:
    """What OpenAI and Anthropic refuse where a schema is enforced (strict)."""
    written = list(nodes(found.schema))
    return [*_openai(found, written), *_anthropic(found, written, walk)]


def _openai(found: Found, written: Sequence[tuple[Path, dict[str, Any]]]) -> Iterator[Limit]:
    def said(path: Path, what: str) -> Limit:
        return Limit("openai", f"{found.name} {pointer(path)}".strip(), what, OPENAI)

    root = found.schema if isinstance(found.schema, dict) else {}
    if root.get("type") != "object" or "anyOf" in root:
        yield said((), "the root is no plain object")
    strings, enums, properties = 0, 0, 0
    for path, node in written:
        for key in OPENAI_KEYWORDS:
            if key in node:
                yield said(path, f"{key} is not supported")
        fields = as_dict(node.get("properties"))
        if fields or node.get("type") == "object":
            missing = [name for name in fields if name not in as_list(node.get("required"))]
            if missing:
                yield said(path, f"fields must all be required: {_few(missing)}")
            if node.get("additionalProperties") is not False:
                yield said(path, "additionalProperties must be false")
        properties += len(fields)
        values = as_list(node.get("enum"))
        enums += len(values)
        defined = [*as_dict(node.get("$defs")), *as_dict(node.get("definitions"))]
        strings += sum(len(text) for text in (*fields, *defined, *values, node.get("const")) if isinstance(text, str))
    for count, most, what in (
        (properties, 5000, "object properties"),
        (enums, 1000, "enum values"),
        (strings, 120_000, "characters of names and values"),
    ):
        if count > most:
            yield said((), f"{count:,} {what}, at most {most:,}")


def _anthropic(found: Found, written: Sequence[tuple[Path, dict[str, Any]]], walk: Walk) -> Iterator[Limit]:
    def said(path: Path | str, what: str) -> Limit:
        return Limit(
            "anthropic", f"{found.name} {path if isinstance(path, str) else pointer(path)}".strip(), what, ANTHROPIC
        )

    for cycle in sorted(walk.cycles):
        yield said(cycle, "recursive schemas are not supported")
    for path, node in written:
        for key in ANTHROPIC_KEYWORDS:
            if key in node:
                yield said(path, f"{key} is not supported")
        if isinstance(node.get("minItems"), int) and node["minItems"] > 1:
            yield said(path, "minItems is supported for 0 and 1 only")
        if any(isinstance(one, dict | list) for one in as_list(node.get("enum"))):
            yield said(path, "an enum of objects or lists is not supported")
        if any(isinstance(one, dict) and "$ref" in one for one in as_list(node.get("allOf"))):
            yield said(path, "allOf with $ref is not supported")
        is_object = node.get("type") == "object" or "properties" in node
        if is_object and node.get("additionalProperties") is not False:
            yield said(path, "additionalProperties must be false")


def together(found: Sequence[Found]) -> list[Limit]:
    """Limits that hold for all strict schemas of a request together, and for the names of tools."""
    said = []
    strict = [one for one in found if one.strict or not one.tool]
    tools = [one for one in found if one.tool]
    optional = unions = 0
    for schema in strict:
        for _, node in nodes(schema.schema):
            fields = as_dict(node.get("properties"))
            optional += sum(name not in as_list(node.get("required")) for name in fields)
            unions += sum(
                "anyOf" in as_dict(one) or isinstance(as_dict(one).get("type"), list) for one in fields.values()
            )
    for count, most, what in (
        (sum(1 for one in tools if one.strict), 20, "strict tools"),
        (optional, 24, "optional fields in strict schemas"),
        (unions, 16, "fields of several types in strict schemas"),
    ):
        if count > most:
            said.append(Limit("anthropic", "all together", f"{count} {what}, at most {most}", ANTHROPIC))
    names: tuple[tuple[str, Callable[[str], bool], str, str], ...] = (
        (
            "openai",
            lambda name: re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) is None,
            "1 to 64 of A–Z a–z 0–9 _ -",
            OPENAI_TOOLS,
        ),
        (
            "anthropic",
            lambda name: re.fullmatch(r"[A-Za-z0-9_-]{1,128}", name) is None,
            "1 to 128 of A–Z a–z 0–9 _ -",
            ANTHROPIC_TOOLS,
        ),
        (
            "mcp",
            lambda name: re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", name) is None,
            "1 to 128 of A–Z a–z 0–9 _ - .",
            MCP_TOOLS,
        ),
    )
    for engine, wrong, allowed, source in names:
        said += [
            Limit(engine, _few([one.name]), f"the tool's name must be {allowed}", source)
            for one in tools
            if wrong(one.name)
        ]
    return said


def _few(names: Sequence[str]) -> str:
    return few([name[:60] for name in names], 4)
