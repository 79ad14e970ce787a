"""What sparse attention reads, by the fields of each design, and what is refused."""

from typing import Any

import pytest

from ropescope.errors import FormatError
from ropescope.models import from_config
from ropescope.models.model import Model, Sparse


def sparse(**config: Any) -> list[Sparse | None]:
    return [layer.sparse for layer in from_config(config).layers]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"model_type": "deepseek_v32", "index_topk": 1024}, Sparse(1024, 64, 128)),
        ({"model_type": "axk2"}, Sparse(2048, 16, 128)),
        # One key for sixteen tokens.
        ({"model_type": "glm5_next_text", "num_hidden_layers": 4}, Sparse(2048, 32, 128, 16)),
        ({"model_type": "qwen4_exp_text", "num_hidden_layers": 4, "indexer_n_heads": 8, "indexer_head_dim": 128,
          "indexer_budget": 2048, "indexer_compress_ratio": 16}, Sparse(2048, 8, 128, 16)),
        # Sixteen blocks of 128 keys, by either names.
        ({"model_type": "minimax_m3_vl_text", "layer_types": ["minimax_m3_sparse"] * 60}, Sparse(2048, 4, 128)),
        ({"model_type": "minimax_m3_vl_text", "sparse_attention_config": {
            "sparse_attention_freq": [1] * 60, "sparse_num_index_heads": 2, "sparse_index_dim": 64,
            "sparse_block_size": 64, "sparse_topk_blocks": 8}}, Sparse(512, 2, 64)),
        ({"model_type": "doge"}, Sparse(2048)),
        # MiniCPM4: 64 blocks of 64, picked with means of keys every 16 tokens, beyond 8,192 tokens.
        ({"model_type": "minicpm", "num_hidden_layers": 2, "hidden_size": 4096, "num_attention_heads": 32,
          "num_key_value_heads": 2, "sparse_config": {"topk": 64, "block_size": 64, "kernel_stride": 16,
                                                      "dense_len": 8192}}, Sparse(4096, 32, 128, 16, 8192)),
        ({"model_type": "deepseek_v3"}, None), ({"model_type": "qwen4_exp_text", "num_hidden_layers": 4}, None),
    ],
)  # fmt: skip
def test_designs(config: dict[str, Any], expected: Sparse | None) -> None:
    assert sparse(**config)[-1] == expected


def test_layers_that_take_over_what_an_earlier_one_picked() -> None:
    base = {"model_type": "glm_moe_dsa", "num_hidden_layers": 6}
    own, taken = Sparse(2048, 32, 128), Sparse(2048)
    assert sparse(**base) == [own] * 6
    assert sparse(**base, index_topk_freq=2, index_skip_topk_offset=3) == [own, own, own, taken, own, taken]
    assert sparse(**base, index_topk_pattern="FSSFSS") == [own, taken, taken, own, taken, taken]
    modes = ["full", "shared", "full", "shared", "full", "full"]
    assert sparse(**base, indexer_types=modes) == [own if mode == "full" else taken for mode in modes]
    assert [layer.cache.index_elements for layer in from_config(base | {"indexer_types": modes}).layers] == [
        128 if mode == "full" else 0 for mode in modes
    ]


def test_compressed_layers_pick_entries_and_heavily_compressed_ones_read_all() -> None:
    config = {"model_type": "deepseek_v4", "num_hidden_layers": 4, "compress_ratios": [0, 4, 128, 4]}
    picked = Sparse(512, 64, 128, 4)
    assert sparse(**config) == [None, picked, None, picked]
    model = from_config(config)
    assert Model.from_dict(model.to_dict()) == model
    older = model.to_dict()
    for layer in older["layers"]:
        del layer["sparse"]
    assert [layer.sparse for layer in Model.from_dict(older).layers] == [None] * 4


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"model_type": "deepseek_v32", "index_topk": 0}, "index_topk"),
        ({"model_type": "glm_moe_dsa", "index_topk_pattern": "FS"}, "index_topk_pattern"),
        ({"model_type": "glm_moe_dsa", "index_topk_freq": "four"}, "index_topk_freq"),
        ({"model_type": "minicpm", "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4,
          "sparse_config": {"topk": -1, "block_size": 64}}, "sparse_config.topk"),
        ({"model_type": "mistral_large4_text", "num_hidden_layers": 2, "kv_source_layers": [1, 1]}, "kv_source_layers"),
    ],
)  # fmt: skip
def test_numbers_that_cannot_be_are_named(config: dict[str, Any], field: str) -> None:
    with pytest.raises(FormatError, match=field):
        from_config(config)
