"""A saved config has the plan's positions, and every other field as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import released_configs as released
from transformers import AutoConfig

from ropescope.errors import ExtendError
from ropescope.extend import plan_extension
from ropescope.extend.settings.config_file import planned_json, save_config
from ropescope.models.config.reading import from_config
from ropescope.models.model import Model
from ropescope.models.opening import open as open_model

EXTRA = {"a_field_of_tomorrow": {"nested": [1, None, "ü"]}, "quantization_config": {"bits": 4}, "eps": 1e-05}


def folder(tmp_path: Path, config: dict[str, Any]) -> tuple[Path, Model]:
    place = tmp_path / "model"
    place.mkdir()
    (place / "config.json").write_text(json.dumps(config))
    return place, open_model(place, config_only=True)


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


@pytest.mark.parametrize(
    ("config", "target", "changed"),
    [
        (released.SMOLLM2_135M, 16384, {"rope_scaling", "max_position_embeddings"}),
        (released.LLAMA_31_8B, 262144, {"rope_scaling", "max_position_embeddings"}),
        (
            {
                **released.QWEN3_8B,
                "rope_parameters": {"rope_type": "default", "rope_theta": 1000000},
                "rope_theta": None,
                "rope_scaling": None,
            },
            131072,
            {"rope_parameters", "rope_theta", "rope_scaling", "max_position_embeddings"},
        ),
        (released.GPT_NEOX_20B, 8192, {"rope_scaling", "max_position_embeddings"}),
    ],
)
def test_only_the_positions_change(config: dict[str, Any], target: int, changed: set[str], tmp_path: Path) -> None:
    place, model = folder(tmp_path, {**config, **EXTRA})
    before = read(place / "config.json")
    path = save_config(plan_extension(model, target), model, tmp_path / "out")
    after = read(path)
    assert {name for name in before.keys() | after.keys() if before.get(name, ...) != after.get(name, ...)} == changed
    assert {name: after[name] for name in EXTRA} == EXTRA
    assert [name for name in after if name in before] == [name for name in before if name in after]
    assert read(place / "config.json") == before


@pytest.mark.parametrize("name", ["SMOLLM2_135M", "LLAMA_31_8B", "QWEN3_8B", "GEMMA_3_27B", "DEEPSEEK_V3", "GPT_OSS_20B",
                                  "PHI_2", "GPT_NEOX_20B", "GLM_4_9B_0414", "QWEN25_VL_7B"])  # fmt: skip
@pytest.mark.parametrize("method", ["auto", "ntk", "linear", "searched"])
def test_transformers_reads_the_plan_from_the_saved_config(name: str, method: str, tmp_path: Path) -> None:
    """The configs of released models, in the form that they are in on the Hub."""
    _, model = folder(tmp_path, getattr(released, name))
    reach = plan_extension(model, 2).native_length
    options: dict[str, Any] = {}
    if method == "searched":
        sizes = {entry.layer_type: entry.rotary_dim // 2 for entry in plan_extension(model, 2).layer_types}
        options = {"factors": {key: [1 + 0.01 * pair for pair in range(pairs)] for key, pairs in sizes.items()}}
    if method != "auto" and name == "GEMMA_3_27B":
        options["trained"] = 32768  # its files do not say it, and another method than its own starts from there
    plan = plan_extension(model, 2 * reach, method, **options)
    save_config(plan, model, tmp_path / "out")
    config = AutoConfig.from_pretrained(tmp_path / "out").get_text_config()
    assert config.max_position_embeddings == 2 * reach
    for entry in plan.layer_types:
        theirs = config.rope_parameters[entry.layer_type] if entry.layer_type else config.rope_parameters
        for field, value in entry.parameters.items():
            if not (field == "partial_rotary_factor" and field not in theirs):
                assert theirs[field] == value, field


def test_the_form_of_the_file_is_kept() -> None:
    """transformers before 5 reads the older form only, so a file in that form stays in it."""
    plan = plan_extension(from_config(released.SMOLLM2_135M), 16384, "ntk")
    old = planned_json(plan, released.SMOLLM2_135M)
    assert "rope_parameters" not in old
    assert old["rope_theta"] == plan.layer_types[0].theta
    assert old["rope_scaling"] is None
    newer = {name: value for name, value in released.SMOLLM2_135M.items() if name not in ("rope_theta", "rope_scaling")}
    new = planned_json(plan, {**newer, "rope_parameters": {"rope_type": "default", "rope_theta": 1e5}})
    assert new["rope_parameters"] == {"rope_type": "default", "rope_theta": plan.layer_types[0].theta}
    assert "rope_theta" not in new


def test_a_mixed_config_is_refused() -> None:
    plan = plan_extension(from_config(released.SMOLLM2_135M), 16384)
    mixed = {
        **released.SMOLLM2_135M,
        "rope_scaling": {"type": "linear", "factor": 2.0},
        "rope_parameters": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e5},
    }
    with pytest.raises(ExtendError, match="differ in factor, rope_type"):
        planned_json(plan, mixed)


def test_where_it_is_not_written(tmp_path: Path) -> None:
    place, model = folder(tmp_path, released.SMOLLM2_135M)
    plan = plan_extension(model, 16384)
    with pytest.raises(ExtendError, match="the model's own folder"):
        save_config(plan, model, place)
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text(json.dumps(released.QWEN3_8B))
    with pytest.raises(ExtendError, match="belongs to another model"):
        save_config(plan, model, other)
    assert read(other / "config.json")["model_type"] == "qwen3"
    save_config(plan, model, tmp_path / "out")
    farther = save_config(plan_extension(model, 32768), model, tmp_path / "out")
    assert read(farther)["max_position_embeddings"] == 32768
    with pytest.raises(ExtendError, match="The plan is for"):
        save_config(plan, from_config(released.QWEN3_8B), tmp_path / "third")


def test_dynamic_keeps_the_stated_length(tmp_path: Path) -> None:
    _, model = folder(tmp_path, released.SMOLLM2_135M)
    saved = read(save_config(plan_extension(model, 16384, "dynamic"), model, tmp_path / "out"))
    assert saved["max_position_embeddings"] == 8192
    assert saved["rope_scaling"] == {"rope_type": "dynamic", "factor": 2.0}
