"""Library rooms name inputs and questions, in backquotes, and never options: each face spells them in its own way.

A sentence may name an input only of the questions in which it can be met.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import ropescope
from ropescope.checks.serving.engines.engine import read_flags
from ropescope.questions.inputs import fields_of
from ropescope.questions.registry import known

SRC = Path(ropescope.__file__).parent
OPTION = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]*[a-z0-9])")
NAMED = re.compile(r"`([a-z][a-z0-9_]*)`")
COMMAND = re.compile(r"\bropescope (" + "|".join(sorted(known(), key=len, reverse=True)) + r")\b(?! room)")
FACE = {"json", "html", "md", "figure", "out"}
FIELDS = {name: {one.name for one in fields_of(question.inputs_type)} for name, question in known().items()}
EVERY = set().union(*FIELDS.values())

LOADING = (
    "measure",
    "experiment",
    "compress plan",
    "compress evaluate",
    "extend evaluate",
    "extend search",
    "extend lm-eval",
)
SERVING = ("fit", "speed", "launch")
SAID_IN: dict[str, tuple[str, ...]] = {
    "compress/evaluate": ("compress evaluate", "compress plan"),
    "compress": ("compress plan",),
    "evidence/experiments": ("experiment",),
    "evidence/panel": ("panel",),
    "evidence/atlas": ("atlas", "atlas add", "atlas export", "atlas publish"),
    "extend/evaluate": ("extend evaluate",),
    "extend/search": ("extend search",),
    "extend": ("extend plan", "extend evaluate", "extend search", "extend lm-eval"),
    "measure": LOADING,
    "quality": ("compress evaluate", "extend evaluate", "extend search"),
    "checks/serving": SERVING,
    "checks/fit": SERVING,
    "checks/speed": SERVING,
    "checks/launch": SERVING,
    "checks/hardware": ("hardware",),
    "checks/theory/predict": ("predict",),
    "checks/quantising": ("quantisation",),
    "checks/speculating": ("speculative",),
}
"""Room or file → the questions in which its sentences are met. An input has to be one of some of these."""
ENGINES = {flag.removeprefix("--") for engine in read_flags().values() for flag in engine["flags"]} | {"node-rank"}
"""What engines take, which may be named where their commands are written."""
OTHERS = {
    "checks/serving/weights/files.py", "checks/serving/devices/this_machine.py", "checks/serving/devices/smi_outputs.py",
    "evidence/long_context/report.py", "models/embedded.py", "extend/settings/gguf_file.py", "extend/settings/llama_cpp.py",
    "extend/settings/vllm.py", "evidence/atlas/dataset.py", "evidence/atlas/taf.py",
}  # fmt: skip
"""Files that write the commands of other programs, or name the columns of a table."""


def sentences(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of what a file says, f-strings with … for what is put in; docstrings are left out."""
    tree = ast.parse(path.read_text())
    inside: set[int] = set()
    nodes = list(ast.walk(tree))
    for node in nodes:
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                inside.add(id(statement.value))
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            parts = (str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
            yield node.lineno, "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.lineno, node.value


def wrongly_named(path: Path) -> Iterator[str]:
    name = str(path.relative_to(SRC))
    room = next((SAID_IN[room] for room in sorted(SAID_IN, key=len, reverse=True) if name.startswith(room)), ())
    of_room = set().union(*(FIELDS[question] for question in room)) if room else EVERY
    for line, text in sentences(path):
        if shown := COMMAND.search(text):
            yield f"{name}:{line} writes a command: ropescope {shown[1]}"
        for option in OPTION.findall(text):
            if option.replace("-", "_") in EVERY | FACE and option not in ENGINES and name not in OTHERS:
                yield f"{name}:{line} writes an option: --{option}"
        for word in () if name in OTHERS else NAMED.findall(text):
            if word in EVERY - of_room - FACE and word not in known():
                yield f"{name}:{line} names {word}, which is no input of {' or '.join(room)}"


def test_library_rooms_name_inputs_and_never_options() -> None:
    faces = ("app/", "questions/registry.py")
    rooms = [path for path in sorted(SRC.rglob("*.py")) if not str(path.relative_to(SRC)).startswith(faces)]
    found = [wrong for path in rooms for wrong in wrongly_named(path)]
    assert not found, "\n".join(found)
