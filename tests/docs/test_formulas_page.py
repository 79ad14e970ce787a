"""docs/formulas.md is what the registry says today, and its commands can be run."""

import importlib.util
from pathlib import Path

from ropescope.checks.theory.compute import compute_report

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_up_to_date():
    spec = importlib.util.spec_from_file_location("generate_formulas", DOCS / "generate_formulas.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (DOCS / "formulas.md").read_text(encoding="utf-8")
    assert page == module.text(), "run python docs/generate_formulas.py"


def test_every_command_on_the_page_gives_an_answer():
    page = (DOCS / "formulas.md").read_text(encoding="utf-8")
    commands = [line.split()[3:] for line in page.splitlines() if line.startswith("$ ropescope compute ")]
    assert len(commands) > 60
    for name, *arguments in commands:
        assert compute_report(name, arguments).data["result"] not in (None, "")
