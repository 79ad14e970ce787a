"""docs/reference.md is what the registry says today, and every example on it is a command that can be read."""

import importlib.util
import shlex
from pathlib import Path

import click
import pytest

from ropescope.app.cli import command_of
from ropescope.questions.registry import known

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_up_to_date():
    spec = importlib.util.spec_from_file_location("generate_reference", DOCS / "generate_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (DOCS / "reference.md").read_text(encoding="utf-8")
    assert page == module.text(), "run python docs/generate_reference.py"
    assert module.STUB.read_text(encoding="utf-8") == module.stub.text(), "run python docs/generate_reference.py"


@pytest.mark.parametrize("name", known())
def test_every_example_on_the_page_is_a_command(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (DOCS / "reference.md").read_text(encoding="utf-8").split(f"### {name}\n")[1]
    line = next(line for line in page.splitlines() if line.startswith("$ ropescope "))
    words = shlex.split(line)[2 + len(name.split()) :]
    with command_of(known()[name]).make_context(name, words) as context:
        assert isinstance(context, click.Context)
