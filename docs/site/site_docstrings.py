"""Docstrings as Markdown: what reads well in an editor reads well on the page, too. An extension of griffe.

A line that starts with the name of a parameter or field, as `mass: [prompts, layers] …`, becomes an item of a list;
doctests become blocks of code; brackets outside code stay text, where Markdown would look for a link.
"""

from __future__ import annotations

import re
from typing import Any

import site_mathematics
from griffe import Alias, Class, Extension, Function, Module, Object

CODE = re.compile(r"(`[^`]*`)")
NAMED = re.compile(r"^((?:\w+, )*\w+): (?=\S)")

ARGUMENT = re.compile(r"    \*{0,2}\w+: ")
"""As in the docstrings of questions, which have sections."""


class Docstrings(Extension):
    """Rewrites each docstring once, when it has been read."""

    def on_module_members(self, *, mod: Module, **_: Any) -> None:
        """A stub speaks of rooms that can be called; what they hold is read from the rooms."""
        if mod.is_init_module and mod.filepath.suffix == ".pyi":
            for name in [name for name in mod.members if (mod.filepath.parent / name).is_dir()]:
                del mod.members[name]

    def on_object(self, *, obj: Object, **_: Any) -> None:
        if obj.docstring is not None and not isinstance(obj, Alias):
            obj.docstring.value = as_markdown(obj.docstring.value, _names(obj))


def _names(obj: Object) -> set[str]:
    if isinstance(obj, Function):
        return {one.name.lstrip("*") for one in obj.parameters}
    return set(obj.members) if isinstance(obj, Class) else set()


def as_markdown(text: str, names: set[str]) -> str:
    """`text` with doctests fenced, brackets escaped, and the lines that explain one of `names` as a list."""
    lines: list[str] = []
    fenced = doctest = item = False
    for line in text.splitlines():
        if line == "Example:":
            lines += ["```python"]
            fenced = True
        elif not fenced and line.startswith(">>> "):
            lines += ["", "```pycon", line]
            fenced = doctest = True
        elif fenced:
            if doctest and not line.strip():
                lines += ["```", ""]
                fenced = doctest = False
            else:
                lines.append(line.removeprefix("    ") if lines[-1] == "```python" else line)
                fenced = doctest or not line.startswith("```")
        elif line.startswith("```"):
            lines.append(line)
            fenced = True
        else:
            named = NAMED.match(line)
            if named and names.issuperset(named[1].split(", ")):
                shown = ", ".join(f"`{name}`" for name in named[1].split(", "))
                lines += [*([] if item else [""]), f"- {shown}: {_escaped(line[named.end() :])}"]
                item = True
            else:
                item = item and bool(line.strip())
                name = ARGUMENT.match(line)
                start = name.end() if name else 0
                lines.append(line[:start] + _escaped(line[start:]))
    return "\n".join([*lines, "```"] if fenced else lines)


def _escaped(line: str) -> str:
    parts = CODE.split(line)
    parts[::2] = [re.sub(r"([\[\]])", r"\\\1", part).replace("<", "&lt;") for part in parts[::2]]
    return site_mathematics.as_html("".join(parts))
