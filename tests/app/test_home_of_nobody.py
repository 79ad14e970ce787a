"""A path in the home of a user that there is not is a file that is not there: one sentence, or an answer without it."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from ropescope.app.cli import app
from ropescope.errors import RopescopeError

NOWHERE = "~no-such-user/x"


@pytest.mark.parametrize(
    "words",
    [
        ["evidence", NOWHERE],
        ["tokenizer", NOWHERE, "--text", __file__],
        ["adapter", NOWHERE],
        ["template", NOWHERE],
        ["template", "{{ messages }}", "--messages", NOWHERE],
        ["files", NOWHERE],
        ["fit", NOWHERE, "--gpu", "4090"],
        ["peft", NOWHERE],
        ["ask", NOWHERE],
    ],
    ids=lambda words: "-".join(word.strip("-") for word in words if word.isalnum() or word.startswith("--")),
)
def test_it_is_a_file_that_is_not_there(words: list[str]) -> None:
    done = CliRunner().invoke(app, words)
    assert done.exception is None or isinstance(done.exception, RopescopeError), done.exception
