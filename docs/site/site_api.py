"""The API pages: the function of every question, and a page for each room with every name that its `__init__` exports."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Final

from ropescope import _ROOMS
from ropescope.questions.calling import function_name
from ropescope.questions.registry import SITUATIONS

ROOT: Final = Path(__file__).parents[2]
ROOMS: Final = "models measure network compress extend evidence quality theory report runs".split()
OPENING: Final = """\
# API

Everything here is imported from its room: `from ropescope.theory import gamma_pade`. A room imports its parts when they are
asked for, so that files and formulas cost no torch.

| page | what is in it |
| --- | --- |
| [`ropescope`](questions.md) | Every question as a function |
"""
QUESTIONS: Final = """\
---
search:
  exclude: true # it leads to the same words in the reference
---

# Questions as functions

`import ropescope as rs`, then `rs.fit("Qwen/Qwen3-8B", gpu="4090")`. The guide on [functions](../notebooks.md) says how they are
called. Each takes `out`, `html`, `md` and `figure`, too, which write files.
"""


def pages(root: Path = ROOT) -> dict[str, str]:
    """The Markdown of each page by its place on the site."""
    rooms = {name: exports(root / "src" / "ropescope" / name) for name in ROOMS}
    made = {f"api/{name}.md": _page(root, name, homes) for name, homes in rooms.items()}
    rows = [f"| [`ropescope.{name}`]({name}.md) | {_first(root, f'ropescope.{name}')} |" for name in rooms]
    return {"api/index.md": OPENING + "\n".join((*rows, "")), "api/questions.md": _questions()} | made


def _questions() -> str:
    lines = [QUESTIONS]
    for situation, asked in SITUATIONS.items():
        lines += [f"## {situation}", ""]
        for name in map(function_name, asked):
            # In the stub a class stands for a room that is a question, too.
            home = f"_{name.capitalize()}.__call__" if name in _ROOMS else name
            options = {"docstring_style": "google", "heading": name, "toc_label": name, "separate_signature": True}
            lines += [f"::: ropescope.{home}", f"    options: {json.dumps(options)}", ""]
    return "\n".join(lines)


def exports(room: Path) -> dict[str, list[str]]:
    """The names that a room exports, by the module that holds them. A room that exports none shows what its modules define."""
    tree = ast.parse((room / "__init__.py").read_text(encoding="utf-8"))
    homes: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"ropescope.{room.name}."):
            homes.setdefault(node.module, []).extend(one.name for one in node.names)
    return homes or {
        f"ropescope.{room.name}.{path.stem}": defined
        for path in sorted(room.glob("*.py"))
        if (defined := _defined(path))
    }


def _defined(path: Path) -> list[str]:
    """Classes and functions of a module that have a docstring and a public name."""
    return [
        node.name
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name[0] != "_" and ast.get_docstring(node)
    ]


def _page(root: Path, room: str, homes: dict[str, list[str]]) -> str:
    lines = [f"# ropescope.{room}", "", _first(root, f"ropescope.{room}"), ""]
    for module, names in homes.items():
        lines += [f"## {module.removeprefix(f'ropescope.{room}.')}", "", _first(root, module), ""]
        lines += [line for name in names for line in (f"::: {module}.{name}", "")]
    return "\n".join(lines)


def _first(root: Path, module: str) -> str:
    """The first paragraph of a module's docstring, on one line."""
    path = root / "src" / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    words = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(words.partition("\n\n")[0].split()).replace("[", "\\[").replace("|", "\\|")
