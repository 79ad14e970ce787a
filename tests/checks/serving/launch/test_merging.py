"""A model with an adapter: what is served is the base with it merged in, and the step that merges comes first."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from serving_ways import way

from ropescope.checks.serving.launch.commands import command
from ropescope.errors import DomainError
from ropescope.extend import plan_extension
from ropescope.models.opening import open as open_model

LLAMA = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "hidden_size": 64, "intermediate_size": 96, "vocab_size": 100, "max_position_embeddings": 2048,
    "rope_theta": 10000.0,
}  # fmt: skip


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text(json.dumps(LLAMA))
    (tmp_path / "it's tuned").mkdir()
    config = {"peft_type": "LORA", "base_model_name_or_path": str(tmp_path / "base"), "task_type": "CAUSAL_LM"}
    (tmp_path / "it's tuned" / "adapter_config.json").write_text(json.dumps(config))
    return tmp_path / "it's tuned"


@pytest.mark.parametrize("engine", ["vllm", "sglang", "llama.cpp", "transformers"])
def test_the_merged_model_is_served(adapter: Path, engine: str) -> None:
    made = command(way(open_model(adapter), "rtx 3090", engine, 1024))
    (_, _, script) = shlex.split(made.before[0])
    compile(script, "step", "exec")
    assert repr(str(adapter)) in script and "merge_and_unload" in script and "it-s-tuned-merged" in script
    assert "it-s-tuned-merged" in (made.script if engine != "llama.cpp" else made.before[1])
    assert str(adapter) not in made.text


def test_an_adapter_on_a_gguf_file_is_refused(adapter: Path) -> None:
    serving = way(open_model(adapter), "rtx 3090", "vllm", 1024)
    base = replace(serving.model.source, kind="gguf", path=adapter / "base.gguf")
    with pytest.raises(DomainError, match="an adapter on a GGUF file"):
        command(replace(serving, model=replace(serving.model, source=base)))


def test_settings_of_a_longer_context_say_what_they_name(adapter: Path) -> None:
    assert any("Merge the two" in caveat for caveat in plan_extension(open_model(adapter), 8192).caveats)
