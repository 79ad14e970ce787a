"""The rows of the matrix that need files alone, as the page asks them: their files written, and their inputs filled in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import released_configs as released
from matrix import ROWS

from ropescope.questions.registry import find

FILES = [row for row in ROWS if find(row.question).needs == "files"]


def written(folder: Path, tiny: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(inputs, bad inputs) of each row of `FILES`, whose files lie in `folder`. tiny: a model's folder with a tokenizer."""
    (folder / "llama").mkdir()
    (folder / "llama" / "config.json").write_text(json.dumps(released.LLAMA_31_8B))
    shutil.copytree(tiny, folder / "tiny")
    found = []
    for i, row in enumerate(FILES):
        new = folder / str(i)
        for name, text in row.files.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_text(text)
        places = {"config": str(folder / "llama"), "tiny": str(folder / "tiny"), "new": str(new)}
        good, bad = ({name: _put(value, places) for name, value in one.items()} for one in (row.inputs, row.bad))
        found.append((good, bad))
    return found


def _put(value: Any, places: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_put(item, places) for item in value]
    return value.format(**places) if isinstance(value, str) else value
