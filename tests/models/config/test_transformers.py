"""Configs that transformers itself builds: layers, heads, kinds, windows and bases must be what its objects hold."""

import json
from typing import Any

import pytest
from long_matrix import in_brief

from ropescope.errors import FormatError
from ropescope.models import from_config
from ropescope.models.config.fields import families

transformers = pytest.importorskip("transformers")
TABLE = families()["families"]

OLD_NAMES = {
    "linear_attention": {"linear", "state-space", "recurrent"},
    "full_attention": {"full"},
    "indexed_attention": {"full"},
    "minimax_m3_sparse": {"full"},
    "hybrid": {"full"},
    "hybrid_sliding": {"sliding"},
    "sliding_attention": {"sliding"},
    "chunked_attention": {"chunked"},
    "compressed_sparse_attention": {"full"},
    "heavily_compressed_attention": {"full"},
    "conv": {"convolution"},
    "mlp": {"none"},
    "moe": {"none"},
}
# Where the config object does not say what the model does; each was read in the modelling code.
NO_ROPE_IN_SOME = {
    "afmoe", "cohere2", "cohere2_moe", "exaone4", "exaone_moe", "flint", "kolibri1", "llama4_text",
    "mistral_large4_text", "muse_glimmer_text", "muse_spark_text", "smollm3", "zamba2", "zaya",
}  # fmt: skip
# The file need not say that their sliding layers have other heads; the bytes of their caches are tested.
OTHER_HEADS_WHERE_SLIDING = {"inkling_text", "inkling2_text", "mimo_v2_flash"}
ROPE_IN_CODE = {"codegen", "gptj", "roformer"}
# What is refused rather than read, from a file that transformers wrote; the reason is in the error.
REFUSED = {
    "fnet": "num_attention_heads is missing",
    "glm4_moe": "divide evenly",
    "glm4v_moe_text": "divide evenly",
    "qwen3_omni_moe_text": "divide evenly",
    "unlimited_ocr_text": "reference_sliding_attention",
}
# Read wrongly or not comparable; kept here so that the list is seen and shrinks.
UNSETTLED = {"cohere_compass_text", "dots3_note_text"}


def built(model_type: str) -> Any:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    if families()["transformers"] != transformers.__version__:
        pytest.skip("the table was written from another version of transformers")
    return CONFIG_MAPPING[model_type]()


def attribute(config: Any, name: str) -> Any:
    try:
        return getattr(config, name, None)
    except Exception:  # heterogeneous configs refuse a global answer
        return None


def expected_theta(rope: dict[str, Any] | None, kind: str) -> float | None:
    if rope and any(isinstance(part, dict) for part in rope.values()):
        words = {"full": "full_attention", "sliding": "sliding_attention"}
        older = {"full": "compress", "sliding": "main"}  # DeepSeek-V4
        rope = rope.get(words.get(kind, "")) or rope.get(older.get(kind, "")) or {}
    return (rope or {}).get("rope_theta")


@pytest.mark.parametrize("model_type", in_brief(sorted(set(TABLE) - set(REFUSED) - UNSETTLED)))
def test_a_saved_config_is_read_as_transformers_reads_it(model_type):
    config = built(model_type)
    model = from_config(json.loads(json.dumps(config.to_dict(), default=str)))
    assert len(model.layers) == attribute(config, "num_hidden_layers")
    if words := attribute(config, "layer_types"):
        for word, layer in zip(words, model.layers, strict=True):
            assert layer.kind in OLD_NAMES[word]
    for layer in model.attention_layers:
        if model_type in OTHER_HEADS_WHERE_SLIDING and layer.kind == "sliding":
            continue
        if (heads := attribute(config, "num_attention_heads")) is not None:
            assert layer.n_heads == heads
        kv_heads = attribute(config, "num_key_value_heads")
        if isinstance(kv_heads, int) and model_type != "falcon" and attribute(config, "global_head_dim") is None:
            assert layer.n_kv_heads == kv_heads
        head_dim = attribute(config, "qk_head_dim") or attribute(config, "head_dim")
        if head_dim is not None and (layer.kind != "full" or attribute(config, "global_head_dim") is None):
            assert layer.head_dim == head_dim
        window = attribute(config, "sliding_window")
        if layer.kind == "sliding" and window is not None and model_type != "modernbert":
            assert layer.window_tokens == window
        if model_type not in ROPE_IN_CODE and not (model_type in NO_ROPE_IN_SOME and layer.rope is None):
            theta = expected_theta(attribute(config, "rope_parameters"), layer.kind)
            if model_type not in ("esm", "zaya"):
                assert (None if layer.rope is None else layer.rope.theta) == theta


def test_most_model_types_are_read():
    assert len(set(TABLE) - set(REFUSED) - UNSETTLED) >= 200


@pytest.mark.parametrize(("model_type", "words"), REFUSED.items())
def test_what_is_refused_says_why(model_type, words):
    with pytest.raises(FormatError, match=words):
        from_config(json.loads(json.dumps(built(model_type).to_dict(), default=str)))


OLD_STYLE = [
    {"model_type": "llama", "rope_theta": 5e5, "rope_scaling": {"type": "linear", "factor": 2.0}},
    {"model_type": "qwen2", "use_sliding_window": True, "sliding_window": 64, "max_window_layers": 20},
    {"model_type": "qwen3_moe", "head_dim": 64, "num_experts": 8},
    {"model_type": "mixtral", "sliding_window": 128},
    {"model_type": "gemma2"},
    {"model_type": "gemma3_text", "num_hidden_layers": 13, "rope_local_base_freq": 500.0, "rope_theta": 2e6},
    {"model_type": "gemma3_text", "sliding_window_pattern": 3, "rope_scaling": {"rope_type": "linear", "factor": 8.0}},
    {"model_type": "gpt_neox", "rotary_pct": 0.5, "rotary_emb_base": 20000},
    {"model_type": "gpt_neo"},
    {"model_type": "phi", "partial_rotary_factor": 0.4},
    {"model_type": "phi3", "sliding_window": 2047},
    {"model_type": "stablelm", "rope_theta": 5e4},
    {"model_type": "glm4"},
    {"model_type": "starcoder2", "sliding_window": 4096},
    {"model_type": "cohere2", "sliding_window_pattern": 2},
    {"model_type": "olmo3", "sliding_window": 32, "rope_theta": 5e5},
    {"model_type": "exaone4"},
    {"model_type": "llama4_text", "no_rope_layer_interval": 2},
    {"model_type": "smollm3", "num_hidden_layers": 9},
    {"model_type": "jamba", "attn_layer_period": 4, "attn_layer_offset": 1},
    {"model_type": "bamba", "attn_layer_indices": [3, 9]},
    {"model_type": "nemotron_h", "hybrid_override_pattern": "M-M*-ME"},
    {"model_type": "minimax"},
    {"model_type": "qwen3_next", "full_attention_interval": 3},
    {"model_type": "recurrent_gemma"},
    {"model_type": "lfm2", "full_attn_idxs": [2, 5]},
    {"model_type": "falcon_h1"},
    {"model_type": "granitemoehybrid", "layer_types": ["mamba", "attention"] * 16, "position_embedding_type": "rope"},
    {"model_type": "deepseek_v3", "rope_scaling": {"type": "yarn", "factor": 40.0}},
    {"model_type": "deepseek_v2"},
    {"model_type": "modernbert", "global_attn_every_n_layers": 4},
    {"model_type": "gpt2", "n_layer": 3, "n_head": 8, "n_embd": 64},
    {"model_type": "mamba2"},
    {"model_type": "rwkv"},
    {"model_type": "gpt_oss", "num_hidden_layers": 24},
    {"model_type": "minimax_m2", "rotary_dim": 64},
    {"model_type": "kimi_linear", "num_hidden_layers": 4, "linear_attn_config": {
        "full_attn_layers": [4], "kda_layers": [1, 2, 3], "num_heads": 32, "head_dim": 128,
        "short_conv_kernel_size": 4}},
]  # fmt: skip


@pytest.mark.parametrize("raw", OLD_STYLE, ids=lambda raw: f"{raw['model_type']}-{len(raw)}")
def test_an_old_config_is_read_as_transformers_reads_it(raw):
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    built(raw["model_type"])
    config = CONFIG_MAPPING[raw["model_type"]].from_dict(json.loads(json.dumps(raw)))
    model = from_config(raw)
    assert len(model.layers) == config.num_hidden_layers
    if words := attribute(config, "layer_types"):
        assert all(layer.kind in OLD_NAMES[word] for word, layer in zip(words, model.layers, strict=True))
    rope = attribute(config, "rope_parameters")
    for layer in model.attention_layers:
        assert layer.n_heads == config.num_attention_heads
        assert layer.n_kv_heads == (attribute(config, "num_key_value_heads") or config.num_attention_heads)
        if layer.rope is None:
            continue
        part = rope
        if any(isinstance(entry, dict) for entry in rope.values()):
            part = rope[f"{layer.kind}_attention"]
        assert layer.rope.theta == part["rope_theta"]
        scaled = None if part["rope_type"] == "default" else part["rope_type"]
        assert (layer.rope.scaling or {}).get("rope_type") == scaled
        if part.get("partial_rotary_factor") is not None:
            assert layer.rope.rotary_fraction == pytest.approx(part["partial_rotary_factor"])


def test_the_table_is_what_transformers_assumes(families_script):
    if families()["transformers"] != transformers.__version__:
        pytest.skip("the table was written from another version of transformers")
    assert json.loads(json.dumps(families_script.families())) == families()
