"""The page on published claims stays true: its commands parse, its pictures exist. (Verdicts: tests/evidence/verdicts.)"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from ropescope.app.cli import app

pytest.importorskip("statsmodels")
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "judging.md").read_text()


def test_commands_and_pictures_exist() -> None:
    for line in re.findall(r"^ropescope (?:claims|panel).*$", PAGE, re.M):
        words = shlex.split(line, comments=True)
        assert CliRunner().invoke(app, [words[1], "--help"]).exit_code == 0
    for link in re.findall(r"\]\((images/[^)]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link


def test_no_name_of_the_room_is_also_a_module() -> None:
    # A submodule, once imported, would take the place of the function of its name.
    import pkgutil

    import ropescope.evidence as room

    assert not set(room.__all__) & {module.name for module in pkgutil.iter_modules(room.__path__)}
