"""The tools, made from the registry: one a situation, and three to describe questions, follow answers and write them to files.

There are ten at most, without output schemas, and the inputs of a question are told when they are asked for: a client puts all
that is listed here before each conversation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from mcp_types import Tool, ToolAnnotations

from ropescope.questions.inputs import fields_of, from_text, schema_of, to_values
from ropescope.questions.question import Question
from ropescope.questions.registry import situation_names, situations

WAIT_SECONDS: Final = 45.0
"""How long a call waits where it does not say: less than the minute after which many clients give up."""
MOST_WAIT: Final = 3600.0

QUESTIONS, ANSWER, KEEP = "questions", "answer", "keep"

INSTRUCTIONS: Final = """\
ropescope reads a model's files (memory, speed, launch commands, prompts), measures attention on its weights, and plans smaller \
KV caches and longer contexts. Each tool is a situation; `question` says what is asked there, `inputs` holds its inputs by name. \
In parentheses stand the inputs that are mostly given; `questions` with a name tells all of them. A model is a folder, a .gguf \
or .safetensors file, a Hub id (org/name) or smollm2. Values are JSON or text as a person writes it (32k, 24GiB, 15%). \
What a config, schema, request or script holds can stand in the place of its file. What takes \
long goes on after the call: `answer` waits for it, shows parts, or cancels it."""

_WAIT: Final = {"type": "number", "description": f"Seconds to wait, default {WAIT_SECONDS:.0f}; then use `answer`."}
_ID: Final = {"type": "string", "description": "Id of an answer."}


def tools() -> list[Tool]:
    """Every tool."""
    asked = situations()
    made = [_of_situation(name, asked[title], title) for name, title in situation_names().items()]
    return [*made, *_others()]


def _of_situation(name: str, asked: tuple[Question, ...], title: str) -> Tool:
    changes = any(question.changes for question in asked)
    return Tool(
        name=name,
        description="\n".join([f"{title}. Questions:", *map(_line, asked)]),
        input_schema={
            "type": "object",
            "properties": {
                "question": {"type": "string", "enum": [question.name for question in asked]},
                "inputs": {"type": "object", "description": "Inputs of the question, by name."},
                "wait": _WAIT,
            },
            "required": ["question"],
        },
        annotations=ToolAnnotations(
            title=title,
            read_only_hint=not changes,
            destructive_hint=changes,
            idempotent_hint=not changes,
            open_world_hint=True,
        ),
        _meta={"ropescope/needs": {question.name: question.needs for question in asked}},
    )


def _line(question: Question) -> str:
    given = ", ".join(name for name in question.example if name not in ("out", "figure"))
    mark = " [runs weights]" if question.needs == "weights" else ""
    mark += " [changes what is kept]" if question.changes else ""
    return f"- {question.name}{f'({given})' if given else ''}: {question.asks}{mark}"


def _others() -> Iterator[Tool]:
    yield Tool(
        name=QUESTIONS,
        description="Describe questions: with a name, the JSON Schema of its inputs and an example; without, all of them.",
        input_schema={"type": "object", "properties": {"name": {"type": "string"}}},
        annotations=ToolAnnotations(title="Describe questions", read_only_hint=True, open_world_hint=False),
    )
    yield Tool(
        name=ANSWER,
        description="Follow an answer: wait for one that takes long, cancel it (it ends with what is finished), or show a "
        "part that was left out. Without an id: the answers that are kept, newest first.",
        input_schema={
            "type": "object",
            "properties": {
                "id": _ID,
                "wait": _WAIT,
                "cancel": {"type": "boolean"},
                "part": {
                    "type": "string",
                    "description": "JSON Pointer into the report, as /data or /tables/0/rows/12.",
                },
            },
        },
        annotations=ToolAnnotations(title="Follow an answer", read_only_hint=True, open_world_hint=False),
    )
    yield Tool(
        name=KEEP,
        description="Write an answer to a file: .html, .md, .svg or .png show it; any other suffix keeps the profile or plan "
        "that was made, else the report as JSON.",
        input_schema={
            "type": "object",
            "properties": {
                "id": _ID,
                "file": {"type": "string", "description": "Path in a folder that this server may use."},
                "made": {"type": "string", "description": "Which file of the answer, where it made several."},
                "overwrite": {"type": "boolean"},
            },
            "required": ["id", "file"],
        },
        annotations=ToolAnnotations(
            title="Write an answer to a file", read_only_hint=False, destructive_hint=True, idempotent_hint=True,
            open_world_hint=False,
        ),
    )  # fmt: skip


def described(question: Question) -> dict[str, Any]:
    """One question whole. Raises MissingExtraError for one whose inputs need a package that is not installed."""
    asked = {one.name for one in fields_of(question.inputs_type)}
    example = {name: value for name, value in question.example.items() if name in asked}
    tool, situation = place_of(question)
    return {
        "question": question.name,
        "asks": question.asks,
        "tool": tool,
        "situation": situation,
        "needs": question.needs,
        "changes": question.changes,
        "keeps": question.keeps,
        "inputs": schema_of(question.inputs_type),
        "example": to_values(from_text(question.inputs_type, example)),
    }


def listed() -> dict[str, Any]:
    """Every question with its line, by tool."""
    asked = situations()
    return {
        name: {question.name: question.asks for question in asked[title]} for name, title in situation_names().items()
    }


def place_of(question: Question) -> tuple[str, str]:
    """(the tool that asks it, the situation)."""
    asked = situations()
    return next((name, title) for name, title in situation_names().items() if question in asked[title])
