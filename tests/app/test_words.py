"""Sentences name inputs and questions in backquotes; what a user or a file wrote in backquotes is no such name."""

import json
from pathlib import Path

from click.testing import CliRunner
from released_configs import LLAMA_31_8B

from ropescope.app.cli import app
from ropescope.app.words import as_shown, spelled, written
from ropescope.questions.inputs import fields_of
from ropescope.questions.registry import find
from ropescope.report import Fact, Report

FIELDS = fields_of(find("fit").inputs_type)


def test_inputs_become_options_and_questions_commands() -> None:
    said = spelled("Give `kv_precision` f16, or `source` and `out`; `speed` tells, `hidden_size` stays.", FIELDS)
    assert said == "Give --kv-precision f16, or SOURCE and --out; `ropescope speed` tells, `hidden_size` stays."


def test_a_word_of_the_title_or_of_a_value_is_no_input() -> None:
    report = Report(
        "my `out` model", "my `out` model fits: give `batch` 1.", (Fact("made by", "`engine`", note="`engine`"),)
    )
    shown = as_shown(report, FIELDS)
    assert shown.verdict == "my `out` model fits: give --batch 1." and shown.facts[0].note == "`engine`"


def test_a_path_keeps_its_backquotes_in_an_answer_and_in_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "`out`"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA_31_8B))
    said = CliRunner().invoke(app, ["fit", str(folder), "--gpu", "4090"])
    assert said.output.startswith("`out` at 131,072 tokens")
    missing = CliRunner().invoke(app, ["fit", str(folder / "none"), "--gpu", "4090"])
    assert "/`out`/none does not exist" in str(missing.exception)
    assert written({"source": "`a`", "text": ("b", "c"), "ep": True}) == "`a`\nb\nc"
