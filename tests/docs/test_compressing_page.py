"""The guides to compressing and measuring stay true: their Python runs on a tiny model, and what plans are made from is as told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from made_rows import save_profile
from transformers import AutoModelForCausalLM

from ropescope.app.cli import app
from ropescope.compress import KVPlan, Target, plan_uniform
from ropescope.models.opening import open as open_model

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "compressing.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.S)


def test_python_runs(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plan_uniform(open_model(tiny_folder, config_only=True), Target(budget_share=0.5), length=64).save(
        tmp_path / "plan.json"
    )
    tokens = torch.arange(3, 43)[None]
    names: dict[str, Any] = {
        "model": AutoModelForCausalLM.from_pretrained(tiny_folder).eval(),
        "inputs": {"input_ids": tokens, "max_new_tokens": 2, "do_sample": False},
    }
    exec(next(text for text in PYTHON if "plan.applied" in text), names)
    assert isinstance(names["plan"], KVPlan) and names["plan"].bytes_after <= 0.5 * names["plan"].bytes_before


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
