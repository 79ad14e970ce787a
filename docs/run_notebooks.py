"""Execute the example notebooks and keep what they print: text alone, without pictures, times or widgets.

    python docs/run_notebooks.py                       # docs/notebooks/*.ipynb
    python docs/run_notebooks.py docs/notebooks/serving.ipynb

A cell whose tag is `measured` runs weights: its numbers differ a little between machines, and the tests compare them so.
Needs nbclient and ipykernel, which are development dependencies.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import nbformat
from nbclient import NotebookClient

FOLDER: Final = Path(__file__).with_name("notebooks")
MEASURED: Final = "measured"
_METADATA: Final = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def executed(path: Path, folder: Path) -> Any:
    """The notebook with what its cells print now. They run in `folder`. Raises CellExecutionError for one that fails."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, kernel_name="python3", timeout=600, resources=resources, record_timing=False).execute()
    notebook.metadata = nbformat.from_dict(_METADATA)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        if cell.cell_type == "code":
            cell.outputs = list(_text(cell.outputs))
    return notebook


def _text(outputs: list[Any]) -> Iterator[Any]:
    """What was printed and shown, as text; what goes to standard error is of the machine."""
    for one in outputs:
        if one.output_type == "stream" and one.name == "stdout":
            yield one
        elif one.output_type in ("execute_result", "display_data") and one.data["text/plain"]:
            one.data, one.metadata = {"text/plain": one.data["text/plain"]}, {}
            yield one


def printed(notebook: Any) -> list[str]:
    """The text of each code cell."""
    return [
        "".join(one.text if one.output_type == "stream" else one.data["text/plain"] for one in cell.outputs)
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def main(paths: list[Path]) -> None:
    """Execute notebooks and write them in place."""
    for path in paths or sorted(FOLDER.glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as folder:
            nbformat.write(executed(path, Path(folder)), path)
        print(path)


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
