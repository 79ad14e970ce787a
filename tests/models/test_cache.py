"""The bytes of a cache, against the caches of real networks and against figures worked out by hand."""

import json

import pytest
import released_configs as released
from long_matrix import in_brief
from newest import of_newest_transformers

from ropescope.errors import DomainError
from ropescope.models import from_config
from ropescope.models.cache import LayerCache, cache_bytes

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tiny_networks = pytest.importorskip("tiny_networks")


@of_newest_transformers
@pytest.mark.parametrize("model_type", in_brief(tiny_networks.TYPES))
def test_bytes_equal_those_of_the_cache_that_a_forward_pass_leaves(model_type):
    network = tiny_networks.network_of(model_type)
    model = from_config(json.loads(json.dumps(network.config.to_dict(), default=str)))
    for length in (tiny_networks.WINDOW - 2, tiny_networks.WINDOW, 2 * tiny_networks.WINDOW):
        assert model.cache_bytes(length) == tiny_networks.held_bytes(network, length)


# Worked out by hand from the published fields; 16 bits, recurrent states in 32.
BY_HAND = [
    # 32 layers × 2 × 8 heads × 128 × 2 bytes
    (released.LLAMA_31_8B, 131_072, 131_072 * 131_072),
    # 48 × 2 × 4 × 128 × 2
    (released.QWEN3_30B_A3B, 32_768, 98_304 * 32_768),
    # 61 × (512 + 64) × 2
    (released.DEEPSEEK_V3, 163_840, 70_272 * 163_840),
    # a token costs 2 × 8 × 64 × 2 = 2,048 in a layer: 12 see everything, 12 hold 127
    (released.GPT_OSS_20B, 131_072, 2_048 * (12 * 131_072 + 12 * 127)),
    # 2 × 16 × 128 × 2 = 8,192: 10 see everything, 52 hold 1,023
    (released.GEMMA_3_27B, 131_072, 8_192 * (10 * 131_072 + 52 * 1_023)),
    # 32 layers × 4,096 bytes, 4,095 tokens however long
    (released.MISTRAL_7B_V01, 32_768, 131_072 * 4_095),
    # 4 of 32 layers with 2 × 8 × 128 × 2; 28 with 8,192 channels × (4 × 2 + 16 × 4) bytes
    (released.JAMBA_V01, 262_144, 4 * 4_096 * 262_144 + 28 * 8_192 * 72),
    # 64 × 5,120 channels × (4 × 2 + 16 × 4)
    (released.MAMBA_28B, 1_000_000, 64 * 5_120 * 72),
    # 12 × 768 × (2 × 2 + 3 × 4)
    (released.RWKV_4_169M, 1_000_000, 12 * 768 * 16),
    # 30 × 2 × 32 × 128 × 2
    (released.BLOOM_7B1, 2_048, 491_520 * 2_048),
]


@pytest.mark.parametrize(("config", "length", "expected"), BY_HAND, ids=[raw["model_type"] for raw, _, _ in BY_HAND])
def test_bytes_of_released_models_worked_out_by_hand(config, length, expected):
    assert from_config(config).cache_bytes(length) == expected


@of_newest_transformers
def test_a_state_that_is_not_known_is_said_to_be_left_out():
    for model_type in ("xlstm", "zaya"):
        config = json.loads(json.dumps(transformers.AutoConfig.for_model(model_type).to_dict(), default=str))
        assert any("not in the cache's bytes" in note for note in from_config(config).notes)


def test_block_types_are_exact():
    llama = from_config(released.LLAMA_31_8B)
    # 65,536 elements a token: in blocks of 32, 34 bytes or 18
    assert llama.cache_bytes(1000, key_type="q8_0") == 65_536 * 34 // 32 * 1000
    assert llama.cache_bytes(1000, key_type="q8_0", value_type="q4_0") == 32_768 * (34 + 18) // 32 * 1000
    assert llama.cache_bytes(1000, key_type="fp8") * 4 == llama.cache_bytes(1000, key_type="f32")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"length": -1}, "length is -1"),
        ({"length": 1, "key_type": "q3_k"}, "'q3_k' is no cache type: give one of f32"),
        ({"length": 1, "key_type": "q8_0"}, "40 elements are no multiple of 32"),
    ],
)
def test_refuses_what_no_cache_can_hold(arguments, words):
    with pytest.raises(DomainError, match=words):
        cache_bytes([LayerCache(key_elements=40, value_elements=40)], **arguments)
