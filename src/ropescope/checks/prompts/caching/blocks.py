"""A request as the provider caches it: blocks in the order tools, system, messages, with the markers that end a cached prefix."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from ropescope.errors import FormatError, InputError

Api = Literal["anthropic", "openai-chat", "openai-responses"]
APIS: Final = ("anthropic", "openai-chat", "openai-responses")
UNCOUNTED: Final = frozenset({"image", "image_url", "input_image", "document", "input_file", "file", "input_audio"})
"""Blocks whose tokens do not follow from their characters."""

_MARKERS: Final = ("cache_control", "prompt_cache_breakpoint")
_OPENAI_ROLES: Final = frozenset({"system", "developer", "tool", "function"})


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of the prompt.

    place: where it stands in the request, as messages[3].content[0]. kind: role and type; a change of it is a change. text: what
    is compared and counted. marked: a breakpoint ends here, by the lifetime it asks for ("" where it names none). setting: a
    parameter, which takes no tokens.
    """

    place: str
    kind: str
    text: str
    marked: str | None = None
    setting: bool = False

    @property
    def counted(self) -> bool:
        """Whether its tokens follow from its characters."""
        return not self.setting and self.kind.rpartition(" ")[2] not in UNCOUNTED


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request in the order in which it is cached. `options` are the request's own parameters, for the rules."""

    api: Api
    model: str
    blocks: tuple[Block, ...]
    options: Mapping[str, Any]


def prompt_of(request: Any, where: str, api: str | None = None, model: str | None = None) -> Prompt:
    """The prompt of a request body. `model` stands for the one in the request.

    Raises FormatError for what is no request of the three APIs, and InputError where the API or the model is not told.
    """
    if isinstance(request, dict) and isinstance(request.get("body"), dict):
        request = request["body"]  # a line of a batch file
    if not isinstance(request, dict) or not ({"messages", "input"} & request.keys()):
        raise FormatError(
            f"{where} holds no request: give the JSON body of Anthropic Messages, OpenAI chat completions or OpenAI Responses."
        )
    named = model or request.get("model")
    if not isinstance(named, str) or not named.strip():
        raise InputError("model", f"{where} names no model: give `model`.")
    told: Any = api or _api_of(request, named)
    if told is None:
        raise InputError("api", f"{where} may be a request of several APIs: give `api` as {', '.join(APIS)}.")
    made = {"anthropic": _anthropic, "openai-chat": _chat, "openai-responses": _responses}[told](request, where)
    return Prompt(told, named.strip(), (Block("model", "setting", named.strip(), setting=True), *made), request)


def _api_of(request: Mapping[str, Any], model: str) -> Api | None:
    if "input" in request:
        return "openai-responses"
    tools = [tool for tool in _list(request.get("tools")) if isinstance(tool, dict)]
    roles = {str(message.get("role")) for message in _list(request.get("messages")) if isinstance(message, dict)}
    if "system" in request or any("input_schema" in tool for tool in tools) or "claude" in model.lower():
        return "anthropic"
    if (
        roles & _OPENAI_ROLES
        or any("function" in tool for tool in tools)
        or model.lower().startswith(("gpt", "o1", "o3", "o4"))
    ):
        return "openai-chat"
    return None


def _anthropic(request: Mapping[str, Any], where: str) -> tuple[Block, ...]:
    config = request.get("output_config") if isinstance(request.get("output_config"), dict) else {}
    assert isinstance(config, dict)
    blocks = [
        _setting("output_config.format", config.get("format") or request.get("output_format")),
        *_tools(request, where),
        _setting("speed", request.get("speed")),
        *_content(request.get("system"), "system", "system", where),
        _setting("tool_choice", request.get("tool_choice")),
        _setting("thinking", request.get("thinking")),
        _setting("output_config.effort", config.get("effort")),
        *_messages(request.get("messages"), "messages", where),
    ]
    automatic = _marker(request)
    if automatic is not None:
        last = next((at for at in range(len(blocks) - 1, -1, -1) if not blocks[at].setting), None)
        if last is not None and blocks[last].marked is None:
            block = blocks[last]
            blocks[last] = Block(block.place, block.kind, block.text, automatic)
    return tuple(blocks)


def _chat(request: Mapping[str, Any], where: str) -> tuple[Block, ...]:
    return (
        _setting("reasoning_effort", request.get("reasoning_effort")),
        _setting("verbosity", request.get("verbosity")),
        *_tools(request, where),
        *_schema("response_format", request.get("response_format")),
        *_messages(request.get("messages"), "messages", where),
    )


def _responses(request: Mapping[str, Any], where: str) -> tuple[Block, ...]:
    text = request.get("text") if isinstance(request.get("text"), dict) else {}
    reasoning = request.get("reasoning") if isinstance(request.get("reasoning"), dict) else {}
    assert isinstance(text, dict) and isinstance(reasoning, dict)
    given = request.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    return (
        _setting("reasoning.effort", reasoning.get("effort")),
        _setting("text.verbosity", text.get("verbosity")),
        *_tools(request, where),
        *_schema("text.format", text.get("format")),
        *_content(request.get("instructions"), "instructions", "system", where),
        *_messages(items, "input", where),
    )


def _tools(request: Mapping[str, Any], where: str) -> Iterator[Block]:
    tools = request.get("tools") or []
    if not isinstance(tools, list):
        raise FormatError(f"{where}: tools is no list.")
    for at, tool in enumerate(tools):
        yield Block(f"tools[{at}]", "tool", _dump(tool), _marker(tool))


def _schema(place: str, value: Any) -> Iterator[Block]:
    """A response format: its schema stands before the system message."""
    if value is not None:
        yield Block(place, "schema", _dump(value))


def _messages(messages: Any, place: str, where: str) -> Iterator[Block]:
    if not isinstance(messages, list):
        raise FormatError(f"{where}: {place} is no list of messages.")
    for at, message in enumerate(messages):
        spot = f"{place}[{at}]"
        if not isinstance(message, dict):
            raise FormatError(f"{where}: {spot} is no message, which is an object with a role and content.")
        role = str(message.get("role") or message.get("type") or "item")
        yield from _content(message.get("content"), f"{spot}.content", role, where)
        rest = {key: value for key, value in message.items() if key not in ("role", "content", *_MARKERS)}
        if message.get("content") is None or rest.keys() - {"type", "id", "status"}:
            yield Block(spot, f"{role} item", _dump(rest), _marker(message))


def _content(value: Any, place: str, role: str, where: str) -> Iterator[Block]:
    if value is None:
        return
    if isinstance(value, str):
        yield Block(place, f"{role} text", value)
        return
    if not isinstance(value, list):
        raise FormatError(f"{where}: {place} is neither text nor a list of blocks.")
    for at, part in enumerate(value):
        spot = f"{place}[{at}]"
        if isinstance(part, str):
            yield Block(spot, f"{role} text", part)
        elif isinstance(part, dict):
            plain = {key: item for key, item in part.items() if key not in _MARKERS}
            text = plain.get("text")
            kind = str(part.get("type") or "text")
            only_text = isinstance(text, str) and plain.keys() <= {"type", "text"}
            yield Block(spot, f"{role} {kind}", text if only_text else _dump(plain), _marker(part))  # type: ignore[arg-type]
        else:
            raise FormatError(f"{where}: {spot} is no block, which is text or an object.")


def _marker(part: Any) -> str | None:
    """The lifetime that a marker asks for, "" for the default; None without a marker."""
    for name in _MARKERS:
        marker = part.get(name) if isinstance(part, dict) else None
        if isinstance(marker, dict):
            return str(marker.get("ttl") or "")
    return None


def _setting(place: str, value: Any) -> Block:
    return Block(place, "setting", "" if value is None else _dump(value), setting=True)


def _dump(value: Any) -> str:
    """JSON in the request's own order of keys, which the prompt has too; without markers at its top."""
    plain = {key: item for key, item in value.items() if key not in _MARKERS} if isinstance(value, dict) else value
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
