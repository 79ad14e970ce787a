"""`ropescope experiment` as a person meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ropescope.app.cli import app
from ropescope.errors import RopescopeError
from ropescope.evidence.experiments.registry import EXPERIMENTS
from ropescope.report.report import Report

QUICK = ["--prompts", "4", "--length", "256", "--corpus", "random", "--dtype", "float32"]


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))


def invoke(*arguments: str | Path) -> Any:
    result = CliRunner().invoke(app, ["experiment", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_without_a_name_it_lists_them() -> None:
    shown = invoke().stdout
    assert all(name in shown for name in EXPERIMENTS)
    assert {item["name"] for item in json.loads(invoke("--json").stdout)["experiments"]} == set(EXPERIMENTS)


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_without_a_source_it_says_what_is_predicted(name: str) -> None:
    data = json.loads(invoke(name, "--json").stdout)
    prediction = EXPERIMENTS[name]
    assert data["prediction"] == {
        "theory": prediction.theory, "null": prediction.null, "decides": prediction.decides
    }  # fmt: skip
    assert invoke(name).stdout.startswith(EXPERIMENTS[name].question)


def test_a_run_answers_first_and_keeps_what_is_asked(tiny_folder: Path, tmp_path: Path) -> None:
    out, page, figure = tmp_path / "r.json", tmp_path / "r.html", tmp_path / "f.svg"
    result = invoke("offset-sweep", tiny_folder, *QUICK, "--out", out, "--html", page, "--figure", figure)
    assert result.stdout.split("(offset-sweep, tiny-llama")[0].strip() in (
        "The null stands", "The theory's prediction stands", "Neither prediction stands", "Undecided"
    )  # fmt: skip
    assert figure.read_text().startswith("<svg") and "Said before the run" in page.read_text()
    kept = Report.from_dict(json.loads(out.read_text()))
    assert kept.data["experiment"] == "offset-sweep" and kept.data["setting"]["length"] == 256
    shown = json.loads(invoke("offset-sweep", tiny_folder, *QUICK, "--json").stdout)
    volatile = {"seconds"}
    assert shown.pop("answer")["verdict"] == kept.verdict
    assert {k: v for k, v in shown.items() if k not in volatile} == {
        k: v for k, v in kept.data.items() if k not in volatile
    }


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["lenght-sweep", "{tiny}"], "Did you mean length-sweep"),
        (["random-init", "{tiny}", "--prompts", "2"], "gives no interval"),
        (["random-init", "{tiny}", "{tiny}"], "one model, and 2 sources"),
        (["theta-panel", "{tiny}"], "it takes 4 at the least"),
        (["random-init", "no/such/folder/here"], "does not exist"),
        (["shape", "{tiny}", "--length", "4096", "--corpus", "random"], "beyond the trained context"),
        (["corpus", "{tiny}", "--prompts", "4"], "without a tokenizer"),
        (["shape", "{tiny}", "--out", "/no/such/folder/r.json"], "is no folder"),
        (["shape", "{tiny}", "--figure", "f.bmp"], "bmp"),
    ],
)
def test_bad_input_gets_one_sentence(tiny_folder: Path, arguments: list[str], sentence: str) -> None:
    line = [argument.replace("{tiny}", str(tiny_folder)) for argument in arguments]
    with pytest.raises(RopescopeError, match=sentence) as caught:
        invoke(*line)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("arguments", [[], ["length-sweep"], ["lenght-sweep", "nowhere"]])
def test_what_runs_nothing_imports_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys\n"
        "from ropescope.app.start import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'numpy', 'scipy', 'transformers'} & set(sys.modules)), file=sys.stderr)\n"
    )
    line = [sys.executable, "-c", script, "experiment", *arguments]
    result = subprocess.run(line, capture_output=True, text=True, timeout=600)
    assert result.stderr.splitlines()[-1] == "[]"
