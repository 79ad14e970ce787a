"""Which input an error is about, so that every face can mark it, whatever room the error comes from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ropescope.errors import RopescopeError, SourceError
from ropescope.questions.inputs import Asked, fields_of
from ropescope.questions.kinds import File, Output, Source
from ropescope.questions.names import MOST_REPEATED, cut, named_in, shown


@contextmanager
def told_of(inputs: Any) -> Iterator[None]:
    """An error in this block names the field of `inputs` that it is about, and repeats no long value. An OSError about a path
    that was given becomes a SourceError; any other is a fault of ours, and stays one."""
    try:
        yield
    except RopescopeError as error:
        if error.field is None:
            error.field = field_of(str(error), inputs)
        if error.args:
            error.args = (_short(str(error), inputs), *error.args[1:])
        raise
    except OSError as error:
        path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes | os.PathLike) else ""
        named = [(len(text), one) for one, text in _texts(inputs) if _is_path(one) and _at(text, path)]
        if not path or not named:
            raise
        one = max(named, key=lambda found: found[0])[1]
        why = error.strerror or error
        sentence = (
            f"{path} cannot be written ({why}): name another file."
            if isinstance(_kind(one), Output)
            else f"{path} cannot be read ({why}): name another file."
        )
        told = SourceError(_short(sentence, inputs))
        told.field = one.name
        raise told from error


def field_of(sentence: str, inputs: Any) -> str | None:
    """The field that an error about `inputs` is about: the one it begins with, else the only one it names, else the one whose
    value it repeats. None where none is, or several."""
    if named := named_in(sentence, [one.name for one in fields_of(type(inputs))]):
        return named
    repeated = [(len(text), one.name) for one, text in _texts(inputs) if _repeats(sentence, one, text)]
    longest = {name for size, name in repeated if size == max(repeated)[0]}
    return longest.pop() if len(longest) == 1 else None


def _repeats(sentence: str, one: Asked, text: str) -> bool:
    """Whether the sentence quotes a value, begins with it, or names a path that was given."""
    quoted = shown(text) in sentence or repr(text) in sentence
    return quoted or sentence.startswith(f"{text} ") or (_is_path(one) and _at(text, sentence))


def _texts(inputs: Any) -> Iterator[tuple[Asked, str]]:
    """The texts and paths that were given, each with its field."""
    for one in fields_of(type(inputs)):
        value = getattr(inputs, one.name)
        for item in value if isinstance(value, list | tuple) else (value,):
            if isinstance(item, str | os.PathLike) and value != one.default and str(item):
                yield one, str(item)


def _kind(one: Asked) -> Any:
    return getattr(one.kind, "of", one.kind)


def _is_path(one: Asked) -> bool:
    return isinstance(_kind(one), File | Source)


def _at(path: str, text: str) -> bool:
    """Whether `text` names `path`, as it was written or as Python writes it (without ./), or what lies in it."""
    for written in filter(None, (path.rstrip("/"), str(Path(path)))):
        at = text.find(written)
        if at >= 0 and not text[at - 1 : at].isalnum() and not text[at + len(written) :][:1].isalnum():
            return True
    return False


def _short(sentence: str, inputs: Any) -> str:
    for _, text in _texts(inputs):
        for written in (text.rstrip("/"), repr(text)[1:-1]):
            if len(written) > MOST_REPEATED:
                sentence = sentence.replace(written, cut(written))
    return sentence
