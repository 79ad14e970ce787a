"""A notebook as a page: its text, its code, and what the code printed or showed as text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def as_markdown(path: Path) -> str:
    """The notebook at `path` as Markdown, with a link to the notebook itself under its heading."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    parts = [part for cell in cells for part in _cell(cell)]
    heading, _, rest = parts[0].partition("\n")
    return "\n\n".join([heading, f"[Download this notebook]({path.name})", rest.strip(), *parts[1:]]) + "\n"


def _cell(cell: dict[str, Any]) -> Iterator[str]:
    text = "".join(cell["source"]).strip()
    if cell["cell_type"] == "markdown":
        yield text
    elif text:
        yield f"```python\n{text}\n```"
        for output in cell.get("outputs", []):
            shown = output.get("text") or output.get("data", {}).get("text/plain") or []
            if said := "".join(shown).rstrip():
                yield f"```text\n{said}\n```"
