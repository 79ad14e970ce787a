"""Which files hold a model's weights, and that nothing in an index leads anywhere else."""

import json
import os
import shutil

import pytest
import stored_models as made

from ropescope.errors import FormatError, SourceError
from ropescope.models import open as open_model

CONFIG = {
    "model_type": "llama", "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 64,
    "intermediate_size": 96, "vocab_size": 100, "max_position_embeddings": 128,
}  # fmt: skip
FIRST = {"model.embed_tokens.weight": ("BF16", (100, 64)), "model.layers.0.mlp.up_proj.weight": ("BF16", (96, 64))}
SECOND = {"model.layers.1.mlp.up_proj.weight": ("F32", (96, 64)), "lm_head.weight": ("BF16", (100, 64))}
TOTAL = 2 * (6400 + 6144)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "model"
    path.mkdir()
    (path / "config.json").write_text(json.dumps(CONFIG))
    return path


def index(folder, listed):
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": listed}))


def test_shards_are_added_up(folder):
    made.write_shards(folder, [FIRST, SECOND])
    found = open_model(folder)
    assert found.parameters.total == TOTAL
    assert found.weights.by_type == {"BF16": 2 * (2 * 6400 + 6144), "F32": 4 * 6144}
    assert found.weights.n_files == 2
    assert found.parameters.source == "model.safetensors.index.json (2 files)"
    # Any part or the index stands for the whole; without an index the names of the parts do.
    part = folder / "model-00002-of-00002.safetensors"
    assert open_model(part).parameters == open_model(folder / "model.safetensors.index.json").parameters
    os.remove(folder / "model.safetensors.index.json")
    assert open_model(folder).parameters.total == open_model(part).parameters.total == TOTAL


def test_a_missing_shard_is_named_and_the_config_still_read(folder):
    made.write_shards(folder, [FIRST, SECOND])
    os.remove(folder / "model-00001-of-00002.safetensors")
    for _ in range(2):  # with the index, then without it
        found = open_model(folder)
        assert found.parameters.count == "closed" and found.weights is None
        assert len(found.layers) == 2
        assert "model-00001-of-00002.safetensors" in found.notes[-1] and "download" in found.notes[-1]
        (folder / "model.safetensors.index.json").unlink(missing_ok=True)


def test_a_tensor_that_the_index_names_and_no_file_holds_is_said(folder):
    made.write_shards(folder, [FIRST, SECOND])
    path = folder / "model.safetensors.index.json"
    listed = json.loads(path.read_text())["weight_map"]
    index(folder, {**listed, "model.layers.9.mlp.up_proj.weight": "model-00002-of-00002.safetensors"})
    found = open_model(folder)
    assert found.parameters.total == TOTAL
    assert (
        f"names 1 of its {len(listed) + 1} tensors that the files lack ('model.layers.9.mlp.up_proj.weight')"
        in found.notes[-1]
    )
    index(folder, listed)
    assert not open_model(folder).notes


def test_one_file_comes_before_an_index_as_in_transformers(folder):
    made.write_shards(folder, [FIRST, SECOND])
    made.write_safetensors(folder / "model.safetensors", FIRST)
    assert open_model(folder).parameters.source == "model.safetensors"


def test_several_files_without_an_index(folder):
    made.write_safetensors(folder / "a.safetensors", FIRST)
    assert open_model(folder).parameters.total == 6400 + 6144
    made.write_safetensors(folder / "b.safetensors", SECOND)
    found = open_model(folder)
    assert found.parameters.count == "closed" and "a.safetensors, b.safetensors" in found.notes[-1]
    assert open_model(folder / "b.safetensors").parameters.source == "b.safetensors"
    # Mistral ships a second copy of the same weights under another name.
    (folder / "b.safetensors").rename(folder / "consolidated.safetensors")
    assert open_model(folder).parameters.source == "a.safetensors"


@pytest.mark.parametrize(
    ("name", "words"), [("pytorch_model.bin", "pickled"), ("model.gguf", "GGUF"), ("README.md", None)]
)
def test_a_folder_without_safetensors_says_why_nothing_was_counted(folder, name, words):
    (folder / name).write_bytes(b"x")
    found = open_model(folder)
    assert found.parameters.count == "closed"
    assert found.notes == () if words is None else words in found.notes[-1]


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd", "/etc/passwd", "..", "sub/model.safetensors", "..\\up.safetensors", "C:\\x.safetensors",
        "x\0.safetensors", "x\n.safetensors", "config.json", "", "a" * 300 + ".safetensors", 7, None, ["x.safetensors"],
    ],
)  # fmt: skip
def test_an_index_names_files_beside_it_only(folder, name):
    index(folder, {"a.weight": name})
    with pytest.raises(FormatError, match="weight_map") as caught:
        open_model(folder)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize("content", [{}, {"weight_map": []}, {"weight_map": {}}, {"weight_map": None}])
def test_an_index_without_a_map_is_refused(folder, content):
    (folder / "model.safetensors.index.json").write_text(json.dumps(content))
    with pytest.raises(FormatError, match="weight_map is"):
        open_model(folder)


def test_a_link_out_of_the_folder_is_not_followed(folder, tmp_path):
    outside = made.write_safetensors(tmp_path / "outside.safetensors", FIRST)
    (folder / "model.safetensors").symlink_to(outside)
    found = open_model(folder)
    assert found.parameters.count == "closed" and "leads out of its folder" in found.notes[-1]
    (folder / "model.safetensors").unlink()
    made.write_safetensors(folder / "true.safetensors", FIRST)
    (folder / "model.safetensors").symlink_to("true.safetensors")
    assert open_model(folder).parameters.total == 6400 + 6144


def test_the_links_of_a_hub_cache_are_followed(tmp_path):
    repository = tmp_path / "models--org--name"
    (repository / "blobs").mkdir(parents=True)
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    made.write_safetensors(repository / "blobs" / "abc", FIRST)
    (repository / "blobs" / "def").write_text(json.dumps(CONFIG))
    (snapshot / "model.safetensors").symlink_to("../../blobs/abc")
    (snapshot / "config.json").symlink_to("../../blobs/def")
    assert open_model(snapshot).parameters.total == 6400 + 6144


def test_a_pipe_is_no_file_of_weights(folder):
    os.mkfifo(folder / "model.safetensors")
    assert open_model(folder).parameters.count == "closed"
    index(folder, {"a": "model.safetensors"})
    assert "missing" in open_model(folder).notes[-1]
    for path in (folder / "model.safetensors", "/dev/zero"):
        with pytest.raises(SourceError, match="no regular file"):
            open_model(path)


def test_damage_names_file_and_offset(folder):
    made.write_shards(folder, [FIRST, SECOND])
    part = folder / "model-00002-of-00002.safetensors"
    part.write_bytes(part.read_bytes()[:-10])
    with pytest.raises(FormatError, match=r"model-00002-of-00002\.safetensors is cut short: .* download it again"):
        open_model(folder)
    shutil.copy(folder / "model-00001-of-00002.safetensors", part)
    with pytest.raises(FormatError, match="two of the files"):
        open_model(folder)


def test_a_long_header_is_read_in_full(folder):
    table = {f"model.layers.0.mlp.experts.{expert}.up_proj.weight": ("BF16", (2, 2)) for expert in range(3000)}
    made.write_safetensors(folder / "model.safetensors", table)
    assert open_model(folder).parameters.total == 12_000


def test_weights_can_be_left_alone(folder):
    made.write_safetensors(folder / "model.safetensors", FIRST)
    (folder / "model.safetensors").write_bytes(b"damaged")
    found = open_model(folder, config_only=True)
    assert found.weights is None and len(found.layers) == 2
