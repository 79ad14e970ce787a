"""Every option that a sentence of the library names is one of the command that it speaks of, or of all that may say it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

import ropescope
from ropescope.app.cli import app
from ropescope.checks.serving.engines import read_flags

SRC = Path(ropescope.__file__).parent
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*[a-z0-9]")
SHOWN = re.compile(r"ropescope ((?:[a-z-]+ )?[a-z-]+)\b([^`.;]*)")

LOADING = ("measure", "experiment", "compress evaluate", "extend evaluate", "extend search", "extend lm-eval")
SERVING = ("fit", "speed", "launch")
SAID_IN: dict[str, tuple[str, ...]] = {
    "compress/evaluate": ("compress evaluate",),
    "compress": ("compress plan",),
    "evidence/experiments": ("experiment",),
    "extend": ("extend plan", "extend evaluate", "extend search", "extend lm-eval"),
    "extend/evaluate": ("extend evaluate",),
    "extend/report": ("extend plan",),
    "extend/saving": ("extend plan",),
    "extend/search": ("extend search",),
    "extend/settings": ("extend plan",),
    "measure": ("measure", "experiment"),
    "measure/instrument": ("measure",),  # what only it may be given
    "measure/merging": LOADING,
    "measure/number_type": ("measure", "experiment", "compress evaluate", "extend evaluate", "extend search"),
    "measure/report": ("measure",),
    "measure/request": ("measure",),
    "measure/session": ("measure",),
    "measure/weights": LOADING,
    "quality": ("compress evaluate", "extend evaluate", "extend search"),
}
"""Room or file → the commands whose users meet its sentences. Options have to be those of each."""
OF_SOME = {"checks/serving": SERVING, "checks/fit": SERVING, "checks/speed": SERVING, "checks/launch": SERVING}
"""The same where each sentence is of one of these commands: it names an option of some."""
ENGINES = {flag for engine in read_flags().values() for flag in engine["flags"]} | {"--node-rank"}
"""What engines take, which may be named where their commands are written."""
WRITING = ("checks/serving", "extend/settings")
OTHERS = {"checks/serving/weight_files.py"}
OF_PROGRAMS = {
    "extend/saving_gguf.py": {"--merge"}, "extend/settings/llama_cpp.py": {"--yarn"}, "extend/settings/vllm.py": {"--rope-theta"},
}  # fmt: skip
PIECES = {  # put together from parts, where the command stands in another
    ("compress/evaluate/report.py", "--windows-only"): "compress plan",
    ("compress/evaluate/report.py", "--uniform"): "compress plan",
    ("extend/evaluate/report.py", "--method"): "extend plan", ("extend/report.py", "--methods"): "extend evaluate",
}  # fmt: skip


def options() -> dict[str, set[str]]:
    """Of each command."""
    found: dict[str, set[str]] = {}

    def walk(command: Any, path: tuple[str, ...]) -> None:
        names = [name for part in command.params for name in (*part.opts, *part.secondary_opts)]
        found[" ".join(path)] = {name for name in names if name.startswith("--")} | {"--help"}
        for name in command.list_commands(None) if hasattr(command, "list_commands") else ():
            walk(command.get_command(None, name), (*path, name))

    walk(get_command(app), ())
    return found


COMMANDS = options()


def sentences(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of what a file says, f-strings with … for what is put in; docstrings are left out."""
    tree = ast.parse(path.read_text())
    inside: set[int] = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            inside.add(id(body[0].value))
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield (
                node.lineno,
                "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.lineno, node.value


def room_of(name: str, rooms: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    return next((rooms[room] for room in sorted(rooms, key=len, reverse=True) if name.startswith(room)), ())


def wrongly_named(path: Path) -> Iterator[str]:
    name = str(path.relative_to(SRC))
    everyone, some = room_of(name, SAID_IN), room_of(name, OF_SOME)
    for line, text in sentences(path):
        rest = text
        for shown in SHOWN.finditer(text):
            words = shown[1].split(" ")
            command = next((part for part in (" ".join(words), words[0]) if part in COMMANDS), "")
            if command not in ("", "compress", "extend"):
                rest = rest.replace(shown[0], "")
                unknown = [option for option in OPTION.findall(shown[2]) if option not in COMMANDS[command]]
                yield from (f"{name}:{line} {option} of {command}" for option in unknown)
        for option in OPTION.findall(rest):
            if (
                (name.startswith(WRITING) and option in ENGINES)
                or name in OTHERS
                or option in OF_PROGRAMS.get(name, ())
            ):
                continue
            of = (PIECES[name, option],) if (name, option) in PIECES else everyone
            yield from (f"{name}:{line} {option} of {command}" for command in of if option not in COMMANDS[command])
            if some and all(option not in COMMANDS[command] for command in some):
                yield f"{name}:{line} {option} of {' or '.join(some)}"


def test_options_that_are_named_exist() -> None:
    found = [wrong for path in sorted(SRC.rglob("*.py")) for wrong in wrongly_named(path)]
    assert not found, "\n".join(found)
