"""The example notebooks print today what they have printed; numbers of weights within what machines differ by."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat", reason="notebooks are read by nbformat")
pytest.importorskip("nbclient", reason="notebooks are executed by nbclient")
pytest.importorskip("ipykernel", reason="notebooks run in a kernel of Jupyter")

DOCS = Path(__file__).parents[2] / "docs"
PATHS = {path.stem: path for path in sorted((DOCS / "notebooks").glob("*.ipynb"))}
SMOLLM2 = ("extending", "judging", "reading")
WEIGHTS = ("compressing", "measuring")
MARKS = dict.fromkeys(SMOLLM2, (pytest.mark.weights,)) | dict.fromkeys(WEIGHTS, (pytest.mark.weights, pytest.mark.long))
NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?")


def runner() -> Any:
    spec = importlib.util.spec_from_file_location("run_notebooks", DOCS / "run_notebooks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_is_one_for_each_task() -> None:
    assert {*PATHS} == {"compressing", "extending", "finetuning", "judging", "measuring", "reading", "serving"}
    page = (DOCS / "notebooks.md").read_text(encoding="utf-8")
    assert all(f"(notebooks/{path.name})" in page for path in PATHS.values())


@pytest.mark.parametrize("name", PATHS)
def test_it_is_short_and_holds_text_alone(name: str) -> None:
    source = PATHS[name].read_text(encoding="utf-8")
    notebook = nbformat.reads(source, as_version=4)
    nbformat.validate(notebook)
    kinds = [cell.cell_type for cell in notebook.cells]
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert kinds == ["markdown", *["markdown", "code"] * len(codes)] and 4 <= len(codes) <= 6
    assert len(source) < 20_000 and not re.search(r"image/|text/html|widget|iopub|/home/|/root/|/tmp/", source)
    assert [cell.execution_count for cell in codes] == [*range(1, len(codes) + 1)], "run python docs/run_notebooks.py"
    assert {*notebook.metadata} == {"kernelspec", "language_info"}
    assert {*codes[0].metadata} <= {"tags"} and all(cell.outputs for cell in codes)


@pytest.mark.parametrize("name", [pytest.param(name, marks=MARKS.get(name, ())) for name in PATHS])
def test_it_prints_what_it_has_printed(name: str, tmp_path: Path) -> None:
    run = runner()
    before = nbformat.read(PATHS[name], as_version=4)
    now = run.executed(PATHS[name], tmp_path)
    cells = [cell for cell in before.cells if cell.cell_type == "code"]
    for cell, was, printed in zip(cells, run.printed(before), run.printed(now), strict=True):
        if run.MEASURED not in cell.metadata.get("tags", ()):
            assert printed == was, "run python docs/run_notebooks.py"
            continue
        assert NUMBER.sub("0", printed) == NUMBER.sub("0", was)
        numbers = [[float(text.replace(",", "")) for text in NUMBER.findall(each)] for each in (printed, was)]
        assert numbers[0] == pytest.approx(numbers[1], rel=0.1, abs=0.03)
