"""README and the guides to reading and measuring stay true: their commands are understood, their Python runs."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from tiny_models import TINY, build

from ropescope.app.cli import app
from ropescope.questions.registry import SITUATIONS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = README + "".join((ROOT / "docs" / f"{name}.md").read_text() for name in ("reading", "measuring"))
PYTHON = re.findall(r"```python\n(.*?)```", PAGES, re.S)
COMMANDS = re.findall(r"^ropescope \S.*$", "\n".join(re.findall(r"^```\n(.*?)^```$", PAGES, re.M | re.S)), re.M)


def test_every_question_stands_in_its_situation() -> None:
    table = README.split("| situation | commands |")[1].split("\n\n")[0]
    rows = dict(re.findall(r"^\| (\w.*?) \| (.*) \|$", table, re.M))
    asked = {situation: [question.name for question in questions] for situation, questions in SITUATIONS.items()}
    assert {situation: re.findall(r"`([^`]+)`", cell) for situation, cell in rows.items()} == asked


def test_every_page_is_linked() -> None:
    pages = {path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("docs/*.md"), *ROOT.glob("docs/results/*.md"))}
    assert pages <= set(re.findall(r"\]\(([\w/.-]+\.md)", README))


@pytest.mark.parametrize("page", ["README.md", "docs/serving.md"])
def test_devices_are_as_many_as_stated(page: str) -> None:
    listed = CliRunner().invoke(app, ["devices", "--json"]).output
    assert re.findall(r"(\d+) (?:known )?devices", (ROOT / page).read_text()) == [
        str(len(json.loads(listed)["devices"]))
    ]


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("ropescope measure")])
def test_measure_examples_parse(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ropescope.errors import RopescopeError

    (tmp_path / "corpus.jsonl").write_text(json.dumps({"text": "some words " * 20_000}))
    monkeypatch.chdir(tmp_path)

    # A source that is nowhere: the options are all understood before it is looked for.
    words = shlex.split(line.split("#")[0])[1:]
    words[1] = "no-such-model"
    words = [word for word in words if not word.endswith((".parquet", ".html")) and word not in ("--out", "--html")]
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, RopescopeError) and "no-such-model" in str(result.exception), result.output


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("ropescope compute")])
def test_compute_examples_answer(line: str) -> None:
    result = CliRunner().invoke(app, shlex.split(line)[1:])
    assert result.exit_code == 0, result.output


def test_python_on_a_model_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    snippet = next(text for text in PYTHON if "capture_rows" in text)
    model = build(TINY[0])
    model.config.max_position_embeddings = 1024
    names: dict[str, Any] = {"model": model, "input_ids": torch.randint(3, 100, (1, 1024))}
    with torch.inference_mode():
        exec(snippet, names)
    assert capsys.readouterr().out.count("torch.Size([4, 3, 1024])") == 3


@pytest.mark.weights
@pytest.mark.long
def test_python_on_the_embedded_model() -> None:
    snippet = next(text for text in PYTHON if "Request(" in text)
    names: dict[str, Any] = {}
    exec(snippet.replace("prompts=4", "prompts=2"), names)
    assert names["outcome"].summary.gamma.value == pytest.approx(0.88, abs=0.15)
    assert names["outcome"].profile.mass.shape[:3] == (2, 30, 9)


@pytest.mark.weights
def test_python_on_the_files_of_the_embedded_model() -> None:
    snippet = next(text for text in PYTHON if "cache_bytes" in text)
    names: dict[str, Any] = {}
    exec(snippet, names)
    stated = {int(length) for length in re.findall(r"cache_bytes\(8192.*?# (\d+)", snippet)}
    model = names["model"]
    assert stated == {model.cache_bytes(8192), model.cache_bytes(8192, key_type="q8_0")}
