"""The page on published claims stays true: its verdicts are those recomputed, its commands parse, its pictures exist."""

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


def expanded(cell: str) -> set[str]:
    """The ids of a cell of the table, with `C17–C23` written out."""
    ids: set[str] = set()
    for part in cell.split(", "):
        first, _, last = part.partition("–")
        if last:
            letter = first[0]
            ids |= {f"{letter}{number}" for number in range(int(first[1:]), int(last[1:]) + 1)}
        else:
            ids.add(first)
    return ids


def test_the_verdicts_are_those_recomputed() -> None:
    from ropescope.evidence import Evidence, all_claims, recompute

    rows = re.findall(r"^\| (.*?) \| ([CFP].*) \|$", PAGE.split("| verdict |")[1].split("\n\n")[0], re.M)
    stated = {claim: verdict for verdict, cell in rows for claim in expanded(cell)}
    entries = recompute(all_claims().values(), Evidence())
    assert stated == {entry.claim.id: entry.finding.verdict for entry in entries if entry.finding is not None}


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
