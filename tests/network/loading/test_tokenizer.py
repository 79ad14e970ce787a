"""A tokenizer that knows more ids than the network: harmless until a text has one, then a sentence and no IndexError."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tiny_tokenizer import byte_tokenizer

from ropescope.app.cli import app
from ropescope.errors import RopescopeError

COMMANDS = {
    "measure": ["measure", "{model}", "--length", "128", "--rows", "8", "--prompts", "2"],
    "compress plan": ["compress", "plan", "{model}", "--budget", "50%", "--length", "128", "--prompts", "1"],
    "compress evaluate": ["compress", "evaluate", "{model}", "--length", "128", "--scored", "16", "--texts", "1",
                          "--methods", "uniform", "--budgets", "60%"],
    "extend evaluate": ["extend", "evaluate", "{model}", "--to", "400", "--methods", "none", "--texts", "1"],
}  # fmt: skip


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A model with 300 embeddings, whose tokenizer has the id 300 for "zebra" and more for other words."""
    copy = tmp_path / "model"
    shutil.copytree(tiny_folder, copy)
    tokenizer = byte_tokenizer()
    tokenizer.add_tokens([f"unused{index}" for index in range(300 - len(tokenizer))] + ["zebra", "<image>"])
    assert tokenizer("zebra")["input_ids"][-1] == 300
    tokenizer.save_pretrained(copy)
    return copy


def ran(folder: Path, home: Path, text: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("ROPESCOPE_HOME", str(home))
    line = [part.format(model=folder) for part in COMMANDS[command]]
    return CliRunner().invoke(app, [*line, "--text", str(text), "--json"]).exception


@pytest.mark.parametrize("command", COMMANDS)
def test_a_text_with_such_an_id_is_refused_in_a_sentence(
    folder: Path, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tmp_path / "zoo.txt"
    text.write_text("a horse and a zebra went by. " * 200)
    error = ran(folder, tmp_path, text, command, monkeypatch)
    assert isinstance(error, RopescopeError), repr(error)
    assert "gives the id 300 ('zebra'), and the network has embeddings for 300 ids" in str(error)


def test_random_tokens_need_no_beginning_that_the_network_lacks(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = json.loads((folder / "tokenizer.json").read_text())
    settings["post_processor"]["special_tokens"]["<s>"]["ids"] = [301]  # begins a text with <image>
    (folder / "tokenizer.json").write_text(json.dumps(settings))
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path))
    line = [part.format(model=folder) for part in COMMANDS["measure"]]
    assert CliRunner().invoke(app, [*line, "--corpus", "random", "--json"]).exception is None


@pytest.mark.parametrize("command", ["measure", "extend evaluate"])
def test_other_texts_are_read_as_ever(
    folder: Path, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tmp_path / "farm.txt"
    text.write_text("a horse and a cow went by. " * 200)
    assert ran(folder, tmp_path, text, command, monkeypatch) is None
