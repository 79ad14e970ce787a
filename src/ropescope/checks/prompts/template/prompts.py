"""The prompts that a template is tested with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

Message = Mapping[str, Any]

SYSTEM: Final = "Answer in one sentence."
QUESTION: Final = "Name three rivers."
ANSWER: Final = "The Nile, the Danube and the Ganges."
FOLLOW_UP: Final = "Which one is the longest?"
SECOND: Final = "The first of them."
REASONING: Final = "Rivers on three continents will do."
CITY, WEATHER, TOOL_NAME = "Lisbon", "19 degrees and windy", "weather_in"
TOOLS: Final = (
    {
        "type": "function",
        "function": {
            "name": TOOL_NAME,
            "description": "The weather in a city.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    },
)
_CALL_ID: Final = "a1b2c3d4e"  # Mistral's templates ask for nine letters and digits


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages to render; `more` are further values by name, `later` moves the clock by a day."""

    messages: Sequence[Message]
    generation: bool = False
    tools: Sequence[Mapping[str, Any]] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    later: bool = False

    def request(self, now: datetime) -> dict[str, Any]:
        """The prompt as `render_each` takes it."""
        tools = None if self.tools is None else list(self.tools)
        made = {"messages": list(self.messages), "generation": self.generation, "tools": tools, "more": dict(self.more)}
        return made | ({"now": (now + timedelta(days=1)).isoformat()} if self.later else {})


def _user(text: str) -> Message:
    return {"role": "user", "content": text}


def _assistant(text: str, **more: Any) -> Message:
    return {"role": "assistant", "content": text, **more}


def _called(arguments: Any) -> tuple[Message, ...]:
    call = {"type": "function", "id": _CALL_ID, "function": {"name": TOOL_NAME, "arguments": arguments}}
    return (
        _user(QUESTION),
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "name": TOOL_NAME, "tool_call_id": _CALL_ID, "content": WEATHER},
    )


_ASKED = (_user(QUESTION),)
_ANSWERED = (*_ASKED, _assistant(ANSWER))
_ASKED_AGAIN = (*_ANSWERED, _user(FOLLOW_UP))
_REASONED = (*_ASKED, _assistant(ANSWER, reasoning_content=REASONING))
_INLINE = (*_ASKED, _assistant(f"<think>\n{REASONING}\n</think>\n\n{ANSWER}"))

PROMPTS: Final[Mapping[str, Prompt]] = {
    "question": Prompt(_ASKED),
    "question, to answer": Prompt(_ASKED, generation=True),
    "answered": Prompt(_ANSWERED),
    "second question": Prompt(_ASKED_AGAIN),
    "second question, to answer": Prompt(_ASKED_AGAIN, generation=True),
    "second answer": Prompt((*_ASKED_AGAIN, _assistant(SECOND))),
    "system": Prompt(({"role": "system", "content": SYSTEM}, *_ASKED), generation=True),
    "two questions": Prompt((*_ASKED, _user(FOLLOW_UP)), generation=True),
    "spaces": Prompt((_user(f"  {QUESTION}\n"),)),
    "reasoning": Prompt(_REASONED),
    "reasoning, earlier": Prompt((*_REASONED, _user(FOLLOW_UP)), generation=True),
    "reasoning inline, earlier": Prompt((*_INLINE, _user(FOLLOW_UP)), generation=True),
    "tools": Prompt(_ASKED, generation=True, tools=TOOLS),
    "tool call": Prompt(_called({"city": CITY}), generation=True, tools=TOOLS),
    "tool call, text arguments": Prompt(_called(f'{{"city": "{CITY}"}}'), generation=True, tools=TOOLS),
    "tomorrow": Prompt(_ASKED, later=True),
}
"""By name; "to answer" is with the generation prompt."""


def in_parts(prompt: Prompt) -> Prompt:
    """`prompt` with each text as a list of one part, which is what templates for pictures often read."""
    return replace(prompt, messages=tuple(_in_parts(message) for message in prompt.messages))


def _in_parts(message: Message) -> Message:
    content = message.get("content")
    return {**message, "content": [{"type": "text", "text": content}]} if isinstance(content, str) else message
