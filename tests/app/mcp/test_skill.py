"""The skill file is what the registry says, and short."""

from __future__ import annotations

import shlex
from pathlib import Path

from click.testing import CliRunner

from ropescope.app.cli import app, command_of
from ropescope.questions.registry import known

KEPT = Path(__file__).parents[3] / "docs" / "skill" / "SKILL.md"


def test_the_kept_skill_is_written_again(tmp_path: Path) -> None:
    """Else: `ropescope mcp --skill docs/skill/SKILL.md`, which `python docs/generate_reference.py` does, too."""
    done = CliRunner().invoke(app, ["mcp", "--skill", str(tmp_path / "SKILL.md")])
    assert done.exception is None, done.exception
    assert (tmp_path / "SKILL.md").read_text("utf-8") == KEPT.read_text("utf-8")


def test_it_names_every_question_and_its_commands_are_understood() -> None:
    text = KEPT.read_text("utf-8")
    assert text.startswith("---\nname: ropescope\ndescription: Use when ") and len(text.split()) < 1_300
    for name in known():
        assert f"\n- `{name}`" in text
    lines = [line for line in text.splitlines() if line.startswith("ropescope ")]
    assert len(lines) == 3
    for line in lines:
        _, name, *words = shlex.split(line)
        with command_of(known()[name]).make_context(name, words):
            pass
