"""The page of experiments stays true: every experiment, commands and pictures that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ropescope.evidence.experiments.registry import EXPERIMENTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "results" / "experiments.md").read_text()
FLAT = " ".join(PAGE.split())


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_every_experiment_has_a_section(name: str) -> None:
    assert f"\n### {name}\n" in PAGE and f"[{name}](#{name})" in PAGE


def test_commands_and_prompts_are_those_of_the_code() -> None:
    commands = re.findall(r"`ropescope experiment ([a-z-]+) smollm2(?: --prompts (\d+))?` \((\d+) prompts", FLAT)
    assert {name for name, _, _ in commands} == {name for name, item in EXPERIMENTS.items() if item.sources == 1}
    assert all(int(given or EXPERIMENTS[name].prompts) == int(prompts) for name, given, prompts in commands)


def test_links_and_pictures_exist() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", PAGE) if "://" not in link]
    here = {f"#{name}" for name in EXPERIMENTS}
    assert len(links) >= 21
    assert [
        link for link in links if link not in here and not (ROOT / "docs" / "results" / link.partition("#")[0]).exists()
    ] == []
