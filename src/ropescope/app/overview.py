"""What can be asked, as `ropescope --help` tells it. Nothing heavy is imported, so it appears at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

from ropescope.questions import registry

HELP: Final = "How far a transformer attends: predicted from its files, measured on its weights, with errors and nulls."
_OPTIONS: Final = (("--version", "Show the version."), ("-h, --help", "Show this message and exit."))


def overview(program: str) -> str:
    """Usage of `program`, its options, and every question under the situation that it is for."""
    width = _width()
    told = [f"Usage: {program} [OPTIONS] COMMAND [ARGS]...", "", *(f"  {line}" for line in _wrapped(HELP, width - 2))]
    told += ["", "Options:", *_listed(_OPTIONS, width)]
    for situation, asked in registry.situations().items():
        told += ["", f"{situation}:", *_listed([(question.name, question.asks) for question in asked], width)]
    told += ["", "In a browser, and for agents:", *_listed(registry.FACES.items(), width)]
    for left_out in registry.left_out():
        told += ["", *_wrapped(f"{left_out.sentence} See `ropescope doctor`.", width)]
    return "\n".join(told)


def _listed(rows: Iterable[tuple[str, str]], width: int) -> Iterator[str]:
    """Names, and beside them what they mean."""
    rows = list(rows)
    left = max(len(name) for name, _ in rows) + 2
    for name, meaning in rows:
        first, *rest = _wrapped(meaning, width - left - 2)
        yield f"  {name:<{left}}{first}"
        yield from (f"  {'':<{left}}{line}" for line in rest)


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".lstrip()
    return lines


def _width() -> int:
    """As click takes it: that of the terminal, at most 80, less a margin."""
    columns = os.environ.get("COLUMNS", "")
    try:
        found = int(columns) if columns.isdecimal() and int(columns) else os.get_terminal_size(1).columns or 80
    except OSError:  # no terminal
        found = 80
    return max(min(found, 80) - 2, 50)
