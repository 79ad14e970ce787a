"""The page on extending a context stays true: its commands are understood, its Python runs, what it tells of models holds."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import released_configs as released
import tiny_gguf
import torch
from click.testing import CliRunner
from transformers import AutoModelForCausalLM

from ropescope.app.cli import app, command_of
from ropescope.errors import ExtendError
from ropescope.extend import plan_extension
from ropescope.extend.evaluate.candidates import TRUNCATED
from ropescope.extend.plan.rope_plan import METHODS
from ropescope.extend.settings.engines import WRITERS
from ropescope.models.config.reading import from_config
from ropescope.models.opening import open as open_model
from ropescope.questions.registry import known

PAGE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text()
COMMANDS = re.findall(r"^ropescope extend plan .*?(?=\s*#|$)", PAGE, re.M)
LONG_COMMANDS = re.findall(r"^ropescope extend (?:evaluate|search) .*?(?=\s*#|$)", PAGE, re.M)
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.S)


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_run_on_a_model(line: str, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line)[1:]
    file = words[2].endswith(".gguf")
    words[2] = str(tiny_gguf.write(tiny_gguf.network(), tmp_path / "tiny.gguf") if file else tiny_folder)
    result = CliRunner().invoke(app, words)
    assert result.exception is None, result.stdout
    assert result.stdout.startswith(
        ("YaRN with a factor of", "NTK-aware scaling with a factor of", "Leaky ReRoPE with")
    )


@pytest.mark.parametrize("line", LONG_COMMANDS)
def test_commands_that_take_long_are_understood(line: str) -> None:
    """Parsed as the command line would, without loading weights; what they do is held in tests/extend."""
    words = shlex.split(line)[1:]
    given = command_of(known()[" ".join(words[:2])]).make_context(words[1], words[2:]).params
    assert given["source"] == "smollm2" and given["to"] in ("16Ki", "32Ki")
    for method in (given.get("methods") or "yarn").split(","):
        assert method.endswith(".json") or method.partition("@")[0] in (*METHODS, TRUNCATED)
    assert given.get("tasks") in (None, "", "all")


def test_python_runs(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    network = AutoModelForCausalLM.from_pretrained(tiny_folder)
    names: dict[str, Any] = {"model": network, "inputs": {"input_ids": torch.arange(3, 9)[None], "max_new_tokens": 2}}
    first, far = PYTHON
    exec(first.replace('"smollm2"', repr(str(tiny_folder))), names)
    assert network.config.rope_parameters["rope_type"] == "yarn"
    plan_extension(open_model(tiny_folder, config_only=True), 32768, "rerope").save(tmp_path / "rerope.json")
    names["model"] = AutoModelForCausalLM.from_pretrained(tiny_folder)
    exec(far.replace('"smollm2"', repr(str(tiny_folder))), names)
    assert names["plan"].method == "rerope" and names["model"].config._attn_implementation == "sdpa"


def test_what_the_page_says_of_released_models() -> None:
    def reach(config: dict[str, Any]) -> int:
        return plan_extension(from_config(config), 2).native_length

    assert {reach(config) for config in (released.LLAMA_31_8B, released.LLAMA_32_1B, released.GEMMA_3_27B)} == {131072}
    yarned = (released.DEEPSEEK_V2_LITE, released.DEEPSEEK_V3, released.KIMI_K2, released.GPT_OSS_20B)
    assert {reach(config) for config in yarned} == {131072, 163840}
    with pytest.raises(ExtendError, match="give `trained`"):
        plan_extension(from_config(released.GEMMA_3_27B), 262144, "yarn")


def test_every_version_that_is_written_for_is_on_the_page() -> None:
    for engine, writers in WRITERS.items():
        assert engine in PAGE.lower()
        for first, _ in writers:
            assert not first or ".".join(map(str, first)) in PAGE
