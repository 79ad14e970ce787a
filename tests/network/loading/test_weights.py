"""Weights are read from the folder that was named, and from nowhere else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from safetensors import safe_open

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
