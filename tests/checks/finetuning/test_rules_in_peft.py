"""What the rules say of peft and transformers, they do."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from lazily import lazily

from ropescope.checks.finetuning.code.faults import ARGUMENTS
from ropescope.models.model_files import LocalFiles
from ropescope.models.safetensors.files import read_header

peft = lazily("peft", reason="peft is not installed: pip install 'ropescope[peft]'")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def base(kind: str = "LlamaForCausalLM") -> Any:
    import transformers

    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "vocab_size": 64}
    return getattr(transformers, kind)(transformers.LlamaConfig(**sizes, num_attention_heads=4, num_key_value_heads=2))


def adapted(model: Any = None, **settings: Any) -> Any:
    settings = {"target_modules": ["q_proj", "v_proj"], **settings}
    return peft.get_peft_model(base() if model is None else model, peft.LoraConfig(**settings))


def trained(model: Any) -> int:
    return sum(one.numel() for one in model.parameters() if one.requires_grad)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    model = adapted()
    for name, value in model.named_parameters():
        if "lora_B" in name:
            value.data.fill_(1.0)
    model.save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


def test_an_adapter_is_loaded_frozen(saved: Path) -> None:
    load = peft.PeftModel.from_pretrained
    assert trained(load(base(), saved)) == 0 < trained(load(base(), saved, is_trainable=True))
    model = load(base(), saved)
    model.set_adapter("default")
    assert trained(model) > 0
    assert inspect.signature(peft.AutoPeftModelForCausalLM.from_pretrained).parameters["is_trainable"].default is False


def test_what_freezes_an_adapter() -> None:
    assert trained(peft.prepare_model_for_kbit_training(adapted())) == 0
    assert trained(adapted(inference_mode=True)) == 0


def test_an_adapter_on_an_adapter_is_not_loaded(saved: Path) -> None:
    model = peft.PeftModel.from_pretrained(adapted(), saved)
    assert all(float(one.abs().sum()) == 0 for name, one in model.named_parameters() if "lora_B" in name)


def test_an_early_optimizer_holds_nothing_of_the_adapter() -> None:
    model = base()
    held = {id(one) for one in torch.optim.AdamW(model.parameters()).param_groups[0]["params"]}
    assert not any(id(one) in held for one in adapted(model).parameters() if one.requires_grad)


def test_what_is_left_of_a_merged_model_saves_nothing(tmp_path: Path) -> None:
    model = adapted()
    model.merge_and_unload()
    model.save_pretrained(tmp_path)
    assert read_header(LocalFiles(tmp_path), "adapter_model.safetensors").tensors == ()


def test_a_head_is_trained_with_a_task_type_alone() -> None:
    for settings, there in (({}, False), ({"task_type": "SEQ_CLS"}, True)):
        model = adapted(base("LlamaForSequenceClassification"), **settings)
        assert there == any("score" in name for name, one in model.named_parameters() if one.requires_grad)


def test_targets() -> None:
    with pytest.raises(ValueError, match="not found"):
        adapted(target_modules=["query_key_value"])
    with pytest.raises(ValueError, match="not supported"):
        adapted(target_modules=["self_attn"])
    assert trained(adapted(target_modules=["q_proj", "nothing"])) == trained(adapted(target_modules=["q_proj"]))


def test_added_rows_are_not_trained() -> None:
    model = base()
    model.resize_token_embeddings(70, mean_resizing=False)
    assert not any("embed" in name for name, one in adapted(model).named_parameters() if one.requires_grad)


def test_arguments_are_those_of_the_config() -> None:
    assert frozenset(inspect.signature(peft.LoraConfig).parameters) == ARGUMENTS


def test_the_collator_masks_the_end_token(tiny_folder_with_tokenizer: Path) -> None:
    from transformers import AutoTokenizer, DataCollatorForLanguageModeling

    tokenizer = AutoTokenizer.from_pretrained(tiny_folder_with_tokenizer)
    word = json.loads((tiny_folder_with_tokenizer / "tokenizer.json").read_text())["model"]["vocab"]
    tokenizer.eos_token = tokenizer.pad_token = next(iter(word))
    ids = [tokenizer.eos_token_id + 1, tokenizer.eos_token_id]
    batch = DataCollatorForLanguageModeling(tokenizer, mlm=False)([{"input_ids": ids}])
    assert batch["labels"].tolist() == [[ids[0], -100]]
