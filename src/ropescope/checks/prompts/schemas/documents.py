"""Where the schemas are in what a user gives: a bare schema, a response format, a request, or a list of tools."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ropescope.errors import FormatError

Path = tuple[str | int, ...]

KEYWORDS: Final = frozenset(
    "type properties $ref anyOf oneOf allOf items prefixItems enum const $defs definitions $schema additionalProperties not".split()
)
"""Any of these makes an object a schema."""
MOST_SCHEMAS: Final = 1000
MOST_CONTAINERS: Final = 20_000
"""Objects and lists in a file: what takes some seconds to check."""


@dataclass(frozen=True, slots=True)
class Found:
    """A schema and where it stands: `path` in the document, `name` for people ("" for a bare schema).

    tool: the arguments of a tool, with its `description`. strict: whether the request asks for it to be enforced; None where it
    does not say.
    """

    path: Path
    name: str
    schema: Any
    tool: bool = False
    strict: bool | None = None
    description: str | None = None

    @property
    def enforced(self) -> bool:
        """Whether a hosted API writes by it: a response format, or a strict tool."""
        return not self.tool or self.strict is True


def schemas_in(document: Any, where: str) -> tuple[Found, ...]:
    """Every schema in `document`. Raises FormatError where there is none, or more than can be checked in some seconds."""
    if _containers(document) > MOST_CONTAINERS:
        raise FormatError(f"{where} holds more than {MOST_CONTAINERS:,} objects and lists: give a part of it.")
    found = tuple(_found(document, ()))
    if not found:
        raise FormatError(
            f"{where} holds no schema: give a JSON schema, a response_format, a request, or tools of OpenAI, Anthropic or MCP."
        )
    if len(found) > MOST_SCHEMAS:
        raise FormatError(f"{where} holds {len(found):,} schemas: give at most {MOST_SCHEMAS:,}.")
    return found


def _containers(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + sum(map(_containers, value.values() if isinstance(value, dict) else value))


def _found(document: Any, path: Path) -> Iterator[Found]:
    if isinstance(document, list):
        for at, tool in enumerate(document):
            yield from _tool(tool, (*path, at))
        return
    if not isinstance(document, dict):
        return
    inner = document.get("result")
    if isinstance(inner, dict) and isinstance(inner.get("tools"), list):  # an answer to tools/list of MCP
        yield from _found(inner, (*path, "result"))
        return
    within = list(_formats(document, path))
    for key in ("tools", "functions"):
        if isinstance(document.get(key), list):
            within += _found(document[key], (*path, key))
    within = within or list(_tool(document, path))
    if within:
        yield from within
    elif KEYWORDS & document.keys():
        yield Found(path, "", document)


_FORMATS: Final[tuple[Path, ...]] = (
    (), ("response_format",), ("text", "format"), ("output_config", "format"), ("output_format",), ("json_schema",),
)  # fmt: skip


def _formats(document: Mapping[str, Any], path: Path) -> Iterator[Found]:
    """Response formats: of a request, or alone."""
    for steps in _FORMATS:
        node: Any = document
        for step in steps:
            node = node.get(step) if isinstance(node, dict) else None
        if not isinstance(node, dict):
            continue
        spot = (*path, *steps)
        if isinstance(node.get("json_schema"), dict) and node.get("type") == "json_schema":
            node, spot = node["json_schema"], (*spot, "json_schema")
        elif not steps and node.get("type") != "json_schema":
            continue
        if isinstance(node.get("schema"), dict | bool):
            yield Found(
                (*spot, "schema"),
                str(node.get("name") or "the response"),
                node["schema"],
                strict=_truth(node.get("strict")),
            )
            return


def _tool(tool: Any, path: Path) -> Iterator[Found]:
    if not isinstance(tool, dict):
        return
    inner = tool.get("function")
    if isinstance(inner, dict):
        tool, path = {**inner, "strict": inner.get("strict", tool.get("strict"))}, (*path, "function")
    for key in ("parameters", "input_schema", "inputSchema"):
        if isinstance(tool.get(key), dict | bool) and "name" in tool:
            told = tool.get("description")
            name, strict = str(tool["name"]), _truth(tool.get("strict"))
            yield Found((*path, key), name, tool[key], True, strict, told if isinstance(told, str) else None)
            return


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def put(document: Any, path: Path, value: Any) -> Any:
    """`document` with `value` at `path`; what is not on the way is shared."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    copy: Any = list(document) if isinstance(document, list) else dict(document)
    copy[step] = put(document[step], rest, value)
    return copy


def pointer(path: Path) -> str:
    """`#/properties/answer`: a path as a JSON pointer."""
    return "#" + "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def steps_of(ref: str) -> Path:
    """The steps of a JSON pointer `#/…`. Raises ValueError for another reference."""
    if not re.match(r"#(/|$)", ref):
        raise ValueError(ref)
    from urllib.parse import unquote

    return tuple(unquote(step).replace("~1", "/").replace("~0", "~") for step in ref[1:].split("/")[1:])


def as_list(value: Any) -> list[Any]:
    """`value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_dict(value: Any) -> dict[str, Any]:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}
