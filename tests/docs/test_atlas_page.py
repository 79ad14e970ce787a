"""The page on published scores and the atlas stays true: its commands run, in order, and its numbers are the table's."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from made_rows import save_profile

from ropescope.app.cli import app
from ropescope.published.benchmarks import RULER, ranked_rows
from ropescope.published.changes import DROP_FORMULA, effective_length
from ropescope.published.names import ModelName

PAGE = (Path(__file__).parents[2] / "docs" / "judging.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^ropescope (?:evidence|atlas)\b.*$", PAGE, re.M)


def test_the_commands_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))
    save_profile(tmp_path / "profile.parquet", n_prompts=3)
    assert len(COMMANDS) == 7
    for line in COMMANDS:
        result = CliRunner().invoke(app, shlex.split(line, comments=True)[1:], catch_exceptions=False)
        assert result.exit_code == 0, (line, result.output)
    assert (tmp_path / "dataset" / "README.md").exists()


def test_its_statements_are_those_of_the_table() -> None:
    samples = max(n or 0 for row in ranked_rows(RULER) for n in row.samples)
    assert RULER.as_of in PAGE and DROP_FORMULA in PAGE and f"{samples:,} samples" in PAGE
    stated = [row for row in ranked_rows(RULER) if row.effective_length.upper() not in ("", effective_length(row))]
    assert len(stated) == 6 and all(row.run_by == "model authors" for row in stated)
    one = ("Llama-3.1-8B-Instruct", "Meta-Llama-3.1-8B-Instruct", "meta_llama_3.1_8b_instruct")
    assert all(name in PAGE for name in one) and len({ModelName.of(name) for name in one}) == 1
