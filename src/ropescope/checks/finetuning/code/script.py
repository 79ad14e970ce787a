"""A script read as a syntax tree: its calls by their full names, and the values that it states literally."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ropescope.errors import FormatError
from ropescope.local_files import read_bounded
from ropescope.models.json_file import parse_json

MOST_BYTES: Final = 2 << 20
_SHELL: Final = re.compile(r"(?m)^([ \t]*)[!%].*$")
"""Lines of a notebook that are no Python."""


class Unknown:
    """A value that the script computes."""


UNKNOWN: Final = Unknown()


@dataclass(frozen=True, slots=True)
class Script:
    """A script. `imported` maps a name in it to what was imported, `constants` a name to the one expression that it is bound
    to, `cells` the first line of each cell of a notebook."""

    tree: ast.Module
    n_lines: int
    imported: dict[str, str] = field(default_factory=dict)
    constants: dict[str, ast.expr] = field(default_factory=dict)
    cells: tuple[int, ...] = ()

    def place(self, line: int) -> str:
        """`line 12`, or in a notebook `cell 3, line 4`."""
        cell = sum(1 for first in self.cells if first <= line)
        return f"cell {cell}, line {line - self.cells[cell - 1] + 1}" if cell else f"line {line}"

    def called(self, function: ast.expr) -> str:
        """The full name of what is called, such as `peft.LoraConfig` or `model.train`; "" for what has none."""
        parts: list[str] = []
        while isinstance(function, ast.Attribute):
            parts.append(function.attr)
            function = function.value
        if not isinstance(function, ast.Name):
            return "." + ".".join(reversed(parts)) if parts else ""
        return ".".join((self.imported.get(function.id, function.id), *reversed(parts)))

    def value(self, node: ast.expr | None, depth: int = 0) -> Any:
        """What an expression states literally, names that are bound once included; UNKNOWN where it is computed."""
        if depth > 20 or node is None:
            return UNKNOWN
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return self.value(self.constants.get(node.id), depth + 1)
        if isinstance(node, ast.Attribute):  # TaskType.CAUSAL_LM
            return node.attr if self.called(node).rpartition(".")[0].endswith("TaskType") else UNKNOWN
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            items = [self.value(one, depth + 1) for one in node.elts]
            return UNKNOWN if any(one is UNKNOWN for one in items) else items
        if isinstance(node, ast.Dict):
            keys = [self.value(one, depth + 1) for one in node.keys]
            if not all(isinstance(key, str) for key in keys):
                return UNKNOWN
            return dict(zip(keys, (self.value(one, depth + 1) for one in node.values), strict=True))
        if isinstance(node, ast.Call) and self.called(node.func) == "dict" and not node.args:
            return {one.arg: self.value(one.value, depth + 1) for one in node.keywords if one.arg is not None}
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            operand = self.value(node.operand, depth + 1)
            return -operand if isinstance(operand, int | float) else UNKNOWN
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = self.value(node.left, depth + 1), self.value(node.right, depth + 1)
            return left + right if isinstance(left, list) and isinstance(right, list) else UNKNOWN
        return UNKNOWN

    def keywords(self, call: ast.Call) -> tuple[dict[str, Any], bool]:
        """(the named arguments of a call with their values, whether there are others that the script computes)."""
        found: dict[str, Any] = {}
        others = False
        for one in call.keywords:
            value = self.value(one.value)
            if one.arg is not None:
                found[one.arg] = value
            elif isinstance(value, dict):
                found |= value
            else:
                others = True
        return found, others or any(isinstance(one, ast.Starred) for one in call.args)


def read_script(path: Path) -> Script:
    """The script at `path`: Python, or a notebook. Raises SourceError, and FormatError with the line that is no Python."""
    raw = read_bounded(path, MOST_BYTES, missing="name a Python file", long="give the training script alone")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8.") from error
    cells: tuple[int, ...] = ()
    if path.suffix == ".ipynb" or (text.lstrip().startswith("{") and '"cells"' in text):
        text, cells = _notebook(raw, str(path))
    tree = _parsed(text, str(path), cells)
    return Script(tree, text.count("\n") + 1, _imports(tree), _constants(tree), cells)


def _notebook(raw: bytes, where: str) -> tuple[str, tuple[int, ...]]:
    """(the code of a notebook, the line at which each of its code cells begins)."""
    data = parse_json(raw, where)
    cells = data.get("cells") if isinstance(data, dict) else None
    if not isinstance(cells, list):
        raise FormatError(f"{where} has no cells: it is no notebook; give a Python file.")
    texts, firsts, line = list[str](), list[int](), 1
    for cell in cells:
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", "")
        text = "".join(map(str, source)) if isinstance(source, list) else str(source)
        firsts.append(line)
        texts.append(text.rstrip("\n") + "\n")
        line += texts[-1].count("\n")
    return "".join(texts), tuple(firsts)


def _parsed(text: str, where: str, cells: tuple[int, ...]) -> ast.Module:
    try:
        try:
            return ast.parse(text)
        except SyntaxError:
            return ast.parse(_SHELL.sub(r"\1pass", text))
    except SyntaxError as error:
        line = Script(ast.Module([], []), 0, cells=cells).place(error.lineno or 1)
        raise FormatError(f"{where}, {line}, is no Python ({error.msg}): mend that line.") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise FormatError(f"{where} cannot be parsed: it holds a null character, or is nested too deeply.") from error


def _imports(tree: ast.Module) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {one.asname: one.name for one in node.names if one.asname}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    return found


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    """Names that are bound once in the whole script, by a plain assignment."""
    bound: Counter[str] = Counter()
    values: dict[str, ast.expr] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound[node.id] += 1
        elif isinstance(node, ast.arg):
            bound[node.arg] += 1
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            values[node.targets[0].id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            values[node.target.id] = node.value
    return {name: value for name, value in values.items() if bound[name] == 1}
