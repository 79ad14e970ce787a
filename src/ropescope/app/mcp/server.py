"""The server of one user: what each request of the protocol is answered with."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import anyio.to_thread
from mcp import MCPError
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    TextResourceContents,
)

from ropescope import __version__
from ropescope.app.mcp.answers import Answers, said_of
from ropescope.app.mcp.kept import Entry
from ropescope.app.mcp.replies import answered, failed, failure, going, part_of, result, text_of
from ropescope.app.mcp.resources import KEPT, question_of, resources, templates
from ropescope.app.mcp.tools import (
    ANSWER,
    INSTRUCTIONS,
    KEEP,
    MOST_WAIT,
    QUESTIONS,
    WAIT_SECONDS,
    described,
    listed,
    place_of,
    tools,
)
from ropescope.app.mcp.writing import write
from ropescope.errors import InputError, RopescopeError
from ropescope.questions.names import shown
from ropescope.questions.registry import SITUATION_NAMES, find
from ropescope.report.report import Report

Context = ServerRequestContext[Any, Any]

_MOST_LISTED: Final = 20


def make_server(answers: Answers) -> Server[Any]:
    """The server, which asks with `answers`."""
    served = Served(answers)
    return Server(
        "ropescope",
        version=__version__,
        title="ropescope",
        instructions=INSTRUCTIONS,
        on_list_tools=served.list_tools,
        on_call_tool=served.call_tool,
        on_list_resources=served.list_resources,
        on_list_resource_templates=served.list_templates,
        on_read_resource=served.read_resource,
    )


class Served:
    """What each request is answered with."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def list_tools(self, context: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        """Every tool."""
        return ListToolsResult(tools=tools())

    async def call_tool(self, context: Context, params: CallToolRequestParams) -> CallToolResult:
        """What the tool gives back; an error is one sentence, which names the input."""
        try:
            given = _checked(params.name, params.arguments or {})
            if params.name == QUESTIONS:
                return _questions(given)
            if params.name == ANSWER:
                return await self._answer(context, given)
            if params.name == KEEP:
                return await self._keep(given)
            return await self._ask(context, params.name, given)
        except RopescopeError as error:
            return failed(error)
        except Exception as error:  # a fault of ours: the trace is for who started the server
            traceback.print_exc()
            kind = type(error).__name__
            return failure(f"Unexpected error ({kind}): this is a fault of ropescope. The server's log shows more.")

    async def _ask(self, context: Context, tool: str, given: Mapping[str, Any]) -> CallToolResult:
        question = find(given["question"])
        if (right := place_of(question)[0]) != tool:
            raise InputError("question", f"`question` {question.name!r} is asked with the tool {right}.")
        seconds = _wait(given)
        entry = self._answers.begin(question, given.get("inputs") or {})
        try:
            return await self._followed(context, entry, seconds)
        except anyio.get_cancelled_exc_class():
            self._answers.cancel(entry, unless_followed=True)
            raise

    async def _answer(self, context: Context, given: Mapping[str, Any]) -> CallToolResult:
        seconds = _wait(given)
        if "id" not in given:
            if alone := next((name for name in ("part", "cancel") if given.get(name)), None):
                raise InputError(
                    "id", f"`id` is missing: `{alone}` is of one answer, and `answer` without it lists them."
                )
            return self._kept()
        entry = self._answers.kept.find(given["id"])
        if given.get("cancel"):
            self._answers.cancel(entry)
        if "part" not in given:
            return await self._followed(context, entry, seconds)
        answer = entry.read() or {}
        if "report" not in answer:
            raise InputError("part", "`part` is of a report, and this answer has none: leave it out.")
        part = part_of(answer["report"], given["part"])
        return result({"id": entry.id, "part": given["part"], "value": part}, _json(part))

    async def _followed(self, context: Context, entry: Entry, seconds: float) -> CallToolResult:
        answer = await self._answers.wait(entry, seconds, context.session.report_progress)
        if answer is not None:
            return answered(entry.id, answer, entry.files())
        job = self._answers.job(entry)
        if job is None:
            return failure(
                "Not finished, and this server does not work on it: it ended with the server that began it, or goes on there. Ask "
                "again, with `resume` where the question has it.",
                None,
                entry.id,
            )
        return going(entry.id, *said_of(job))

    def _kept(self) -> CallToolResult:
        found: list[dict[str, Any]] = []
        working = {entry.id for entry in self._answers.working()}
        for entry in self._answers.kept.newest()[:_MOST_LISTED]:
            answer = entry.read()
            if answer is not None:
                said = answer["report"]["verdict"] if "report" in answer else f"error: {answer['error']['message']}"
                found.append({"id": entry.id, "finished": True, "said": said, "files": entry.files()})
            elif entry.id in working:
                found.append(
                    {"id": entry.id, "finished": False, "said": said_of(self._answers.job(entry))[0], "files": []}
                )
        lines = [f"- {one['id']}: {one['said'] if one['finished'] else 'not finished'}" for one in found]
        return result({"answers": found}, "\n".join(lines) or "No answer is kept.")

    async def _keep(self, given: Mapping[str, Any]) -> CallToolResult:
        entry = self._answers.kept.find(given.get("id"))
        work = partial(
            write, entry, given.get("file"), given.get("made"), bool(given.get("overwrite")), self._answers.folders
        )
        files = await anyio.to_thread.run_sync(work)
        return result({"files": [str(path) for path in files]}, "\n".join(f"Wrote {path}" for path in files))

    async def list_resources(self, context: Context, params: PaginatedRequestParams | None) -> ListResourcesResult:
        """Lists, and the answers that were kept last."""
        return ListResourcesResult(resources=resources(self._answers.kept))

    async def list_templates(
        self, context: Context, params: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        """How one entry is named."""
        return ListResourceTemplatesResult(resource_templates=templates())

    async def read_resource(self, context: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        """The text of a resource. Raises MCPError for none, and for one that is not answered."""
        uri = str(params.uri)
        try:
            if uri.startswith(KEPT):
                answer = self._answers.kept.find(uri.removeprefix(KEPT), "uri").read() or {}
                return _resource(uri, _json(answer.get("report", answer)), "application/json")
            question, inputs = question_of(uri)
            entry = self._answers.begin(question, inputs, keep=False)
            try:
                answer = await self._answers.wait(entry, MOST_WAIT, context.session.report_progress) or {}
            finally:
                self._answers.cancel(entry, unless_followed=True)
                entry.forget()
        except RopescopeError as error:
            raise MCPError(INVALID_PARAMS, str(error)) from error
        if "report" not in answer:
            raise MCPError(INTERNAL_ERROR, answer.get("error", {}).get("message", "It was cancelled."))
        return _resource(uri, text_of(Report.from_dict(answer["report"]), None), "text/plain")


def _questions(given: Mapping[str, Any]) -> CallToolResult:
    if "name" in given:
        told = described(find(given["name"]))
        return result(told, _json(told))
    every = listed()
    lines = [
        f"{tool}:\n" + "\n".join(f"- {name}: {asks}" for name, asks in asked.items()) for tool, asked in every.items()
    ]
    return result(every, "\n\n".join(lines))


def _checked(tool: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call that are given, of the right types. Raises InputError for others, and for no such tool."""
    if tool not in _ARGUMENTS:
        raise InputError("tool", f"There is no tool {shown(tool)}; there are {', '.join(_ARGUMENTS)}.")
    takes = _ARGUMENTS[tool]
    for name, value in given.items():
        if name not in takes:
            hint = " Give the inputs of the question in `inputs`." if "inputs" in takes else ""
            raise InputError(name, f"There is no argument {shown(name)} of {tool}; it takes {', '.join(takes)}.{hint}")
        kind = _TYPES[takes[name]]
        if value is not None and (not isinstance(value, kind) or (kind is not bool and isinstance(value, bool))):
            raise InputError(name, f"`{name}` must be of type {takes[name]}, not {value!r:.80}.")
    for name in _REQUIRED[tool]:
        if given.get(name) is None:
            told = f" It is one of {', '.join(_ASKED[tool])}." if name == "question" else ""
            raise InputError(name, f"`{name}` is missing: {tool} needs {' and '.join(_REQUIRED[tool])}.{told}")
    return {name: value for name, value in given.items() if value is not None}


_ARGUMENTS: Final[Mapping[str, dict[str, str]]] = {
    tool.name: {name: about["type"] for name, about in tool.input_schema["properties"].items()} for tool in tools()
}
_REQUIRED: Final[Mapping[str, list[str]]] = {tool.name: tool.input_schema.get("required", []) for tool in tools()}
_ASKED: Final[Mapping[str, list[str]]] = {
    tool.name: tool.input_schema["properties"].get("question", {}).get("enum", []) for tool in tools()
}
_TYPES: Final[Mapping[str, Any]] = {"string": str, "object": dict, "number": (int, float), "boolean": bool}

assert set(SITUATION_NAMES) < set(_ARGUMENTS)


def _wait(given: Mapping[str, Any]) -> float:
    seconds = given.get("wait", WAIT_SECONDS)
    if not 0 <= seconds <= MOST_WAIT:
        raise InputError("wait", f"`wait` must be from 0 to {MOST_WAIT:,.0f} seconds, not {seconds!r}.")
    return float(seconds)


def _resource(uri: str, text: str, kind: str) -> ReadResourceResult:
    return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=kind, text=text)])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
