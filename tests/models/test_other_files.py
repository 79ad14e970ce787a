"""Folders and repositories that hold no model read here say what they are, and what to give instead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ropescope.errors import SourceError
from ropescope.models import open as open_model


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"model_index.json": '{"_class_name": "FluxPipeline"}', "text_encoder/": ""}, "diffusers pipeline (FluxPipeline)"),
        ({"params.json": "{}", "consolidated.safetensors": ""}, "Mistral's own format"),
        ({"params.json": "{}", "consolidated.00.pth": ""}, "Meta's own format"),
        ({"params.json": '{"dim": 4096, "n_layers": 32}', "tekken.json": "{}"}, "Mistral's own format"),
        ({"adapter_model.safetensors": ""}, "adapter without adapter_config.json"),
        ({"pytorch_model.bin": ""}, "pickled weights (pytorch_model.bin)"),
        ({"model.ckpt": ""}, "pickled weights"),
        ({"model.onnx": "", "tokenizer.json": "{}"}, "ONNX export"),
        ({"weights.npz": ""}, "MLX's first format"),
        ({"model.safetensors": ""}, "weights without a config"),
        ({"mmproj-F16.gguf": "GGUF", "x.imatrix.gguf": "GGUF"}, "GGUF files that are no model"),
        ({"tokenizer.json": "{}", "tokenizer_config.json": "{}"}, "a tokenizer alone"),
        ({"train.parquet": "", "README.md": ""}, "a data set"),
        ({"rank0.engine": ""}, "TensorRT"),
    ],
)  # fmt: skip
def test_a_folder_says_what_it_is(tmp_path: Path, files: dict[str, str], words: str) -> None:
    for name, text in files.items():
        if name.endswith("/"):
            (tmp_path / name).mkdir()
        else:
            (tmp_path / name).write_text(text)
    with pytest.raises(SourceError) as caught:
        open_model(tmp_path)
    assert words in str(caught.value) and "give" in str(caught.value) + " give" and str(tmp_path) in str(caught.value)


def test_a_pickled_checkpoint_with_a_config_is_counted_from_it(tmp_path: Path) -> None:
    config = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96,
              "vocab_size": 100}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    model = open_model(tmp_path)
    assert model.parameters is not None and model.weights is None and any("pickled" in note for note in model.notes)


def test_so_does_a_repository_and_a_data_set(ask: Any, hub: Any, fake_hub: Any) -> None:
    hub.repos["models/org/pipe"] = fake_hub.Repo(files={"model_index.json": b'{"_class_name": "FluxPipeline"}'})
    hub.repos["datasets/org/data"] = fake_hub.Repo(files={"train.parquet": b""})
    pipe, data, none = ask(("open", "org/pipe"), ("open", "org/data"), ("open", "org/none"))
    assert "diffusers pipeline (FluxPipeline)" in pipe
    assert "org/data is a data set on the Hub, not a model" in data and "has no repository org/none" in none
