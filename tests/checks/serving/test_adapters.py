"""An adapter's bytes are added to those of its base, and it is merged before it is served."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import stored_models as made
from serving_ways import way

from ropescope.checks.serving.launch.commands import command
from ropescope.checks.serving.memory.demand import demand
from ropescope.errors import DomainError
from ropescope.models import open as open_model


def lora(folder: Path, base: str, rank: int = 8) -> tuple[Path, int]:
    """(a LoRA of the queries of Llama-3.1-8B, its bytes)."""
    folder.mkdir()
    table = {}
    for layer in range(32):
        place = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        table[f"{place}.lora_A.weight"] = ("F32", (rank, 4096))
        table[f"{place}.lora_B.weight"] = ("F32", (4096, rank))
    made.write_safetensors(folder / "adapter_model.safetensors", table)
    config = {"peft_type": "LORA", "base_model_name_or_path": base, "task_type": "CAUSAL_LM", "r": rank}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder, 32 * 2 * 4 * rank * 4096


def test_base_and_adapter_are_counted_and_merged(tmp_path: Path) -> None:
    table = made.llama_rest() | {f"{name}.weight": ("BF16", shape) for name, shape in made.llama_linears().items()}
    base = made.write_folder(tmp_path / "base", made.LLAMA_31_8B, table)
    folder, n_bytes = lora(tmp_path / "lora", str(base))
    model, alone = open_model(folder), open_model(base)
    assert model.adapter_bytes == n_bytes and model.weights == alone.weights
    serving = way(model, "h100-sxm", "vllm", 8_192)
    assert demand(serving).total - demand(way(alone, "h100-sxm", "vllm", 8_192)).total == n_bytes
    told = command(serving)
    assert "vllm serve lora-merged" in told.text and told.script.index("merge_and_unload") < told.script.index(
        "vllm serve"
    )
    converted = command(way(model, "h100-sxm", "llama.cpp", 8_192)).before
    assert "merge_and_unload" in converted[0] and "convert_hf_to_gguf.py lora-merged" in converted[1]


def test_nothing_is_merged_into_quantised_weights(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    stated = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    (base / "config.json").write_text(json.dumps({**made.LLAMA_31_8B, "quantization_config": stated}))
    folder, _ = lora(tmp_path / "lora", str(base))
    with pytest.raises(DomainError, match="into which nothing is merged"):
        command(way(open_model(folder), "h100-sxm", "vllm", 8_192))
