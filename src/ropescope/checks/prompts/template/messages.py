"""Messages of the user's own: JSON, as a request to a chat endpoint has them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ropescope.checks.prompts.json_input import read_input, value_of
from ropescope.checks.prompts.template.prompts import Message, Prompt
from ropescope.errors import FormatError, InputError
from ropescope.local_files import expanded
from ropescope.questions.names import shown

MOST_MESSAGES: Final = 1000
_READ: Final = ("messages", "tools", "chat_template_kwargs", "add_generation_prompt")
_ACCEPTED: Final = "give a list of messages, or an object with messages, and perhaps tools and chat_template_kwargs"


@dataclass(frozen=True, slots=True)
class Given:
    """A conversation that was given: its prompt, its earlier prompts (one before each answer), and keys that are not read."""

    prompt: Prompt
    earlier: tuple[Prompt, ...]
    unread: tuple[str, ...]


def read_messages(given: str) -> Given:
    """The conversation in `given`, which is JSON or names a file of it. Raises InputError, and SourceError as files do."""
    inline = given.lstrip()[:1] in ("[", "{")
    where = "the JSON" if inline else given
    if not inline and (len(given) > 4096 or not expanded(given).is_file()):
        raise InputError("messages", f"`messages`: {shown(given)} is neither a file nor JSON: {_ACCEPTED}.")
    try:
        held = value_of(given.encode("utf-8", "replace"), where) if inline else read_input(expanded(given))
    except FormatError as error:
        raise InputError("messages", f"`messages`: {error}") from error
    request = {"messages": held} if isinstance(held, list) else held
    if not isinstance(request, dict) or not isinstance(request.get("messages"), list) or not request["messages"]:
        raise InputError("messages", f"`messages`: {where} holds no messages: {_ACCEPTED}.")
    messages = request["messages"]
    if len(messages) > MOST_MESSAGES:
        raise InputError(
            "messages", f"`messages`: {where} holds {len(messages):,} messages: at most {MOST_MESSAGES:,} are read."
        )
    for place, message in enumerate(messages, 1):
        _check(message, place, where)
    tools = _of_type(request, "tools", list, where)
    more = _of_type(request, "chat_template_kwargs", dict, where) or {}
    asked = _of_type(request, "add_generation_prompt", bool, where)
    generation = messages[-1]["role"] != "assistant" if asked is None else asked
    earlier = [
        Prompt(messages[:place], True, tools, more)
        for place, message in enumerate(messages)
        if place and message["role"] == "assistant" and messages[place - 1]["role"] != "assistant"
    ]
    unread = tuple(str(key)[:40] for key in request if key not in _READ)
    return Given(Prompt(messages, generation, tools, more), tuple(earlier[-30:]), unread)


def _check(message: Any, place: int, where: str) -> None:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise InputError("messages", f"`messages`: message {place} of {where} is no object with a role: {_ACCEPTED}.")
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    if not (content is None or isinstance(content, str | list)) or not all(isinstance(part, dict) for part in parts):
        raise InputError(
            "messages", f"`messages`: the content of message {place} of {where} is neither text nor a list of parts."
        )


def _of_type(request: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    value = request.get(key)
    if value is not None and not isinstance(value, kind):
        words = {list: "a list", dict: "an object", bool: "true or false"}[kind]
        raise InputError("messages", f"`messages`: {key} of {where} must be {words}, not {type(value).__name__}.")
    return value


def lost(messages: Sequence[Message], text: str) -> list[str]:
    """The messages whose text is not in `text`, each as "2 (user)"; reasoning between tags does not count."""
    found = []
    for place, message in enumerate(messages, 1):
        content = message.get("content")
        parts = [content] if isinstance(content, str) else [part.get("text") for part in content or ()]
        for part in parts:
            said = part.rpartition("</think>")[2].strip() if isinstance(part, str) else ""
            if said and said not in text and json.dumps(said, ensure_ascii=False)[1:-1] not in text:
                found.append(f"{place} ({message['role'][:20]})")
                break
    return found
