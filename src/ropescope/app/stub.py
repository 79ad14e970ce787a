"""`ropescope/__init__.pyi`: the functions of the package as editors and type checkers read them, from the registry."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.resources import files
from inspect import Parameter
from textwrap import indent
from types import NoneType
from typing import Any, Final

import ropescope
from ropescope.app.functions import docstring, signature
from ropescope.questions.calling import function_name
from ropescope.questions.question import Question
from ropescope.questions.registry import SITUATIONS

_OPENING: Final = '''\
"""What editors and type checkers read of `ropescope`: a function for each question, made from the registry.

python docs/generate_reference.py
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Union

'''


def text() -> str:
    """The whole file."""
    package: Any = ropescope
    nouns = {name: f"ropescope.{home}" for name, home in package._NOUNS.items()}
    parts = [_OPENING + "\n".join(f"from {home} import {name} as {name}" for name, home in nouns.items())]
    parts.append("__version__: str")
    for question in (one for asked in SITUATIONS.values() for one in asked):
        name = function_name(question)
        if name in package._ROOMS:
            parts.append(_room(name, question))
        else:
            parts.append(_function(name, question))
    return "\n\n".join(parts) + "\n"


def _function(name: str, question: Question, first: tuple[str, ...] = ()) -> str:
    said = indent(f'"""{docstring(question)}\n"""', "    ")
    taken = "".join(f"    {one},\n" for one in (*first, *_parameters(question)))
    return f"def {name}(\n{taken}) -> Report:\n{said}"


def _room(name: str, question: Question) -> str:
    """A room that can be called: a value whose class has what the room exports."""
    exported = list(_exports(name))
    before = [f"from {home} import {one} as _{one}\n" for home, one in exported if one.islower()]
    body = [
        f"{one} = staticmethod(_{one})" if one.islower() else f"from {home} import {one} as {one}"
        for home, one in exported
    ]
    called = _function("__call__", question, ("self",))
    other = "# Its modules, where they are imported by their full names.\ndef __getattr__(self, name: str) -> Any: ..."
    inner = indent("\n\n".join(("\n".join(body), called, other)).lstrip(), "    ")
    kind = f"_{name.capitalize()}"
    return f"{''.join(before)}class {kind}(ModuleType):\n{inner}\n\n{name}: {kind}"


def _exports(room: str) -> Iterator[tuple[str, str]]:
    """(home, name) of what the room imports `as` itself."""
    tree = ast.parse((files("ropescope") / room / "__init__.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from ((str(node.module), one.name) for one in node.names if one.asname)


def _parameters(question: Question) -> Iterator[str]:
    starred = False
    for one in signature(question).parameters.values():
        if one.kind is Parameter.KEYWORD_ONLY and not starred:
            yield "*"
        starred = one.kind is not Parameter.POSITIONAL_OR_KEYWORD
        star = "*" if one.kind is Parameter.VAR_POSITIONAL else ""
        default = "" if one.default is Parameter.empty else f" = {_default(one.default)}"
        yield f"{star}{one.name}: {_type(one.annotation)}{default}"


def _default(value: Any) -> str:
    return repr(value) if isinstance(value, str | int | float | tuple | NoneType) else "..."


def _type(annotation: Any) -> str:
    spelled = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    spelled = re.sub(r"\b(typing|pathlib|collections\.abc)\.", "", spelled)
    return re.sub(r"^Optional\[(.*)\]$", r"\1 | None", spelled)
