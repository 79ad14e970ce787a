"""Render a chat template as transformers does: the same sandbox, filters and functions, with bounds on work and text.

A trace ends a template that works for longer than 30 seconds of its thread's processor time. It sees every line of a template
and every call, so it needs neither a thread nor a process and runs in a browser; what one operation of Python does inside it
cannot see, and `isolated` ends that from outside.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from jinja2 import TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

SECONDS: Final = 30.0
"""Of the thread's processor time, for each rendering and for reading the template. Far above what a template needs, so that no
slow machine condemns a good one: to read Gemma 4's takes 0.7 s on a slow processor and a multiple of that in a browser, and to
render 1,000 messages by it, whose loops go through all messages for each, 20 s."""

_STEPS: Final = 20
"""Of the trace, from one look at the clock to the next: to look is dearer than the step."""

_clock: Final = getattr(time, "thread_time", time.process_time)
"""What other threads work is not the template's. A browser has no clock of a thread."""

MOST_CHARACTERS: Final = 4 << 20
"""Of one rendered text."""

MOST_FRAMES: Final = 400
"""Of calls inside one another while a text is rendered: some eighty macros. A browser's stack ends soon after, and all with it."""

_OF_TEMPLATE: Final = "<template>"
_REASONING: Final = ("reasoning_content", "thinking", "reasoning")


class Refused(TemplateError):
    """A template refused its input by raise_exception."""


class BoundError(BaseException):
    """A template works for too long or writes too much. No Exception: nothing that a template calls may catch it."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def render_each(job: Mapping[str, Any], done: Callable[[dict[str, Any]], None]) -> None:
    """Render the template of `job` with each of its `requests`, and give each outcome to `done`, in order.

    A job has `template`, `tokens` (by name), `now` (ISO), perhaps `seconds` in place of SECONDS, and `requests`, each with
    `messages`, `generation`, `tools` and `more`. An outcome is {"text", "marks"}, {"refused": why}, {"failed": why}, or the
    last one: {"fatal": kind, "why"}.
    """
    now, seconds = datetime.fromisoformat(job["now"]), job.get("seconds", SECONDS)
    try:
        environment = Environment(now)
        with bounded(seconds):
            template = environment.from_string(job["template"])
    except (BoundError, TemplateSyntaxError, SyntaxError, RecursionError, MemoryError, ValueError) as error:
        done(_fatal(error))
        return
    for request in job["requests"]:
        later = request.get("now")
        environment.now = now if later is None else datetime.fromisoformat(later)
        values = {
            **job["tokens"],
            **request.get("more", {}),
            "messages": as_transformers_has_them(request["messages"]),
            "tools": request.get("tools"),
            "documents": None,
            "add_generation_prompt": bool(request.get("generation")),
        }
        try:
            with bounded(seconds, MOST_FRAMES):
                environment.begin()
                for piece in template.generate(values):
                    environment.write(piece)
            done({"text": "".join(environment.written), "marks": environment.marks})
        except Refused as error:
            done({"refused": str(error)[:400]})
        except (BoundError, SecurityError, RecursionError, MemoryError) as error:
            done(_fatal(error))
            return
        except Exception as error:  # what an expression of a template can raise is without bounds
            done({"failed": f"{type(error).__name__}: {error}"[:400]})


def as_transformers_has_them(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The messages without keys that hold nothing, and reasoning under the names that templates read."""
    made = []
    for message in messages:
        kept = {key: value for key, value in message.items() if value is not None}
        reasoning = next((kept[key] for key in _REASONING if key in kept), None)
        if reasoning is not None:
            kept = {"thinking": reasoning, **kept, "reasoning_content": reasoning}
        made.append(kept)
    return made


@contextmanager
def bounded(seconds: float, frames: int | None = None) -> Iterator[None]:
    """End what is done inside after `seconds` of the thread's processor time, with a BoundError; and with a RecursionError what
    goes more than `frames` calls deep."""
    end, left = _clock() + seconds, _STEPS

    def trace(frame: Any, event: str, argument: Any) -> Any:
        nonlocal left
        left -= 1
        if not left:
            left = _STEPS
            if _clock() > end:
                raise BoundError("time")
        return trace if frame.f_code.co_filename == _OF_TEMPLATE else None

    before, limit = sys.gettrace(), sys.getrecursionlimit()
    if frames is not None:
        sys.setrecursionlimit(min(limit, _depth() + frames))
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
        sys.setrecursionlimit(limit)


def _depth() -> int:
    """How many calls deep this one is."""
    found, frame = 0, sys._getframe().f_back
    while frame is not None:
        found, frame = found + 1, frame.f_back
    return found


def _fatal(error: BaseException) -> dict[str, Any]:
    if isinstance(error, BoundError):
        return {"fatal": error.kind, "why": ""}
    kinds = {SecurityError: "unsafe", RecursionError: "recursion", MemoryError: "memory"}
    kind = next((kind for held, kind in kinds.items() if isinstance(error, held)), "syntax")
    line = getattr(error, "lineno", None)
    said = getattr(error, "message", None) or str(error)
    return {"fatal": kind, "why": f"line {line}: {said}"[:400] if kind == "syntax" and line else said[:400]}


class Environment(ImmutableSandboxedEnvironment):
    """The sandbox that transformers renders chat templates in, which also records the text and its marked parts."""

    def __init__(self, now: datetime) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
        self.now = now
        self.begin()
        self.filters["tojson"] = _tojson
        self.globals.update(
            raise_exception=_refuse,
            strftime_now=lambda form: self.now.strftime(form),
            dict=_Dict(),
            namespace=_Namespace,
        )

    def begin(self) -> None:
        """Begin a text."""
        self.written: list[str] = []
        self.marks: list[tuple[int, int]] = []
        self.length = 0

    def write(self, piece: str) -> None:
        """Add to the text. Raises BoundError where it becomes too long."""
        self.written.append(piece)
        self.length += len(piece)
        if self.length > MOST_CHARACTERS:
            raise BoundError("text")


class Generation(Extension):
    """The tag `generation`, which marks what an assistant wrote; its places in the text are recorded."""

    tags = {"generation"}  # noqa: RUF012  # as jinja2 declares it

    def parse(self, parser: Parser) -> nodes.Node:
        """The tag and its body, as a call that renders the body."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_marked"), [], [], body).set_lineno(line)

    def _marked(self, caller: Callable[[], str]) -> str:
        text = caller()
        environment = self.environment
        assert isinstance(environment, Environment)
        environment.marks.append((environment.length, environment.length + len(text)))
        return text


class _Dict:
    """What a template has as `dict`: it makes dicts, and gives no other hold on the type."""

    def __call__(self, *values: Any, **named: Any) -> dict[Any, Any]:
        return dict(*values, **named)

    def fromkeys(self, *values: Any) -> dict[Any, Any]:
        """As of dict."""
        return dict.fromkeys(*values)


class _Namespace(Namespace):
    """A namespace of jinja2 without names that begin with an underscore."""

    def __init__(*values: Any, **named: Any) -> None:  # a template may set a name `self`
        own, *rest = values
        held = dict(*rest, **named)
        for name in held:
            _require_public(name)
        Namespace.__init__(own, held)

    def __setitem__(self, name: str, value: Any) -> None:
        _require_public(name)
        super().__setitem__(name, value)


def _require_public(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"a namespace holds no name that begins with an underscore, as {name!r}")


def _refuse(message: object) -> None:
    raise Refused(str(message))


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
