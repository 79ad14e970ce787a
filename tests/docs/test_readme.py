"""The README stays true: its links exist, its commands parse, its Python runs, its numbers are those of the page."""

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

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", README, re.S)
COMMANDS = re.findall(r"^ropescope \S.*$", "\n".join(re.findall(r"```\n(.*?)```", README, re.S)), re.M)


def test_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert len(links) >= 4
    assert [link for link in links if not leads_somewhere(link)] == []


def leads_somewhere(link: str) -> bool:
    """Whether a file of this repository is there, and the heading in it that the link names."""
    name, _, heading = link.partition("#")
    path = ROOT / (name or "README.md")
    if not path.exists() or not heading:
        return path.exists()
    lines = path.read_text().splitlines()
    return heading in {line.strip("# ").lower().replace(" ", "-") for line in lines if line.startswith("#")}


def test_every_command_named_exists() -> None:
    listed = CliRunner().invoke(app, ["--help"]).output
    named = set(re.findall(r"`ropescope ([a-z-]+)", README))
    assert len(named) >= 7
    assert [name for name in named if name not in listed] == []


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
