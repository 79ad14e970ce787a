"""`ropescope evidence` on the command line: answers with status 0, and needs no numpy."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from ropescope.app.cli import app
from ropescope.errors import InputError


def test_a_model_and_no_model() -> None:
    one = CliRunner().invoke(app, ["evidence", "Qwen/Qwen3-8B"])
    assert one.exit_code == 0 and one.stdout.startswith("Qwen/Qwen3-8B scores 77.4 on RULER at 128K")
    every = CliRunner().invoke(app, ["evidence"])
    assert every.exit_code == 0 and every.stdout.startswith("Models by benchmark: RULER 61, NoLiMa 22")


def test_nothing_published_is_no_failure() -> None:
    result = CliRunner().invoke(app, ["evidence", "org/model", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["matches"] == []


def test_an_empty_name_is_one_sentence() -> None:
    with pytest.raises(InputError, match="MODEL must be text"):
        CliRunner().invoke(app, ["evidence", ""], catch_exceptions=False)


def test_it_is_light() -> None:
    script = (
        "import sys\n"
        "from ropescope.app.cli import app\n"
        "try: app(['evidence', 'Qwen/Qwen3-8B', '--json'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'numpy', 'scipy', 'pyarrow', 'huggingface_hub'} & set(sys.modules)\n"
        "sys.exit(f'imported {sorted(heavy)}' if heavy else 0)\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
