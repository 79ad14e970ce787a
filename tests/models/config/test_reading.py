"""Configs as released models ship them: the facts a reader could get wrong, checked by hand."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropescope.errors import FormatError
from ropescope.models import Model, count_parameters, from_config

LLAMA31 = {
    "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "max_position_embeddings": 131072, "rope_theta": 500000.0, "vocab_size": 128256,
    "rope_scaling": {
        "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
        "rope_type": "llama3",
    },
}  # fmt: skip
QWEN25 = {
    "model_type": "qwen2", "hidden_size": 3584, "num_hidden_layers": 28, "num_attention_heads": 28,
    "num_key_value_heads": 4, "max_position_embeddings": 32768, "max_window_layers": 28, "rope_theta": 1000000.0,
    "sliding_window": 131072, "use_sliding_window": False, "vocab_size": 152064,
}  # fmt: skip
MISTRAL = {
    "model_type": "mistral", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "max_position_embeddings": 32768, "rope_theta": 10000.0, "sliding_window": 4096,
    "vocab_size": 32000,
}  # fmt: skip
GEMMA3 = {
    "model_type": "gemma3",
    "text_config": {
        "head_dim": 128, "hidden_size": 5376, "model_type": "gemma3_text", "num_attention_heads": 32,
        "num_hidden_layers": 62, "num_key_value_heads": 16, "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
        "sliding_window": 1024,
    },
    "vision_config": {"hidden_size": 1152, "num_attention_heads": 16, "num_hidden_layers": 27},
}  # fmt: skip
DEEPSEEK = {
    "model_type": "deepseek_v3", "hidden_size": 7168, "num_hidden_layers": 61, "num_attention_heads": 128,
    "num_key_value_heads": 128, "kv_lora_rank": 512, "q_lora_rank": 1536, "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64, "v_head_dim": 128, "max_position_embeddings": 163840, "rope_theta": 10000,
    "rope_scaling": {
        "beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 1.0, "original_max_position_embeddings": 4096,
        "type": "yarn",
    },
    "vocab_size": 129280,
}  # fmt: skip
JAMBA = {
    "model_type": "jamba", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "attn_layer_period": 8, "attn_layer_offset": 4, "max_position_embeddings": 262144,
    "sliding_window": None, "vocab_size": 65536,
}  # fmt: skip


def kinds(model: Model) -> str:
    return "".join(layer.kind[0] for layer in model.layers)


def test_llama31():
    model = from_config(LLAMA31, name="Llama-3.1-8B")
    layer = model.layers[31]
    assert (len(model.layers), layer.n_heads, layer.n_kv_heads, layer.head_dim) == (32, 32, 8, 128)
    assert (model.context_length, model.context.trained) == (131072, 8192)
    assert model.context_field == "max_position_embeddings"
    assert layer.rope.theta == 500000.0 and layer.rope.rotary_fraction == 1.0
    assert layer.rope.scaling["rope_type"] == "llama3" and layer.rope.scaling["factor"] == 8.0
    assert "rope_theta" not in layer.rope.scaling
    assert model.positions == "rope" and not model.notes and not model.assumed


def test_a_window_that_is_switched_off_is_no_window():
    assert kinds(from_config(QWEN25)) == "f" * 28
    half = from_config(QWEN25 | {"use_sliding_window": True, "max_window_layers": 20})
    assert kinds(half) == "f" * 20 + "s" * 8 and half.layers[27].window_tokens == 131072
    assert kinds(from_config(MISTRAL)) == "s" * 32 and from_config(MISTRAL).layers[0].window_tokens == 4096
    assert kinds(from_config(MISTRAL | {"sliding_window": None})) == "f" * 32


def test_an_explicit_null_is_no_default():
    # Mistral v0.2 and later say null; the class default of 4096 must not come back.
    assert from_config(MISTRAL | {"sliding_window": None}).layers[0].window_tokens is None


def test_gemma3_has_two_bases_and_scales_its_full_layers_only():
    model = from_config(GEMMA3)
    assert len(model.layers) == 62 and model.model_type == "gemma3_text"
    assert kinds(model) == ("sssssf" * 11)[:62]
    sliding, full = model.layers[0], model.layers[5]
    assert (sliding.window_tokens, sliding.rope.theta, sliding.rope.scaling) == (1024, 10000.0, None)
    assert (full.window_tokens, full.rope.theta) == (None, 1000000.0)
    assert full.rope.scaling == {"rope_type": "linear", "factor": 8.0}
    assert model.context_length == 131072 and "max_position_embeddings" in model.assumed
    assert model.context_field == "text_config.max_position_embeddings"


def test_gpt_oss_alternates_from_a_window():
    words = ["sliding_attention", "full_attention"] * 12
    raw = {"model_type": "gpt_oss", "num_hidden_layers": 24, "layer_types": words,
           "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 64, "hidden_size": 2880,
           "sliding_window": 128, "rope_theta": 150000, "max_position_embeddings": 131072, "vocab_size": 201088,
           "rope_scaling": {"rope_type": "yarn", "factor": 32.0, "original_max_position_embeddings": 4096}}  # fmt: skip
    model = from_config(raw)
    assert kinds(model) == "sf" * 12 and model.layers[0].window_tokens == 128
    assert model.rope_thetas == (150000.0,) and model.context.trained == 4096
    assert kinds(from_config({key: value for key, value in raw.items() if key != "layer_types"})) == "sf" * 12


def test_latent_attention_counts_both_parts_of_a_head():
    model = from_config(DEEPSEEK)
    layer = model.layers[0]
    assert (layer.n_heads, layer.head_dim, layer.rope.rotary_fraction) == (128, 192, pytest.approx(1 / 3))
    assert layer.rope.scaling["rope_type"] == "yarn" and "type" not in layer.rope.scaling


def test_hybrids():
    jamba = from_config(JAMBA)
    assert [layer.index for layer in jamba.attention_layers] == [4, 12, 20, 28]
    assert jamba.positions == "none" and jamba.layers[4].rope is None and jamba.layers[0].n_heads == 0
    base = {"hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 10}
    nemotron = from_config(base | {"model_type": "nemotron_h", "hybrid_override_pattern": "M-M*-E", "head_dim": 16})
    assert [layer.kind for layer in nemotron.layers] == ["state-space", "none", "state-space", "full", "none", "none"]
    bamba = from_config(base | {"model_type": "bamba", "num_hidden_layers": 4, "attn_layer_indices": [2]})
    assert kinds(bamba) == "ssfs" and bamba.layers[0].kind == "state-space"
    assert bamba.layers[2].rope.rotary_fraction == 0.5
    lfm2 = from_config(base | {"model_type": "lfm2", "num_hidden_layers": 4, "full_attn_idxs": [1, 3]})
    assert [layer.kind for layer in lfm2.layers] == ["convolution", "full", "convolution", "full"]
    minimax = from_config(base | {"model_type": "minimax_text_01", "num_hidden_layers": 3, "attn_type_list": [0, 0, 1],
                                  "rope_theta": 1e7, "rotary_dim": 8})  # fmt: skip
    assert kinds(minimax) == "llf" and minimax.layers[2].rope.rotary_fraction == 0.5
    kimi = base | {"model_type": "kimi_linear", "num_hidden_layers": 4, "head_dim": 16,
                   "linear_attn_config": {"full_attn_layers": [4], "kda_layers": [1, 2, 3]}}  # fmt: skip
    assert kinds(from_config(kimi)) == "lllf" and from_config(kimi).layers[3].rope is None
    falcon_h1 = from_config(base | {"model_type": "falcon_h1", "num_hidden_layers": 2, "rope_theta": 1e11})
    assert falcon_h1.layers[0].kind == "full" and falcon_h1.layers[0].beside == ("state-space",)
    zamba = base | {"model_type": "zamba2", "num_hidden_layers": 3, "layers_block_type": ["mamba", "hybrid", "mamba"]}
    assert kinds(from_config(zamba)) == "sfs" and from_config(zamba).layers[1].head_dim == 32


def test_layers_that_attend_to_an_image_keep_nothing_of_the_text():
    raw = {"hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 10, "rope_theta": 5e5}
    vision = from_config({"model_type": "mllama", "text_config": raw | {
        "model_type": "mllama_text_model", "num_hidden_layers": 5, "cross_attention_layers": [1, 3]}})  # fmt: skip
    assert [layer.kind for layer in vision.layers] == ["full", "cross", "full", "cross", "full"]
    assert vision.layers[1].rope is None and vision.layers[1].n_kv_heads == 2
    assert [layer.cache.key_elements for layer in vision.layers] == [32, 0, 32, 0, 32]


def test_layers_without_rope():
    base = {"hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 10}
    scout = from_config({"model_type": "llama4", "text_config": base | {"model_type": "llama4_text", "head_dim": 16,
                         "num_hidden_layers": 8, "attention_chunk_size": 8192, "rope_theta": 5e5}})  # fmt: skip
    assert [layer.rope is None for layer in scout.layers] == [False, False, False, True] * 2
    assert kinds(scout) == "cccfcccf" and scout.layers[0].window_tokens == 8192
    smollm3 = from_config(base | {"model_type": "smollm3", "num_hidden_layers": 4, "no_rope_layers": [1, 1, 1, 0]})
    assert [layer.rope is None for layer in smollm3.layers] == [False, False, False, True]
    cohere2 = from_config(base | {"model_type": "cohere2", "num_hidden_layers": 4, "sliding_window": 16})
    assert [layer.rope is None for layer in cohere2.layers] == [False, False, False, True]


@pytest.mark.parametrize(
    ("raw", "positions"),
    [
        ({"model_type": "gpt2", "n_embd": 64, "n_head": 4, "n_layer": 2, "n_positions": 128}, "learned"),
        ({"model_type": "bloom", "n_embed": 64, "num_attention_heads": 4, "n_layer": 2, "seq_length": 128}, "alibi"),
        ({"model_type": "mpt", "d_model": 64, "n_heads": 4, "n_layers": 2, "max_seq_len": 128,
          "attn_config": {"alibi": True}}, "alibi"),
        ({"model_type": "falcon", "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2, "alibi": True,
          "max_position_embeddings": 128}, "alibi"),
        ({"hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2, "max_position_embeddings": 128},
         "unknown"),
    ],
)  # fmt: skip
def test_no_rope_is_invented(raw, positions):
    model = from_config(raw)
    assert model.positions == positions
    assert (len(model.layers), model.layers[0].n_heads, model.layers[0].head_dim) == (2, 4, 16)
    assert model.layers[0].rope is None and model.rope_thetas == () and model.context_length == 128


def test_models_without_attention():
    mamba = from_config({"model_type": "mamba", "hidden_size": 2560, "num_hidden_layers": 64, "vocab_size": 50280})
    assert kinds(mamba) == "s" * 64 and mamba.attention_layers == () and mamba.context_length is None
    rwkv = from_config({"model_type": "rwkv", "hidden_size": 64, "num_hidden_layers": 2, "context_length": 1024})
    assert kinds(rwkv) == "rr" and rwkv.context_length == 1024 and rwkv.context_field == "context_length"


def test_partial_rotation_under_its_many_names():
    base = {"hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 1, "vocab_size": 9}
    assert from_config(base | {"rotary_pct": 0.25, "rotary_emb_base": 20000}).layers[0].rope.rotary_fraction == 0.25
    assert from_config(base | {"rotary_pct": 0.25, "rotary_emb_base": 20000}).rope_thetas == (20000.0,)
    gptj = from_config({"model_type": "gptj", "n_embd": 64, "n_head": 4, "n_layer": 1, "rotary_dim": 4})
    assert gptj.layers[0].rope.rotary_fraction == 0.25 and "has it fixed" in gptj.assumed["rope_theta"]
    new = from_config(base | {"rope_parameters": {"rope_theta": 5e5, "partial_rotary_factor": 0.5}})
    assert (new.layers[0].rope.theta, new.layers[0].rope.rotary_fraction) == (5e5, 0.5)


def test_older_words_and_flat_composites():
    phi3 = LLAMA31 | {"model_type": "phi3", "rope_scaling": {"type": "su", "short_factor": [1.0], "long_factor": [2.0]}}
    assert from_config(phi3).layers[0].rope.scaling["rope_type"] == "longrope"
    qwen2_vl = from_config(QWEN25 | {"model_type": "qwen2_vl", "vision_config": {"depth": 32},
                                     "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}})  # fmt: skip
    assert qwen2_vl.model_type == "qwen2_vl_text" and qwen2_vl.layers[0].rope.scaling is None and not qwen2_vl.notes
    mpt = {"model_type": "mpt", "d_model": 64, "n_heads": 4, "n_layers": 1, "max_seq_len": 128,
           "attn_config": {"alibi": False, "rope": True, "rope_theta": 20000}}  # fmt: skip
    assert from_config(mpt).rope_thetas == (20000.0,)


def test_multi_query_falcon_and_the_new_architecture():
    base = {"model_type": "falcon", "hidden_size": 128, "num_attention_heads": 8, "num_hidden_layers": 1}
    assert from_config(base | {"multi_query": True}).layers[0].n_kv_heads == 1
    new = base | {"new_decoder_architecture": True, "num_kv_heads": 4}
    assert from_config(new).layers[0].n_kv_heads == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
        ({"num_hidden_layers": -3}, "num_hidden_layers is -3"),
        ({"num_hidden_layers": True}, "num_hidden_layers is True"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000"),
        ({"num_hidden_layers": 32.0}, "num_hidden_layers is 32"),
        ({"num_attention_heads": "32"}, "num_attention_heads is '32'"),
        ({"num_attention_heads": [32]}, "lists 1 values"),
        ({"num_attention_heads": 7}, "divide evenly"),
        ({"num_key_value_heads": 5}, "divide evenly among the KV heads"),
        ({"head_dim": "128"}, "head_dim is '128'"),
        ({"hidden_size": 0}, "hidden_size is 0"),
        ({"rope_theta": 0}, "rope_theta is 0"),
        ({"rope_theta": "1e6"}, "rope_theta is '1e6'"),
        ({"rope_theta": float("inf")}, "rope_theta is inf"),
        ({"rope_theta": True}, "rope_theta is True"),
        ({"rope_theta": 10**400}, "rope_theta is 1000"),
        ({"rope_scaling": "yarn"}, "rope_scaling is 'yarn'"),
        ({"rope_scaling": {"type": 3}}, "rope_type is 3"),
        ({"rope_scaling": {"type": "yarn", "factor": -1}}, "factor is -1"),
        ({"partial_rotary_factor": 1.5}, "partial_rotary_factor is 1.5"),
        ({"max_position_embeddings": -1}, "max_position_embeddings is -1"),
        ({"layer_types": ["full_attention"]}, "layer_types describes 1 layers of 32"),
        ({"layer_types": ["full_attention"] * 31 + ["wavelet"]}, r"layer_types\[31\] is 'wavelet'"),
        ({"layer_types": "full_attention"}, "must be a list"),
        ({"layer_types": ["sliding_attention"] * 32}, "sliding_window is missing"),
        ({"layer_types": ["sliding_attention"] * 32, "sliding_window": -4}, "sliding_window is -4"),
        ({"model_type": 3}, "model_type is 3"),
        ({"is_encoder_decoder": True}, "encoder-decoder"),
        ({"model_type": "unheard_of", "num_hidden_layers": None}, "num_hidden_layers is missing"),
    ],
)
def test_refuses_what_cannot_be_by_name(change, words):
    with pytest.raises(FormatError, match=words):
        from_config(LLAMA31 | change)


def test_an_unknown_model_type_is_read_by_common_names_and_said():
    model = from_config(LLAMA31 | {"model_type": "unheard_of"})
    assert model.layers == from_config(LLAMA31).layers
    assert "unknown here" in model.notes[0]


def test_a_model_survives_json():
    for raw in (LLAMA31, GEMMA3, JAMBA):
        model = from_config(raw)
        assert Model.from_dict(json.loads(json.dumps(model.to_dict()))) == model
    with pytest.raises(FormatError, match="schema"):
        Model.from_dict({})
    broken = from_config(LLAMA31).to_dict()
    del broken["vocab_size"]
    with pytest.raises(FormatError, match="does not fit"):
        Model.from_dict(broken)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([0, -1, 10**30]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)
NAMES = sorted({key for raw in (LLAMA31, QWEN25, GEMMA3["text_config"], DEEPSEEK, JAMBA) for key in raw} | {
    "layer_types", "rope_parameters", "attn_config", "no_rope_layers", "attention_types", "linear_attn_config",
    "hybrid_override_pattern", "attn_type_list", "block_types", "sliding_window_pattern", "text_config", "rotary_dim",
    "attention_chunk_size", "alibi", "multi_query", "full_attention_interval", "per_layer_config", "num_kv_shared_layers",
    "swa_num_key_value_heads", "v_head_dim", "index_topk", "index_head_dim", "indexer_types", "mamba_d_state", "mamba_expand",
    "mamba_n_heads", "linear_num_value_heads", "conv_L_cache",
})  # fmt: skip
TYPES = ["llama", "falcon", "gpt_neo", "jamba", "kimi_linear", "llama4_text", "mpt", "nemotron_h", "zamba2", "else"]


def layers_alike(source, layer):
    return source.kind == layer.kind and source.index < layer.index and source.kv_source is None


@settings(deadline=None)
@given(
    raw=st.sampled_from([LLAMA31, QWEN25, MISTRAL, GEMMA3, DEEPSEEK, JAMBA]),
    model_type=st.none() | st.sampled_from(TYPES),
    changes=st.dictionaries(st.sampled_from(NAMES), JUNK, max_size=3),
)
def test_mutated_configs_are_read_or_refused(raw, model_type, changes):
    changed = raw | changes | ({} if model_type is None else {"model_type": model_type})
    with contextlib.suppress(FormatError):  # any other exception is a bug
        model = from_config(changed)
        for layer in model.layers:
            assert layer.has_attention == (layer.n_heads > 0)
            assert layer.n_heads == 0 or (layer.n_heads % layer.n_kv_heads == 0 and layer.head_dim > 0)
            assert layer.rope is None or (layer.rope.theta > 0 and 0 < layer.rope.rotary_fraction <= 1)
            assert (layer.window_tokens is not None) == (layer.kind in ("sliding", "chunked"))
            assert layer.kv_source is None or layers_alike(model.layers[layer.kv_source], layer)
        assert 0 <= model.cache_bytes(100) <= model.cache_bytes(200)


def test_command_r_has_the_context_that_engines_take():
    # Its table of defaults has 8,192; vLLM and SGLang take model_max_length, whichever is the longer.
    shape = {
        "model_type": "cohere",
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "vocab_size": 100,
    }
    stated = from_config({**shape, "max_position_embeddings": 8192, "model_max_length": 131072})
    assert (stated.context.longest, stated.context.configured_field) == (131072, "model_max_length")
    assert from_config({**shape, "max_position_embeddings": 8192, "model_max_length": 10**30}).context.longest == 8192
    assert count_parameters(stated).count == "closed"


def test_towers_that_are_counted_are_not_called_unread():
    tower = {"hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 96, "num_attention_heads": 4}
    text = {"model_type": "mistral", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 8}
    config = {
        "model_type": "mistral3",
        "text_config": text,
        "vision_config": tower,
        "spatial_merge_size": 2,
        "grid_of": 3,
    }
    assert from_config(config).unread == ("grid_of",)
