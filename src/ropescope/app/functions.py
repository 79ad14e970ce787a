"""Every question as a function of the package, made from the registry: `ropescope.fit("Qwen/Qwen3-8B", gpu="4090")`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from inspect import Parameter, Signature
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from ropescope.app.pasting import held
from ropescope.errors import InputError, MissingExtraError, PluginError, RopescopeError
from ropescope.questions.calling import call, function_name
from ropescope.questions.carrying import carried
from ropescope.questions.inputs import Asked, fields_of, from_either
from ropescope.questions.kind import Kind, wrong
from ropescope.questions.kinds import Budget, Device, File, FileOrText, ListOf, Output, Source
from ropescope.questions.names import shown as written
from ropescope.questions.question import Question
from ropescope.questions.registry import built_in, known, near

if TYPE_CHECKING:
    from ropescope.report.report import Report

WAYS: Final = ("out", "html", "md", "figure")
"""How an answer is kept and shown, beside what it is asked with."""

_TYPES: Final[Mapping[str, type]] = {"string": str, "integer": int, "number": float, "boolean": bool}


def functions() -> Mapping[str, Question]:
    """Every question by the name of its function."""
    return {function_name(question): question for question in known().values()}


def function(name: str) -> Callable[..., Report]:
    """The function of that name. Raises AttributeError, with what `near` says, where no question has it."""
    own = {function_name(question): question for question in built_in().values()}
    question = own.get(name) or functions().get(name)
    if question is None:
        raise AttributeError(f"module 'ropescope' has no attribute {name!r}.{near(name, functions())}")
    if name not in _made or _made[name][0] is not question:
        _made[name] = (question, _function(question))
    return _made[name][1]


_made: dict[str, tuple[Question, Callable[..., Report]]] = {}


def _function(question: Question) -> Callable[..., Report]:
    def ask(*placed: Any, **named: Any) -> Report:
        try:
            return answer(question, placed, named)
        except RopescopeError as error:
            # Its sentence says what is wrong and how to mend it: frames of the library would bury it.
            raise error.with_traceback(None) from error.__cause__

    ask.__name__ = ask.__qualname__ = function_name(question)
    ask.__module__ = "ropescope"
    try:
        ask.__doc__, ask.__signature__ = docstring(question), signature(question)  # type: ignore[attr-defined]
    except (MissingExtraError, PluginError) as error:  # its inputs cannot be told before that is mended: a call says so
        ask.__doc__ = f"{question.asks}\n\n{error}"
    return ask


def answer(question: Question, placed: Sequence[Any], named: Mapping[str, Any]) -> Report:
    """The answer to a call of a question's function. Raises what the answer raises, with inputs by name."""
    from ropescope.app.face import drawable, kept_at, writable
    from ropescope.app.in_python import InPython
    from ropescope.app.show import Ways, write_files

    fields = fields_of(question.inputs_type)
    given = _by_name(question, fields, placed, named)
    named_files = {way: given.pop(way, None) for way in WAYS}
    figures = named_files["figure"]
    out = kept_at(question, named_files["out"])
    html, md = (writable(way, named_files[way]) for way in ("html", "md"))
    several = figures if isinstance(figures, list | tuple) else () if figures is None else (figures,)
    ways = Ways.of({"out": out, "html": html, "md": md, "figure": drawable(several)})
    with _as_files(fields, given) as (values, without_paths):
        inputs: Any = from_either(question.inputs_type, values)
        run = InPython(kept_at(question, named_files["out"], inputs))
        report = without_paths(carried(question.ask(inputs, run), inputs))
    write_files(report, ways)
    run.end(report)
    return report


def signature(question: Question) -> Signature:
    """What the function takes: placed inputs by position or name, the others by name. Raises MissingExtraError."""
    fields = fields_of(question.inputs_type)
    parameters = [_parameter(one) for one in _placed_first(fields)]
    path = str | Path | None
    ways = {"figure": str | Path | Sequence[str | Path] | None}
    parameters += [Parameter(way, Parameter.KEYWORD_ONLY, default=None, annotation=ways.get(way, path)) for way in WAYS]
    from ropescope.report.report import Report

    return Signature(parameters, return_annotation=Report)


def docstring(question: Question) -> str:
    """What the function answers, and what each of its inputs means. Raises MissingExtraError."""
    from ropescope.app.face import face

    fields = fields_of(question.inputs_type)
    told = {one.name: one.help for one in _placed_first(fields)}
    told |= {str(part.name): str(getattr(part, "help", "")) for part in face(question) if part.name in WAYS}
    lines = [question.asks, "", "Args:", *(f"    {name}: {text}" for name, text in told.items())]
    holds = ", whose `holds` is the answer where it is yes or no" if question.decides else ""
    lines += ["", "Returns:", f"    A Report{holds}.", "", "Example:", f"    {call(question, question.example)}"]
    return "\n".join(lines)


def annotation(kind: Kind) -> Any:
    """The Python type of what a kind takes: its values, and text as a person writes them."""
    if isinstance(kind, Source | File):
        return str | Path if isinstance(kind, Output) else str | Path | Mapping[str, Any]
    if isinstance(kind, Device):
        return str | int
    if isinstance(kind, Budget):
        return float | str
    if isinstance(kind, ListOf):
        of = annotation(kind.of)
        return of | Sequence[of]  # type: ignore[valid-type]
    found = _typed(kind.schema())
    return found if found is bool or kind.options else found | str


def _typed(schema: Mapping[str, Any]) -> Any:
    if "enum" in schema:
        return Literal[tuple(schema["enum"])]
    if "anyOf" in schema:
        return reduce(or_, map(_typed, schema["anyOf"]))
    if schema.get("type") == "array":
        return Sequence[_typed(schema["items"])]  # type: ignore[misc]
    return _TYPES.get(schema.get("type", ""), Any)


def _parameter(one: Asked) -> Parameter:
    if one.placed and isinstance(one.kind, ListOf):
        return Parameter(one.name, Parameter.VAR_POSITIONAL, annotation=annotation(one.kind.of))
    kind = Parameter.POSITIONAL_OR_KEYWORD if one.placed else Parameter.KEYWORD_ONLY
    taken = annotation(one.kind)
    if one.required:
        return Parameter(one.name, kind, annotation=taken)
    return Parameter(one.name, kind, default=one.default, annotation=taken | None if one.default is None else taken)


def _placed_first(fields: Sequence[Asked]) -> list[Asked]:
    return sorted(fields, key=lambda one: not one.placed)


def _by_name(
    question: Question, fields: Sequence[Asked], placed: Sequence[Any], named: Mapping[str, Any]
) -> dict[str, Any]:
    """All inputs by name. Raises InputError for too many by position, and for one that is given twice."""
    given: dict[str, Any] = {}
    rest = list(placed)
    for one in fields:
        if rest and one.placed:
            given[one.name], rest = (rest, []) if isinstance(one.kind, ListOf) else (rest[0], rest[1:])
    if rest:
        names = ", ".join(f"`{name}`" for name in given)
        taken = f"by position only {names}" if given else "nothing by position"
        raise InputError(
            next(iter(given), question.name),
            f"{function_name(question)} takes {taken}: give {written(rest[0])} by the name of its input.",
        )
    for name in given.keys() & named.keys():
        raise InputError(name, f"`{name}` is given twice, by position and by name: leave one out.")
    return given | dict(named)


@contextmanager
def _as_files(
    fields: Sequence[Asked], given: Mapping[str, Any]
) -> Iterator[tuple[dict[str, Any], Callable[[Report], Report]]]:
    """`given` with a file in the place of data where a file or a model is taken: the dict of a config, a schema, a request."""
    values, texts = dict(given), {}
    for one in fields:
        kind = one.kind.of if isinstance(one.kind, ListOf) else one.kind
        value = given.get(one.name)
        if not isinstance(kind, Source | File) or isinstance(kind, Output) or value is None:
            continue
        called = {"source": "config", "sources": "config"}.get(one.name, one.name)
        if isinstance(kind, FileOrText):
            values[one.name] = _json(one, value) if _is_data(value) else value
        elif kind is one.kind and _is_data(value):
            texts[called] = (kind, _json(one, value))
            values[one.name] = _Held(called)
        elif kind is not one.kind and isinstance(value, list | tuple):
            items = {f"{called}-{i}": item for i, item in enumerate(value, 1)}
            texts |= {name: (kind, _json(one, item)) for name, item in items.items() if _is_data(item)}
            values[one.name] = [_Held(name) if name in texts else item for name, item in items.items()]
    if not texts:
        yield values, lambda report: report
        return
    with held(texts) as (paths, without_paths):

        def path(value: Any) -> Any:
            return paths[value.name] if isinstance(value, _Held) else value

        for name, value in values.items():
            values[name] = [path(item) for item in value] if isinstance(value, list) else path(value)
        yield values, without_paths


class _Held(NamedTuple):
    """Stands for the file that will hold data."""

    name: str


def _is_data(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)
    )


def _json(one: Asked, value: Any) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        raise wrong(one.name, value, f"data that JSON can hold ({error}), or {one.kind.words}") from None
