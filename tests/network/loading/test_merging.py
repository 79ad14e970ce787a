"""PEFT adapters as a source: what is loaded is what peft computes with the adapter on, of every kind that changes weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from lazily import lazily
from transformers import AutoModelForCausalLM

from ropescope.errors import SourceError
from ropescope.models.opening import open as open_model
from ropescope.models.source import Source, resolve
from ropescope.network.loading.weights import load

peft = lazily("peft", reason="peft is not installed: pip install 'ropescope[peft]'")

KINDS = {
    "lora": {"r": 4}, "rslora": {"r": 4, "use_rslora": True}, "dora": {"r": 4, "use_dora": True},
    "whole": {"r": 4, "modules_to_save": ["lm_head", "embed_tokens"]},
}  # fmt: skip


def adapted(base: Path, folder: Path, **settings: Any) -> tuple[Path, torch.Tensor]:
    """A folder with an adapter of random weights for `base`, and the logits that peft gives with it."""
    network = AutoModelForCausalLM.from_pretrained(base, dtype="float32")
    torch.manual_seed(3)
    targets = {"target_modules": ["q_proj", "v_proj", "down_proj"], "task_type": "CAUSAL_LM", "lora_alpha": 16}
    wrapped = peft.get_peft_model(network, peft.LoraConfig(**{**targets, **settings}))
    with torch.no_grad():
        for name, value in wrapped.named_parameters():
            if value.requires_grad:
                value.add_(torch.randn_like(value) * 0.1)
                assert "lora" in name or "modules_to_save" in name
    wrapped.save_pretrained(folder)
    return folder, logits(wrapped.eval())


def logits(network: Any) -> torch.Tensor:
    with torch.no_grad():
        return network(torch.arange(3, 60)[None]).logits


@pytest.mark.parametrize("kind", KINDS)
def test_merged_weights_compute_what_peft_computes(kind: str, tiny_folder: Path, tmp_path: Path) -> None:
    folder, right = adapted(tiny_folder, tmp_path / "my-adapter", **KINDS[kind])
    weights, plain = load(folder, dtype="float32"), load(tiny_folder, dtype="float32")
    torch.testing.assert_close(logits(weights.network), right, rtol=1e-4, atol=1e-5)
    assert (logits(plain.network) - right).abs().max() > 0.05
    assert type(weights.network) is type(plain.network) and not any(
        "lora" in name for name, _ in weights.network.named_modules()
    )
    assert weights.fingerprint.startswith(f"{plain.fingerprint} + ")
    assert weights.model.name == "my-adapter" and weights.source.spelled == str(folder)
    assert weights.model.layers == plain.model.layers


def test_another_adapter_on_the_same_base_has_another_fingerprint(tiny_folder: Path, tmp_path: Path) -> None:
    one, _ = adapted(tiny_folder, tmp_path / "one", r=4)
    two, _ = adapted(tiny_folder, tmp_path / "two", r=2)
    assert load(one, dtype="float32").fingerprint != load(two, dtype="float32").fingerprint


def test_the_base_is_described_and_found_beside_the_adapter(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where ../base names nothing
    shutil.copytree(tiny_folder, tmp_path / "base")
    folder, right = adapted(tmp_path / "base", tmp_path / "adapter", r=4)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = "../base"
    (folder / "adapter_config.json").write_text(json.dumps(config))
    model = open_model(folder)
    assert len(model.layers) == 2 and any("adapter (LORA) of base" in note for note in model.notes)
    torch.testing.assert_close(logits(load(folder, dtype="float32").network), right, rtol=1e-4, atol=1e-5)
    found = resolve(folder)
    assert found.adapter is not None and Source.from_dict(found.to_dict()) == found


def test_more_tokens_than_the_base_has_room_for(tiny_folder: Path, tmp_path: Path) -> None:
    """Training added tokens: the embedding is saved whole, with more rows."""
    network = AutoModelForCausalLM.from_pretrained(tiny_folder, dtype="float32")
    network.resize_token_embeddings(310)
    settings = peft.LoraConfig(
        r=2, target_modules=["q_proj"], modules_to_save=["lm_head", "embed_tokens"], task_type="CAUSAL_LM"
    )
    peft.get_peft_model(network, settings).save_pretrained(tmp_path / "more")
    weights = load(tmp_path / "more", dtype="float32")
    assert weights.network.get_input_embeddings().weight.shape[0] == 310


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"base_model_name_or_path": None}, "base_model_name_or_path is None"),
        ({"base_model_name_or_path": "/nowhere/at/all"}, "base of the adapter adapter cannot be had"),
        ({"peft_type": "PROMPT_TUNING"}, "adds tokens before the text"),
        ({"peft_type": 7}, "peft_type is 7"),
        ({"task_type": "SEQ_CLS"}, "only adapters of causal language models"),
        ({"layer_replication": [[0, 2], [0, 2]]}, "layer_replication is not read"),
        ({"megatron_config": {"a": 1}}, "megatron_config is not read"),
        ({"target_modules": ["q_proj"]}, "of its tensors have no place"),
        ({"target_modules": ["q_proj", "v_proj", "down_proj", "up_proj"]}, "no value in its file"),
        ({"r": 8}, "does not fit its base"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], why: str, tiny_folder: Path, tmp_path: Path) -> None:
    folder, _ = adapted(tiny_folder, tmp_path / "adapter", r=4)
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**config, **changes}))
    with pytest.raises((SourceError, ValueError), match=why):
        load(folder, dtype="float32")


def test_pickled_weights_are_not_read(tiny_folder: Path, tmp_path: Path) -> None:
    folder, _ = adapted(tiny_folder, tmp_path / "adapter", r=4)
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with pytest.raises(SourceError, match="reads safetensors only"):
        load(folder, dtype="float32")


def test_a_folder_with_a_whole_model_beside_the_adapter_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    folder, _ = adapted(tiny_folder, tmp_path / "adapter", r=4)
    for file in ("config.json", "model.safetensors"):
        shutil.copy(tiny_folder / file, folder / file)
    with pytest.raises(SourceError, match="a whole model and an adapter"):
        load(folder, dtype="float32")


def test_what_an_adapter_lacks_is_told_before_anything_is_loaded(tiny_folder: Path, tmp_path: Path) -> None:
    from ropescope.models.loadable import loadable

    folder, _ = adapted(tiny_folder, tmp_path / "adapter", r=4)
    assert loadable(folder).name == "adapter"
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(SourceError, match="reads safetensors only"):
        loadable(folder)
