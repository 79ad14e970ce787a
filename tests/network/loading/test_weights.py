"""Weights are read from the folder that was named and from nowhere else, into the attention that they were trained with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from safetensors import safe_open
from tiny_models import TINY, build

from ropescope.errors import FormatError
from ropescope.network.loading.weights import load


def test_an_index_that_names_files_elsewhere_is_not_followed(tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    with safe_open(folder / "model.safetensors", "pt") as held:
        names = list(held.keys())
    (folder / "model.safetensors").rename(tmp_path / "other.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": dict.fromkeys(names, "../other.safetensors")}))
    with pytest.raises(FormatError, match="a path is not followed"):
        load(folder, dtype="float32", device="cpu")
    (tmp_path / "other.safetensors").rename(folder / "other.safetensors")
    index.write_text(json.dumps({"metadata": {}, "weight_map": dict.fromkeys(names, "other.safetensors")}))
    assert load(folder, dtype="float32", device="cpu").network.config.num_hidden_layers == 2


def test_a_softcap_is_kept_where_transformers_chooses_an_attention_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers.models.gemma2.modeling_gemma2 import Gemma2PreTrainedModel

    monkeypatch.setattr(Gemma2PreTrainedModel, "_supports_sdpa", True)  # as transformers 5.19 has it
    build(next(tiny for tiny in TINY if tiny.model_type == "gemma2")).save_pretrained(tmp_path)
    assert load(tmp_path, dtype="float32", device="cpu").network.config._attn_implementation == "eager"
