"""Storage by hand: what a row takes in each engine's layout, what auto becomes, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from serving_models import deepseek_v3, llama_8b
from serving_ways import way

from ropescope.checks.serving.memory.cache import device_cache_bytes
from ropescope.checks.serving.memory.compressed import flight_bytes
from ropescope.checks.serving.memory.storage import growth_bytes
from ropescope.errors import DomainError
from ropescope.models import from_config
from ropescope.models.cache import LayerCache
from ropescope.models.model import Model


def sparse(model_type: str = "deepseek_v32", **more: Any) -> Model:
    """DeepSeek-V3.2 by its type: 61 layers of latents of 512 + 64, an indexer's key of 128 for each token."""
    return from_config({"model_type": model_type, **more})


@pytest.mark.parametrize(
    ("engine", "gpu", "cache", "latent", "key"),
    [
        # vLLM: 16 bits unless asked; FlashMLA's packed latents on Hopper, FlashInfer's plain ones on Blackwell.
        ("vllm", "h200-sxm", "auto", 1_152, 132), ("vllm", "h200-sxm", "fp8", 656, 132), ("vllm", "b200", "auto", 1_152, 132),
        ("vllm", "b200", "fp8", 576, 132), ("vllm", "b200", "fp8_ds_mla", 656, 132),
        ("vllm", "b200", "nvfp4_ds_mla", 352, 132), ("vllm", "5090", "auto", 656, 132),
        # SGLang: 8 bits from Blackwell on, packed on Hopper only.
        ("sglang", "h200-sxm", "auto", 1_152, 132), ("sglang", "h200-sxm", "fp8", 656, 132), ("sglang", "b200", "auto", 576, 132),
        ("sglang", "mi300x", "fp8", 576, 132),
        # llama.cpp holds the indexer's keys in the type of the keys, transformers in the model's.
        ("llama.cpp", "h200-sxm", "auto", 1_152, 256), ("llama.cpp", "h200-sxm", "q8_0", 612, 136),
        ("transformers", "h200-sxm", "auto", 1_152, 256),
    ],
)  # fmt: skip
def test_sparse_latents_and_their_index_keys(engine: str, gpu: str, cache: str, latent: int, key: int) -> None:
    assert growth_bytes(way(sparse(), gpu, engine, 1_000, cache=cache)) == 61 * (latent + key)


def test_layers_that_share_what_an_indexer_picked_have_no_keys() -> None:
    model = sparse("glm_moe_dsa", index_topk_freq=4, index_skip_topk_offset=3)
    own = sum(max(index - 2, 0) % 4 == 0 for index in range(78))
    assert growth_bytes(way(model, "h200-sxm", "vllm", 1_000)) == 78 * 1_152 + own * 132
    # On data-centre Blackwell auto is 8 bits for this family in vLLM.
    assert growth_bytes(way(model, "b200", "vllm", 1_000)) == 78 * 576 + own * 132


def test_dense_latents_are_plain_rows() -> None:
    for engine in ("vllm", "sglang"):
        for gpu, cache, row in (("h200-sxm", "auto", 1_152), ("h200-sxm", "fp8", 576), ("b200", "auto", 1_152)):
            assert growth_bytes(way(deepseek_v3(), gpu, engine, 1_000, cache=cache)) == 61 * row
    # No values beside them in llama.cpp either: one row of 576.
    assert growth_bytes(way(deepseek_v3(), "h200-sxm", "llama.cpp", 1_000, cache="q8_0")) == 61 * 576 * 34 / 32


HEAD = 32 * 8  # layers × KV heads of Llama-3.1-8B, whose heads have 128 numbers


@pytest.mark.parametrize(
    ("engine", "cache", "vector"),
    [
        ("vllm", "fp8", 2 * 128), ("vllm", "fp8_inc", 2 * 128), ("vllm", "int8_per_token_head", 2 * (128 + 4)),
        ("vllm", "fp8_per_token_head", 2 * (128 + 4)), ("vllm", "int4_per_token_head", 2 * (64 + 4)),
        ("vllm", "nvfp4", 2 * (64 + 8)), ("vllm", "nvfp4_4over6", 2 * (64 + 8)),
        ("sglang", "mxfp8", 2 * (128 + 4)), ("sglang", "fp4_mx_block16", 2 * (64 + 8)), ("sglang", "nvfp4", 2 * (64 + 8)),
        ("llama.cpp", "q8_0,q4_0", 136 + 72), ("llama.cpp", "f16,q8_0", 256 + 136), ("llama.cpp", "q4_0,q8_0", 72 + 136),
    ],
)  # fmt: skip
def test_types_of_keys_and_values(engine: str, cache: str, vector: int) -> None:
    assert growth_bytes(way(llama_8b(), "b200", engine, 1_000, cache=cache)) == HEAD * vector


@pytest.mark.parametrize(
    ("cache", "vector"),
    [
        # 28 of 32 layers: keys in codes and a norm, values in codes with a scale and a zero.
        ("turboquant_k8v4", 128 + 64 + 4), ("turboquant_4bit_nc", 64 + 2 + 64 + 4),
        ("turboquant_k3v4_nc", 48 + 2 + 64 + 4), ("turboquant_3bit_nc", 48 + 2 + 48 + 4), ("ultraquant_4bit", 136),
    ],
)  # fmt: skip
def test_packed_types_leave_the_layers_at_either_end(cache: str, vector: int) -> None:
    serving = way(llama_8b(), "h100-sxm", "vllm", 1_000, cache=cache)
    assert growth_bytes(serving) == 28 * 8 * vector + 4 * 8 * 512


def test_deepseek_v4_by_hand() -> None:
    """43 layers: 20 of entries for 4 tokens with an index, 23 of entries for 128, each over a window of 128."""
    model, tokens = from_config({"model_type": "deepseek_v4"}), 2**20
    window, both = 512, 512 + 128
    # transformers: a window of 127, all entries, 3 and 127 tokens that wait, and the overlap of four.
    waits = 20 * (3 * 4 * both + 8 * both) + 23 * 127 * 2 * window
    entries = 20 * (tokens // 4 - 1) * both + 23 * (tokens // 128 - 1) * window
    held = device_cache_bytes(way(model, "h200-sxm", "transformers", tokens))
    assert held == 2 * (43 * 127 * window + waits + entries)
    # llama.cpp: window and micro-batch in whole 256, entries in whole 256, the compressors' states in 32 bits.
    states = 20 * 8 * 4 * both + 23 * 128 * 2 * window
    cells = 43 * 768 * window + 20 * (tokens // 4) * both + 23 * (tokens // 128) * window
    assert device_cache_bytes(way(model, "h200-sxm", "llama.cpp", tokens)) == 2 * cells + 4 * states
    # vLLM: pages of 256 tokens in multiples of 576 bytes, 64 · 584 → 37,440, 2 · 584 → 1,728, 64 · 132 → 8,640; the
    # window in pages of 64, with two steps of 8,192 tokens in flight, and the states in pages of 4 and 8.
    pages = tokens // 256
    paged = 20 * pages * (37_440 + 8_640) + 23 * pages * 1_728 + 43 * (258 + 1) * 37_440
    states = 20 * (2 + 1) * (32_832 + 8_640) + 23 * (16 + 1) * 32_832
    flying = 20 * (4_098 - 2) * (32_832 + 8_640) + 23 * (2_064 - 16) * 32_832
    assert flight_bytes(way(model, "h200-sxm", "vllm", tokens, count=8)) == flying
    for cache in ("auto", "fp8"):
        assert device_cache_bytes(way(model, "h200-sxm", "vllm", tokens, cache=cache, count=8)) == paged + states
    assert growth_bytes(way(model, "h200-sxm", "vllm", tokens)) == 20 * (584 + 132) / 4 + 23 * 584 / 128
    # SGLang: the same pages, a pool for the window by requests, rings of states.
    held = device_cache_bytes(way(model, "h200-sxm", "sglang", tokens, count=8))
    assert 20 * pages * (37_440 + 8_448) + 23 * pages * 1_728 < held < 1.25 * paged


def test_auto_is_what_the_checkpoint_says() -> None:
    plain = {"model_type": "llama", "num_key_value_heads": 8}
    for stated, vllm, sglang in (
        ({"quant_method": "modelopt", "kv_cache_quant_algo": "FP8"}, "fp8", "fp8"),
        ({"quant_method": "modelopt", "quantization": {"kv_cache_quant_algo": "FP8"}}, "fp8", "fp8"),
        ({"quant_method": "modelopt", "kv_cache_scheme": {"num_bits": 8, "type": "float"}}, "fp8", "fp8"),
        ({"quant_method": "modelopt", "kv_cache_scheme": {"num_bits": 4, "type": "float"}}, "nvfp4", "bf16"),
        ({"quant_method": "modelopt", "kv_cache_scheme": {"num_bits": [8], "type": "int"}}, "bf16", "bf16"),
        ({"quant_method": "compressed-tensors", "kv_cache_scheme": {"num_bits": 8, "type": "float"}}, "fp8", "bf16"),
        ({"quant_method": "fp8"}, "bf16", "bf16"),
    ):
        model = from_config(plain | {"quantization_config": stated})
        assert way(model, "h200-sxm", "vllm", 1_000).cache_type.kind == vllm
        assert way(model, "h200-sxm", "sglang", 1_000).cache_type.kind == sglang
        assert way(model, "h200-sxm", "vllm", 1_000, cache="bf16").cache_type.kind == "bf16"


@pytest.mark.parametrize(
    ("model", "gpu", "engine", "cache", "words"),
    [
        (deepseek_v3(), "h200-sxm", "llama.cpp", "q8_0,q4_0", "one type for both"),
        (deepseek_v3(), "h200-sxm", "llama.cpp", "f16,q8_0", "one type for both"),
        (deepseek_v3(), "h200-sxm", "vllm", "int8_per_token_head", "does not hold latents"),
        (deepseek_v3(), "h200-sxm", "vllm", "turboquant_k8v4", "does not hold latents"),
        (deepseek_v3(), "h200-sxm", "vllm", "fp8_ds_mla", "sparse latents"),
        (llama_8b(), "h200-sxm", "vllm", "fp8_ds_mla", "sparse latents"),
        (llama_8b(), "h200-sxm", "vllm", "q8_0,q4_0", "keys and values in one type"),
        (llama_8b(), "h200-sxm", "llama.cpp", "q8_0,", "one for keys and one for values"),
        (llama_8b(), "h200-sxm", "llama.cpp", "q8_0,fp8", "no cache type 'fp8'"),
        (sparse(), "h200-sxm", "vllm", "nvfp4_ds_mla", "Blackwell"),
        (llama_8b(), "h200-sxm", "sglang", "nvfp4", "Blackwell"),
        (from_config({"model_type": "deepseek_v4"}), "h200-sxm", "vllm", "bf16", "in 8 bits"),
        (from_config({"model_type": "deepseek_v4"}), "h200-sxm", "llama.cpp", "q8_0,q4_0", "one type for both"),
    ],
)  # fmt: skip
def test_what_an_engine_does_not_hold_is_refused(model: Model, gpu: str, engine: str, cache: str, words: str) -> None:
    with pytest.raises(DomainError, match=words):
        device_cache_bytes(way(model, gpu, engine, 1_000, cache=cache))


def test_blocks_must_divide_a_head_and_not_the_layer() -> None:
    # 8 heads of 80 are 640 numbers, a multiple of 32, and llama.cpp refuses them: it asks each head.
    model = llama_8b()
    layers = tuple(replace(layer, head_dim=80, value_dim=80, cache=LayerCache(640, 640)) for layer in model.layers)
    with pytest.raises(DomainError, match="a head's keys have 80 numbers"):
        device_cache_bytes(way(replace(model, layers=layers), "4090", "llama.cpp", 4_096, cache="q8_0"))


def test_indexers_of_other_designs() -> None:
    minimax = from_config(
        {"model_type": "minimax_m3_vl_text", "layer_types": ["full_attention"] * 3 + ["minimax_m3_sparse"] * 57}
    )
    heads = 60 * 2 * 4 * 128  # keys and values of 4 heads of 128
    # One key of 128 in 16 bits, whatever the cache's type; SGLang takes 8 bits with it, llama.cpp has room for values.
    for engine, cache, token, key in (
        ("vllm", "auto", 2, 256), ("vllm", "fp8", 1, 256), ("sglang", "fp8", 1, 128), ("sglang", "auto", 2, 256),
        ("llama.cpp", "auto", 2, 512),
    ):  # fmt: skip
        assert growth_bytes(way(minimax, "h200-sxm", engine, 1_000, cache=cache)) == token * heads + 57 * key
    # GLM-5.3: 11 layers of latents of 512 without a rotary key; one key for 16 tokens, but in llama.cpp three a token.
    glm = from_config({"model_type": "glm5_next_text"})
    assert growth_bytes(way(glm, "h200-sxm", "vllm", 1_000)) == 11 * (1_024 + 132 / 16)
    assert growth_bytes(way(glm, "h200-sxm", "llama.cpp", 1_000)) == 11 * (1_024 + 3 * 256)
    assert growth_bytes(way(glm, "h200-sxm", "transformers", 1_000)) == 11 * (1_024 + 2 * 257)
