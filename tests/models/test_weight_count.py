"""Parameters counted from files against the networks that wrote the files."""

import json
from collections import Counter

import pytest
import stored_models as made
from tiny_models import TINY, build

from ropescope.models import open as open_model
from ropescope.models.tensor_parts import part_of

BY_HAND = {"mixtral", "qwen3_moe", "llama4_text", "gpt_oss", "jamba", "qwen3_next"}


@pytest.mark.parametrize("tiny", TINY, ids=lambda tiny: tiny.id)
def test_the_total_is_that_of_the_network(tiny, tmp_path):
    network = build(tiny)
    network.save_pretrained(tmp_path)
    found = open_model(tmp_path)
    unique = {id(parameter): (name, parameter) for name, parameter in network.named_parameters()}.values()
    assert found.parameters.total == sum(parameter.numel() for _, parameter in unique)
    assert sum(found.parameters.parts.values()) == found.parameters.total
    assert "other" not in found.parameters.parts
    experts = sum(parameter.numel() for name, parameter in unique if part_of(name) == "experts")
    assert found.parameters.parts.get("experts", 0) == experts
    # All these have 4 experts of which a token takes 2.
    assert found.parameters.active == found.parameters.total - experts // 2
    assert (experts > 0) == (tiny.model_type in BY_HAND)


def test_mixtral_8x7b_as_published(tmp_path):
    # mistralai/Mixtral-8x7B-v0.1: 46.7 B parameters, 12.9 B active, as its makers give them.
    config = made.LLAMA_31_8B | {"model_type": "mixtral", "vocab_size": 32000, "num_local_experts": 8,
                                 "num_experts_per_tok": 2}  # fmt: skip
    table = dict(made.llama_rest(config))
    for name, shape in made.llama_linears(config).items():
        if "mlp" not in name:
            table[f"{name}.weight"] = ("BF16", shape)
    for layer in range(32):
        table[f"model.layers.{layer}.block_sparse_moe.gate.weight"] = ("BF16", (8, 4096))
        for expert in range(8):
            for matrix, shape in (("w1", (14336, 4096)), ("w2", (4096, 14336)), ("w3", (14336, 4096))):
                table[f"model.layers.{layer}.block_sparse_moe.experts.{expert}.{matrix}.weight"] = ("BF16", shape)
    found = open_model(made.write_folder(tmp_path / "mixtral", config, table)).parameters
    assert found.total == 46_702_792_704
    assert found.active == 12_879_925_248
    assert found.parts["router"] == 32 * 8 * 4096


def test_a_head_saved_beside_the_embedding_it_is_tied_to_is_counted_once(tmp_path):
    table = dict(made.llama_rest()) | {f"{n}.weight": ("BF16", s) for n, s in made.llama_linears().items()}
    tied = made.LLAMA_31_8B | {"tie_word_embeddings": True}
    found = open_model(made.write_folder(tmp_path / "tied", tied, table))
    assert found.parameters.total == made.LLAMA_31_8B_PARAMETERS - 128256 * 4096
    assert "output" not in found.parameters.parts
    assert found.weights.n_bytes == 2 * made.LLAMA_31_8B_PARAMETERS  # the file is as long as it is
    # What transformers assumes where the config is silent: Llama is not tied, Gemma is.
    silent = {key: value for key, value in made.LLAMA_31_8B.items() if key != "tie_word_embeddings"}
    assert (
        open_model(made.write_folder(tmp_path / "llama", silent, table)).parameters.total == made.LLAMA_31_8B_PARAMETERS
    )
    gemma = open_model(made.write_folder(tmp_path / "gemma", silent | {"model_type": "gemma"}, table))
    assert gemma.parameters.total == made.LLAMA_31_8B_PARAMETERS - 128256 * 4096


def test_a_vision_tower_counts_apart_and_its_layers_are_its_own(tmp_path):
    text = {key: value for key, value in made.LLAMA_31_8B.items() if key != "tie_word_embeddings"} | {
        "num_hidden_layers": 1
    }
    config = {"model_type": "llava", "text_config": text, "tie_word_embeddings": False}
    table = {
        "language_model.model.embed_tokens.weight": ("BF16", (100, 8)),
        "language_model.model.layers.0.mlp.up_proj.weight": ("BF16", (16, 8)),
        "vision_tower.vision_model.encoder.layers.23.mlp.fc1.weight": ("BF16", (32, 8)),
        "multi_modal_projector.linear_1.weight": ("BF16", (8, 32)),
        "language_model.model.layers.1.mlp.up_proj.weight": ("BF16", (16, 8)),
    }
    found = open_model(made.write_folder(tmp_path / "llava", config, table)).parameters
    assert found.parts == {"embedding": 800, "vision": 512, "mlp": 128, "prediction": 128}
    assert (found.total, found.active) == (1568, 1440)


def test_experts_that_differ_by_layer(tmp_path):
    config = made.LLAMA_31_8B | {"model_type": "mixtral", "num_hidden_layers": 3, "num_local_experts": [4, 1, 8],
                                 "num_experts_per_tok": [2, 1, 2]}  # fmt: skip
    table = {
        f"model.layers.{layer}.block_sparse_moe.experts.{expert}.w1.weight": ("BF16", (10, 1))
        for layer, total in enumerate((4, 1, 8)) for expert in range(total)
    }  # fmt: skip
    found = open_model(made.write_folder(tmp_path / "mixed", config, table)).parameters
    assert found.total == 130
    assert found.active == 20 + 10 + 20


def test_parts_are_sorted_by_size_and_survive_json(tmp_path):
    from ropescope.models import Model

    table = dict(made.llama_rest()) | {f"{n}.weight": ("BF16", s) for n, s in made.llama_linears().items()}
    found = open_model(made.write_folder(tmp_path / "llama", made.LLAMA_31_8B, table))
    assert list(found.parameters.parts) == ["mlp", "attention", "embedding", "output", "norm"]
    assert Counter(found.parameters.parts).total() == made.LLAMA_31_8B_PARAMETERS
    assert Model.from_dict(json.loads(json.dumps(found.to_dict()))) == found
