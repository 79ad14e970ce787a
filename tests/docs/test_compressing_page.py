"""The guides to compressing and measuring stay true: their Python runs on a tiny model, and what plans are made from is as told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from made_rows import save_profile

from ropescope.app.cli import app

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "compressing.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ("--gamma 0.9 --budget 50%", "attention outside the sinks"),
        ("--gamma 0.9 --keep-mass 90%", "D_f(γ"),
        ("--gamma 0.9 --uniform --budget 50%", "not both"),
        ("--uniform --budget 50%", "one window"),
    ],
)
def test_plans_by_formula_are_as_the_table_says(options: str, answer: str, tiny_folder: Path) -> None:
    result = CliRunner().invoke(app, ["compress", "plan", str(tiny_folder), "--length", "64", *options.split()])
    assert answer in result.output + str(result.exception)


def test_a_profile_is_read_with_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_profile(tmp_path / "profile.parquet", n_prompts=3)
    page = (DOCS / "measuring.md").read_text(encoding="utf-8")
    snippet = next(text for text in re.findall(r"```python\n(.*?)```", page, re.S) if "read_parquet" in text)
    names: dict[str, Any] = {}
    exec(snippet, names)
    columns = re.findall(
        r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", page.split("| column | meaning |")[1], re.M))
    )
    assert set(columns) == set(names["table"].columns)
