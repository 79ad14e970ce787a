"""An adapter on the Hub: its base is found by its config, at the revision that it names, and both are pinned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ropescope.errors import SourceError
from ropescope.models import open as open_model

LLAMA = {
    "model_type": "llama", "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 64,
    "max_position_embeddings": 2048, "rope_theta": 50000.0, "vocab_size": 100,
}  # fmt: skip
COMMIT, OTHER = "0123456789abcdef0123456789abcdef01234567", "f" * 40


def test_the_base_is_read_at_its_own_revision(hub: Any, ask: Any, fake_hub: Any) -> None:
    config = {"peft_type": "LORA", "base_model_name_or_path": "org/base", "revision": "v2", "task_type": "CAUSAL_LM"}
    hub.repos["models/org/base"] = fake_hub.Repo(
        files={"config.json": json.dumps(LLAMA).encode()}, revisions={"main": COMMIT, "v2": OTHER}
    )
    hub.repos["models/org/tuned"] = fake_hub.Repo(
        files={"adapter_config.json": json.dumps(config).encode(), "adapter_model.safetensors": b"x"}
    )
    lost = {**config, "base_model_name_or_path": "org/lost"}
    hub.repos["models/org/astray"] = fake_hub.Repo(files={"adapter_config.json": json.dumps(lost).encode()})
    model, astray = ask(("config", "org/tuned"), ("config", "org/astray"))
    assert (model["name"], len(model["layers"])) == ("org/tuned", 2)
    assert (model["source"]["repo_id"], model["source"]["revision"]) == ("org/base", OTHER)
    assert model["source"]["adapter"]["revision"] == COMMIT
    assert astray.startswith(
        "SourceError: The base of the adapter org/astray cannot be had: the Hub has no repository org/lost"
    )


def test_an_adapter_of_an_adapter_is_refused_though_they_name_each_other(tmp_path: Path) -> None:
    for name, base in (("itself", "itself"), ("one", "two"), ("two", "one")):
        config = {"peft_type": "LORA", "base_model_name_or_path": str(tmp_path / base)}
        (tmp_path / name).mkdir()
        (tmp_path / name / "adapter_config.json").write_text(json.dumps(config))
    for name in ("itself", "one", "two"):
        with pytest.raises(SourceError, match=f"base of the adapter {name} is an adapter itself"):
            open_model(tmp_path / name)
