"""Python in the browser answers as CPython does: every row of the matrix that needs files alone, in one process of Node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from file_rows import FILES, written
from in_pyodide import asked_in_cpython, asked_in_pyodide, differences

HUB = {"name": "show", "given": {"source": "org/tiny"}, "names": {}, "hub": []}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, tiny_folder_with_tokenizer: Path) -> dict[str, Any]:
    """Each row as the page asks it, with what Pyodide and CPython answer; and a model of the Hub, before and after leave."""
    folder, work = tmp_path_factory.mktemp("rows"), tmp_path_factory.mktemp("work")
    requests = [
        {"name": row.question, "given": given, "names": {str(folder): "HERE"}, "hub": []}
        for row, both in zip(FILES, written(folder, tiny_folder_with_tokenizer), strict=True)
        for given in both
    ]
    ours = asked_in_pyodide([*requests, HUB, {**HUB, "hub": ["org/tiny"]}], folder, work)
    return {"pyodide": ours, "cpython": asked_in_cpython(requests, work)}


@pytest.mark.parametrize("i", range(len(FILES)), ids=[row.question for row in FILES])
def test_a_row_is_answered_as_in_cpython(i: int, asked: dict[str, Any]) -> None:
    for at in (2 * i, 2 * i + 1):
        mine = asked["pyodide"][at]
        assert "failed" not in mine, mine
        if FILES[i].question != "doctor":  # which tells of the machine
            assert list(differences(mine["answer"], asked["cpython"][at])) == []
    good, bad = asked["cpython"][2 * i], asked["cpython"][2 * i + 1]
    assert "error" in bad
    row = FILES[i]
    if "error" in good:  # what is in no browser either: the sentence says what to install
        assert good["error"]["missing"], good
    else:
        assert row.holds(good["report"]["data"])


def test_the_hub_is_asked_once_the_user_allows_it(asked: dict[str, Any]) -> None:
    before, after = (one["answer"] for one in asked["pyodide"][-2:])
    assert before["error"]["hub"] == "org/tiny"
    # The script has no network: the page's request gets no answer.
    assert "cannot be reached" in after["error"]["message"] and after["error"]["hub"] is None
