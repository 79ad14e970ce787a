"""A question is one file and one entry of the registry: it then has a command, a schema and a place in the reference."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ropescope.app.cli import Group
from ropescope.errors import InputError
from ropescope.questions import registry
from ropescope.questions.inputs import schema_of
from ropescope.questions.question import Question

TOY = """
from dataclasses import dataclass
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Tokens
from ropescope.report.report import Report, Step

@dataclass(frozen=True, kw_only=True)
class ToyInputs:
    length: int = asked(Tokens(), "Tokens to double.", default=1024)

def answer(inputs, run):
    return Report("Toy", f"{2 * inputs.length:,} tokens.", data={"twice": 2 * inputs.length},
                  caveats=("Change `length`.",), next_steps=(Step("toy", {"length": "2k"}, "Again"),), holds=inputs.length > 9)
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "toy.py"
    path.write_text(TOY)
    spec = importlib.util.spec_from_file_location("ropescope.checks.toy", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "ropescope.checks.toy", module)
    spec.loader.exec_module(module)
    entry = Question(
        "toy", "Twice as many tokens.", "checks.toy:ToyInputs", "checks.toy:answer", {"length": "4k"}, decides=True
    )
    monkeypatch.setattr(registry, "SITUATIONS", {**registry.SITUATIONS, "Play": (entry,)})
    registry.built_in.cache_clear()
    registry.known.cache_clear()
    yield entry
    registry.built_in.cache_clear()
    registry.known.cache_clear()


def test_a_new_question_is_everywhere_at_once(toy: Question, tmp_path: Path) -> None:
    app = Group("")
    asked = CliRunner().invoke(app, ["toy", "--length", "4k", "--json", "--out", str(tmp_path / "kept.json")])
    assert json.loads(asked.stdout)["twice"] == 8192
    assert json.loads((tmp_path / "kept.json").read_text())["verdict"] == "8,192 tokens."
    shown = CliRunner().invoke(app, ["toy"]).stdout
    assert "Change --length." in shown and "Again: ropescope toy --length 2k" in shown
    assert "Tokens to double. [default: 1024]" in CliRunner().invoke(app, ["toy", "--help"]).stdout
    assert "toy" in CliRunner().invoke(app, ["--help"]).stdout
    assert CliRunner().invoke(app, ["toy", "--length", "9", "--check"]).exit_code == 1
    with pytest.raises(InputError, match=r"--length is 0: give a whole number of tokens"):
        CliRunner().invoke(app, ["toy", "--length", "0"], catch_exceptions=False)
    schema = schema_of(toy.inputs_type)
    assert schema["properties"]["length"]["default"] == 1024 and schema["required"] == []


def test_it_has_a_place_in_the_reference(toy: Question) -> None:
    spec = importlib.util.spec_from_file_location(
        "generate_reference", Path(__file__).parents[2] / "docs" / "generate_reference.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.SITUATIONS = registry.SITUATIONS
    assert "### toy\n\nTwice as many tokens.\n\n```console\n$ ropescope toy --length 4k\n```" in module.text()
