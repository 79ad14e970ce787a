"""`-` reads a file from standard input: the answer is the file's, names no path that is gone, and needs something to read."""

import json

import pytest
from click.testing import CliRunner, Result
from released_configs import LLAMA_31_8B

from ropescope.app.cli import app


def asked(*words: str, text: str = "") -> Result:
    return CliRunner().invoke(app, list(words), input=text)


def test_what_is_pasted_is_answered_without_the_path_it_was_held_at() -> None:
    text = json.dumps(LLAMA_31_8B)
    said = asked("fit", "-", "--gpu", "4090", text=text)
    assert said.output.startswith("pasted at 131,072 tokens") and "/pasted" not in said.output
    assert "ropescope speed - --gpu" in said.output
    assert asked("launch", "-", "--gpu", "4090", "--bare", text=text).output.startswith("vllm serve <pasted> ")
    assert json.loads(asked("predict", "-", "--json", text=text).output) == json.loads(
        asked("predict", "-", "--json", text=text).output
    )


@pytest.mark.parametrize(
    ("text", "told"), [("", "is empty"), (" \n", "is empty"), ("{", "<pasted>:1 is not valid JSON")]
)
def test_what_cannot_be_read_is_refused_in_a_sentence(text: str, told: str) -> None:
    error = str(asked("show", "-", text=text).exception)
    assert told in error and "/config.json" not in error
