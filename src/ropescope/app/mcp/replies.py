"""What a tool gives back, twice: as JSON and as a short text. Clients show the model one of the two, so each stands alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from mcp_types import CallToolResult, TextContent

from ropescope.app.mcp.tools import ANSWER, place_of
from ropescope.errors import InputError, RopescopeError
from ropescope.questions.inputs import fields_of
from ropescope.questions.registry import known
from ropescope.report.report import Report, Step
from ropescope.report.shown import shown_facts, shown_tables
from ropescope.report.text import lines, plain

MOST_ROWS: Final = 12
"""Rows of a table that are told at once."""
MOST_DATA: Final = 6_000
"""Characters of the machine-readable result that go with an answer."""
MOST_PART: Final = 40_000
MOST_SENTENCE: Final = 4_000
MOST_FIELD: Final = 100


def result(structured: Mapping[str, Any], text: str, *, error: bool = False) -> CallToolResult:
    """What a tool gives back."""
    return CallToolResult(
        content=[TextContent(type="text", text=text)], structured_content=dict(structured), is_error=error
    )


def failed(error: RopescopeError) -> CallToolResult:
    """An error: the sentence, and the input that it names."""
    return failure(plain(str(error)), error.field)


def failure(sentence: str, field: str | None = None, id: str | None = None) -> CallToolResult:
    """An error by its sentence; one that repeats a long text is cut."""
    sentence = _within(sentence, MOST_SENTENCE)
    told = {"error": sentence, "field": field and _within(field, MOST_FIELD), "id": id}
    return result({name: value for name, value in told.items() if value is not None}, sentence, error=True)


def going(id: str, said: str, progress: list[Any] | None) -> CallToolResult:
    """An answer that is not there yet."""
    how_far = f"{progress[0]:,} of {progress[1]:,}, {progress[2]}" if progress and progress[1] else ""
    told = ": ".join(filter(None, (said, how_far)))
    text = f"Not finished{f' ({told})' if told else ''}. {_call(ANSWER, {'id': id})} waits for it."
    structured: dict[str, Any] = {"finished": False, "id": id, "said": said}
    if progress:
        structured["progress"] = dict(zip(("done", "planned", "what"), progress, strict=True))
    return result(structured, text)


def answered(id: str, answer: Mapping[str, Any], files: list[str]) -> CallToolResult:
    """A finished answer: a report or an error."""
    if "error" in answer:
        return failure(answer["error"]["message"], answer["error"].get("field"), id)
    report = Report.from_dict(answer["report"])
    short, left = shortened(report)
    structured = {**short, "id": id, "files": files}
    if left:
        structured["left_out"] = left
    text = text_of(report)
    if files:
        text += f"\n\nMade: {', '.join(files)} (can be an input; `keep` writes it to a file)"
    more = [pointer for pointer in left if not pointer.startswith("/figures")]
    told = f"; {_call(ANSWER, {'id': id, 'part': more[0]})} shows more" if more else ""
    return result(structured, f"{text}\n\nAnswer {id}{told}")


def shortened(report: Report) -> tuple[dict[str, Any], dict[str, str]]:
    """(the report with the verdict first, short enough to be read; what was left out, as JSON Pointers with what is there)."""
    whole = report.to_dict()
    left: dict[str, str] = {}
    for i, table in enumerate(whole["tables"]):
        most = max(table["limit"] or 0, MOST_ROWS)
        if len(table["rows"]) > most:
            left[f"/tables/{i}/rows"] = f"{len(table['rows']) - most:,} of {len(table['rows']):,} rows"
            table["rows"] = table["rows"][:most]
    if (size := _size(whole["data"])) > MOST_DATA:
        left["/data"] = f"{size:,} characters: {', '.join(whole['data'])}"
        whole["data"] = {}
    for i, figure in enumerate(whole["figures"]):
        left[f"/figures/{i}/spec"] = "a Vega-Lite figure"
        del figure["spec"]
    whole["next_steps"] = [_step(step) for step in report.next_steps]
    first = ("verdict", "holds", "lead", "title", "facts", "caveats", "next_steps", "tables")
    return {name: whole[name] for name in (*first, *(name for name in whole if name not in first))}, left


def text_of(report: Report, rows: int | None = MOST_ROWS) -> str:
    """The answer as a short text: verdict, facts, so many rows of each table (None: all), caveats, and what to ask next."""
    parts = [plain(report.verdict), plain(report.title)]
    if report.lead:
        parts.append(f"```\n{lines(report.lead)}\n```")
    facts = []
    for fact in shown_facts(report):
        worth = ", ".join(filter(None, (fact["basis"], fact["source"], fact["note"])))
        facts.append(f"- {fact['name']}: {' '.join(filter(None, (fact['value'], fact['interval'])))} ({worth})")
    parts.append("\n".join(facts))
    for table, shown in zip(report.tables, shown_tables(report), strict=True):
        most = len(table.rows) if rows is None else max(table.limit or 0, rows)
        heads = " | ".join(head["text"] for head in shown["heads"])
        told_rows = [" | ".join(cell["text"] for cell in row) for row in shown["rows"][:most]]
        rest = len(table.rows) - most
        told = [shown["title"], heads, *told_rows, f"… {rest:,} more rows" if rest > 0 else "", shown["note"]]
        parts.append("\n".join(filter(None, told)))
    parts.append("\n".join(f"Caveat: {plain(text)}" for text in report.caveats))
    steps = [_step(step) for step in report.next_steps]
    parts.append("\n".join(["Next:", *(f"- {_step_line(step)}" for step in steps)]) if steps else "")
    return "\n\n".join(filter(None, parts))


def part_of(report: Mapping[str, Any], pointer: str) -> Any:
    """What a JSON Pointer names in a report. Raises InputError for one that leads nowhere, or to too much."""
    found: Any = report
    for key in pointer.removeprefix("/").split("/") if pointer.strip("/") else ():
        key = key.replace("~1", "/").replace("~0", "~")
        try:
            found = found[int(key)] if isinstance(found, list) else found[key]
        except (KeyError, ValueError, IndexError, TypeError):
            raise InputError("part", f"`part` {pointer!r} is not there: at {key!r}, there is {_keys(found)}.") from None
    if (size := _size(found)) > MOST_PART:
        raise InputError(
            "part", f"`part` {pointer!r} has {size:,} characters: name one of its parts, {_keys(found)}, or use `keep`."
        )
    return found


def _keys(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(value) or "nothing"
    return f"0 to {len(value) - 1}" if isinstance(value, list) and value else "nothing below"


def _step(step: Step | str) -> dict[str, Any] | str:
    """A next step as the call of a tool."""
    if isinstance(step, str):
        return plain(step)
    question = known()[step.question]
    taken = {one.name for one in fields_of(question.inputs_type)}
    inputs = {name: value for name, value in step.inputs.items() if name in taken}
    return {"why": plain(step.why), "tool": place_of(question)[0], "question": step.question, "inputs": inputs}


def _step_line(step: dict[str, Any] | str) -> str:
    if isinstance(step, str):
        return step
    return f"{step['why']}: {_call(step['tool'], {'question': step['question'], 'inputs': step['inputs']})}"


def _call(tool: str, arguments: Mapping[str, Any]) -> str:
    return f"{tool} {json.dumps(arguments, ensure_ascii=False, default=str)}"


def _within(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
