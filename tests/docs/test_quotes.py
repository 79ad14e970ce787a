"""What the guides to scores, fine-tuning and prompts quote and count is what the program says today."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from ropescope.app.cli import app
from ropescope.checks.finetuning.code.faults import RULES

ROOT = Path(__file__).parents[2]
RUNS = ROOT / "tests" / "checks" / "judging" / "drift" / "runs"


def quotes(name: str) -> list[str]:
    """The quoted answers of a guide."""
    text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    return [
        " ".join(re.sub(r"^> ?", "", found, flags=re.M).split()) for found in re.findall(r"(?:^> .*\n)+", text, re.M)
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("scores", ["drift", str(RUNS / "plain"), str(RUNS / "chat")]),
        ("scores", ["cannot-tell", "horizon"]),
        pytest.param("prompts", ["template", "smollm2"], marks=pytest.mark.weights),
    ],
    ids=["drift", "cannot-tell", "template"],
)
def test_an_answer_is_quoted_as_it_is_given(name: str, words: list[str]) -> None:
    done = CliRunner().invoke(app, words)
    assert done.exception is None, done.exception
    assert " ".join(done.stdout.split()).startswith(tuple(quotes(name)))


def test_counts() -> None:
    def listed(*words: str) -> dict[str, list[object]]:
        return dict(json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout))

    scores, tuning = ((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("scores", "finetuning"))
    assert f"{len(listed('saturation')['benchmarks'])} benchmarks" in scores
    assert f"`ropescope cannot-tell` lists {len(listed('cannot-tell')['cards'])} formulas" in scores
    assert len(RULES) == 14 and "Fourteen faults are known" in tuning
