"""GGUF files of released models by their published shapes: parameters, bytes and caches against hand-checked values."""

import gguf_models as made
import pytest

from ropescope.errors import FormatError, SourceError
from ropescope.models import from_config
from ropescope.models import open as open_model
from ropescope.models.cache import LayerCache
from ropescope.models.gguf.types import FILE_TYPES
from ropescope.models.model import Experts, Latent, Model, Sparse


def test_llama_31_8b(tmp_path):
    more = {"general.license": "llama3.1", "general.file_type": 7, "tokenizer.ggml.model": "gpt2",
            "tokenizer.ggml.tokens": [f"t{index}" for index in range(300)], "tokenizer.ggml.bos_token_id": 250,
            "tokenizer.ggml.eos_token_id": 251, "tokenizer.ggml.eot_token_id": 252, "tokenizer.ggml.padding_token_id": 5000,
            "tokenizer.chat_template": "{{ messages }}"}  # fmt: skip
    found = open_model(
        made.write(tmp_path / "Llama-3.1-8B.Q8_0.gguf", "llama", made.LLAMA_31_8B, made.llama_table(), more)
    )
    # The count of meta-llama/Llama-3.1-8B on the Hub; the table of rotary factors is no parameter.
    assert found.parameters.total == found.parameters.active == 8_030_261_248
    norms = 65 * 4096
    assert found.weights.by_type == {"Q8_0": (8_030_261_248 - norms) * 34 // 32, "F32": 4 * (norms + 64)}
    assert found.parameters.source == found.weights.source == "Llama-3.1-8B.Q8_0.gguf"
    assert {layer.cache for layer in found.layers} == {LayerCache(key_elements=1024, value_elements=1024)}
    # 128 KiB a token in bfloat16, as every table of KV caches has it.
    assert found.cache_bytes(131072) == 131072 * 128 * 1024
    assert found.licence == "llama3.1"
    assert found.tokenizer.vocab_size == 300 and found.tokenizer.kind == "gpt2"
    assert found.tokenizer.special_ids == {"bos": (250,), "eos": (251, 252)}  # an id beyond the vocabulary is none
    assert found.tokenizer.chat_template == "{{ messages }}"
    assert (found.quantization.method, found.quantization.bits) == ("gguf", 8.5)
    assert found.quantization.detail["file_type"] == "Q8_0"
    assert Model.from_dict(found.to_dict()) == found


def test_deepseek_v3(tmp_path):
    keys = {
        "block_count": 61, "context_length": 163840, "embedding_length": 7168, "attention.head_count": 128,
        "attention.head_count_kv": 1, "attention.q_lora_rank": 1536, "attention.kv_lora_rank": 512,
        "attention.key_length": 576, "attention.value_length": 512, "attention.key_length_mla": 192,
        "attention.value_length_mla": 128, "rope.dimension_count": 64, "rope.freq_base": 10000.0, "expert_count": 256,
        "expert_used_count": 8, "expert_shared_count": 1, "leading_dense_block_count": 3,
        "feed_forward_length": 18432, "expert_feed_forward_length": 2048, "vocab_size": 129280,
    }  # fmt: skip
    table = made.ends(7168, 129280)
    mla = {
        "attn_norm.weight": ((7168,), "F32"), "attn_q_a.weight": ((1536, 7168), "Q8_0"),
        "attn_q_a_norm.weight": ((1536,), "F32"), "attn_q_b.weight": ((24576, 1536), "Q8_0"),
        "attn_kv_a_mqa.weight": ((576, 7168), "Q8_0"), "attn_kv_a_norm.weight": ((512,), "F32"),
        "attn_k_b.weight": ((128, 512, 128), "Q8_0"), "attn_v_b.weight": ((128, 128, 512), "Q8_0"),
        "attn_output.weight": ((7168, 16384), "Q8_0"),
    }  # fmt: skip
    shared = {f"ffn_{name}_shexp.weight": (shape, "Q8_0") for name, shape in
              (("gate", (2048, 7168)), ("up", (2048, 7168)), ("down", (7168, 2048)))}  # fmt: skip
    balance = {"exp_probs_b.bias": ((256,), "F32")}
    for index in range(61):
        inner = made.mlp(7168, 18432) if index < 3 else made.experts(7168, 2048, 256) | shared | balance
        table |= made.layer(index, mla, inner)
    found = open_model(made.write(tmp_path / "deepseek.gguf", "deepseek2", keys, table))
    # 671 B, of which 37 B active (its README); 671,026,404,352 in transformers' deepseek_v3.
    assert found.parameters.total == 671_026_404_352
    assert found.parameters.active == 671_026_404_352 - 58 * 256 * 3 * 7168 * 2048 * 31 // 32
    assert 37_000_000_000 < found.parameters.active < 38_000_000_000
    assert [layer.experts for layer in found.layers] == [None] * 3 + [Experts(256, 8, 1)] * 58
    layer = found.layers[60]
    assert layer.latent == Latent(kv_rank=512, rotary_dim=64, query_rank=1536)
    assert (layer.n_heads, layer.n_kv_heads, layer.head_dim, layer.value_dim) == (128, 128, 192, 128)
    # 70 KB a token in bfloat16: table 1 of "Insights into DeepSeek-V3" (2025) gives 70.272 KB.
    assert found.cache_bytes(1000) == 70_272_000


def test_qwen3_30b_a3b(tmp_path):
    keys = {
        "block_count": 48, "context_length": 40960, "embedding_length": 2048, "attention.head_count": 32,
        "attention.head_count_kv": 4, "attention.key_length": 128, "attention.value_length": 128,
        "rope.freq_base": 1e6, "expert_count": 128, "expert_used_count": 8, "expert_feed_forward_length": 768,
    }  # fmt: skip
    table = made.ends(2048, 151936, kind="Q4_K")
    norms = {"attn_q_norm.weight": ((128,), "F32"), "attn_k_norm.weight": ((128,), "F32")}
    for index in range(48):
        kind = "Q4_K" if index % 2 else "Q6_K"
        table |= made.layer(index, made.attention(2048, 32, 4, 128, kind), norms, made.experts(2048, 768, 128, "Q4_K"))
    found = open_model(made.write(tmp_path / "qwen3.gguf", "qwen3moe", keys, table))
    assert found.parameters.total == 30_532_122_624  # the count of Qwen/Qwen3-30B-A3B on the Hub
    assert round(found.parameters.active, -8) == 3_400_000_000  # "3.3B activated", cut off
    assert found.parameters.parts["experts"] == 48 * 128 * 3 * 2048 * 768
    assert found.quantization.detail["type"] == "Q4_K" and found.quantization.bits == 4.5
    assert {layer.experts for layer in found.layers} == {Experts(128, 8)}


def test_gpt_oss_20b(tmp_path):
    keys = {
        "block_count": 24, "context_length": 131072, "embedding_length": 2880, "attention.head_count": 64,
        "attention.head_count_kv": 8, "attention.key_length": 64, "attention.value_length": 64,
        "attention.sliding_window": 128, "rope.freq_base": 150000.0, "expert_count": 32, "expert_used_count": 4,
        "expert_feed_forward_length": 2880, "rope.scaling.type": "yarn", "rope.scaling.factor": 32.0,
        "rope.scaling.original_context_length": 4096,
    }  # fmt: skip
    table = made.ends(2880, 201088, kind="Q8_0")
    biases = {f"attn_{name}.bias": ((size,), "F32") for name, size in
              (("q", 4096), ("k", 512), ("v", 512), ("output", 2880), ("sinks", 64))}  # fmt: skip
    biases["attn_sinks.weight"] = biases.pop("attn_sinks.bias")
    inner = made.experts(2880, 2880, 32, "MXFP4") | {f"ffn_{name}_exps.bias": ((32, 2880), "F32")
                                                    for name in ("gate", "up", "down")}  # fmt: skip
    inner["ffn_gate_inp.bias"] = ((32,), "F32")
    for index in range(24):
        table |= made.layer(index, made.attention(2880, 64, 8, 64), biases, inner)
    found = open_model(made.write(tmp_path / "gpt-oss.gguf", "gpt-oss", keys, table))
    assert found.parameters.total == 20_914_757_184  # as the safetensors count, 20.91 B on its model card
    assert round(found.parameters.active - found.parameters.parts["embedding"], -7) == 3_610_000_000
    assert [layer.kind for layer in found.layers] == ["sliding", "full"] * 12
    assert [layer.cache.tokens_held for layer in found.layers[:2]] == [127, None]
    assert found.cache_bytes(1000) == 12 * 2 * 8 * 64 * (127 + 1000) * 2
    assert found.context.extended == 131072 and found.context.trained == 4096


def test_gemma_3_27b(tmp_path):
    keys = {
        "block_count": 62, "context_length": 131072, "embedding_length": 5376, "attention.head_count": 32,
        "attention.head_count_kv": 16, "attention.key_length": 128, "attention.value_length": 128,
        "attention.sliding_window": 1024, "rope.freq_base": 1e6, "rope.scaling.type": "linear",
        "rope.scaling.factor": 8.0,
    }  # fmt: skip
    table = made.ends(5376, 262208, head=False)
    norms = {"attn_q_norm.weight": ((128,), "F32"), "attn_k_norm.weight": ((128,), "F32"),
             "post_attention_norm.weight": ((5376,), "F32"), "post_ffw_norm.weight": ((5376,), "F32")}  # fmt: skip
    for index in range(62):
        table |= made.layer(index, made.attention(5376, 32, 16, 128), norms, made.mlp(5376, 21504))
    found = open_model(made.write(tmp_path / "gemma.gguf", "gemma3", keys, table))
    # google/gemma-3-27b-it has 27,432,406,640, of which 416,866,032 see and 6,194,304 join sight to text.
    assert found.parameters.total == 27_432_406_640 - 416_866_032 - 6_194_304
    kinds = [layer.kind for layer in found.layers]
    assert (kinds.count("sliding"), kinds.count("full"), kinds[5]) == (52, 10, "full")
    assert found.layers[0].rope.theta == 10000.0 and found.layers[0].rope.scaling is None
    assert found.layers[5].rope.theta == 1e6 and found.layers[5].rope.scaling["factor"] == 8.0
    assert found.cache_bytes(32768) == 2 * 2 * 16 * 128 * (52 * 1023 + 10 * 32768)


def test_jamba(tmp_path):
    attends = [index % 8 == 4 for index in range(32)]
    keys = {
        "block_count": 32, "context_length": 262144, "embedding_length": 4096, "attention.head_count": 32,
        "attention.head_count_kv": [8 if here else 0 for here in attends], "ssm.conv_kernel": 4, "ssm.inner_size": 8192,
        "ssm.state_size": 16, "ssm.time_step_rank": 256, "expert_count": 16, "expert_used_count": 2,
        "feed_forward_length": 14336,
    }  # fmt: skip
    mamba = {
        "attn_norm.weight": ((4096,), "F32"), "ssm_in.weight": ((16384, 4096), "Q8_0"),
        "ssm_conv1d.weight": ((8192, 4), "F32"), "ssm_conv1d.bias": ((8192,), "F32"),
        "ssm_x.weight": ((288, 8192), "Q8_0"), "ssm_dt_norm.weight": ((256,), "F32"), "ssm_b_norm.weight": ((16,), "F32"),
        "ssm_c_norm.weight": ((16,), "F32"), "ssm_dt.weight": ((8192, 256), "Q8_0"), "ssm_dt.bias": ((8192,), "F32"),
        "ssm_a": ((8192, 16), "F32"), "ssm_d": ((8192,), "F32"), "ssm_out.weight": ((4096, 8192), "Q8_0"),
    }  # fmt: skip
    table = made.ends(4096, 65536)
    for index in range(32):
        mixer = made.attention(4096, 32, 8, 128) if attends[index] else mamba
        table |= made.layer(index, mixer, made.experts(4096, 14336, 16) if index % 2 else made.mlp(4096, 14336))
    found = open_model(made.write(tmp_path / "jamba.gguf", "jamba", keys, table))
    assert found.parameters.total == 51_570_323_328  # the count of ai21labs/Jamba-v0.1 on the Hub
    assert round(found.parameters.active, -9) == 12_000_000_000  # "12B active"
    assert [layer.kind == "full" for layer in found.layers] == attends
    assert [layer.experts for layer in found.layers] == [None, Experts(16, 2)] * 16
    assert found.layers[0].cache == LayerCache(state_elements=8192 * 4, recurrent_elements=8192 * 16)
    # "4 GB at 256K context" (its paper, table 1): four layers of keys and values, and states that weigh nothing.
    assert found.cache_bytes(262144) == 4 * 2 * 1024 * 262144 * 2 + 28 * (8192 * 4 * 2 + 8192 * 16 * 4)


def test_mamba_28b(tmp_path):
    keys = {"block_count": 64, "context_length": 1048576, "embedding_length": 2560, "attention.head_count": 0,
            "ssm.conv_kernel": 4, "ssm.inner_size": 5120, "ssm.state_size": 16, "ssm.time_step_rank": 160}  # fmt: skip
    mixer = {
        "attn_norm.weight": ((2560,), "F32"), "ssm_in.weight": ((10240, 2560), "F16"),
        "ssm_conv1d.weight": ((5120, 4), "F32"), "ssm_conv1d.bias": ((5120,), "F32"), "ssm_x.weight": ((192, 5120), "F16"),
        "ssm_dt.weight": ((5120, 160), "F16"), "ssm_dt.bias": ((5120,), "F32"), "ssm_a": ((5120, 16), "F32"),
        "ssm_d": ((5120,), "F32"), "ssm_out.weight": ((2560, 5120), "F16"),
    }  # fmt: skip
    table = made.ends(2560, 50280, head=False, kind="F16")
    for index in range(64):
        table |= made.layer(index, mixer)
    found = open_model(made.write(tmp_path / "mamba.gguf", "mamba", keys, table))
    assert found.parameters.total == 2_768_345_600  # the count of state-spaces/mamba-2.8b-hf on the Hub
    assert set(found.parameters.parts) == {"mixer", "embedding", "norm"}
    assert found.quantization is None
    assert found.cache_bytes(1) == found.cache_bytes(1_000_000) == 64 * (5120 * 4 * 2 + 5120 * 16 * 4)


def metadata_only(tmp_path, architecture, keys, table=None):
    base = {"block_count": 4, "embedding_length": 64, "attention.head_count": 4, "context_length": 256}
    path = made.write(tmp_path / f"{architecture}.gguf", architecture, base | keys, table or made.ends(64, 100))
    return open_model(path)


def test_qwen3_next_and_its_delta_states(tmp_path):
    # The shapes of Qwen3-Next-80B-A3B; transformers holds 8192 × 4 and 32 × 128 × 128 elements for a linear layer.
    found = metadata_only(tmp_path, "qwen3next", {
        "embedding_length": 2048, "attention.head_count": 16, "attention.head_count_kv": 2, "attention.key_length": 256,
        "attention.value_length": 256, "ssm.conv_kernel": 4, "ssm.inner_size": 4096, "ssm.state_size": 128,
        "ssm.time_step_rank": 32, "ssm.group_count": 16,
    })  # fmt: skip
    assert [layer.kind for layer in found.layers] == ["linear"] * 3 + ["full"]
    assert found.layers[0].cache == LayerCache(state_elements=8192 * 4, recurrent_elements=32 * 128 * 128)
    assert found.layers[3].cache == LayerCache(key_elements=512, value_elements=512)


def test_falcon_h1_keeps_both(tmp_path):
    found = metadata_only(tmp_path, "falcon-h1", {
        "attention.head_count_kv": 2, "ssm.conv_kernel": 4, "ssm.inner_size": 64, "ssm.state_size": 6,
        "ssm.time_step_rank": 4, "ssm.group_count": 2,
    })  # fmt: skip
    # The same shapes in transformers hold (64 + 2 · 2 · 6) × 4 and 4 × 16 × 6 elements beside the keys.
    assert found.layers[0].cache == LayerCache(
        key_elements=32, value_elements=32, state_elements=352, recurrent_elements=384
    )  # fmt: skip


def test_rwkv_and_short_convolutions(tmp_path):
    found = metadata_only(tmp_path, "rwkv6", {"attention.head_count": 0, "wkv.head_size": 16})
    assert {layer.cache for layer in found.layers} == {LayerCache(state_elements=128, recurrent_elements=64 * 16)}
    found = metadata_only(
        tmp_path, "rwkv6qwen2", {"attention.head_count": 0, "wkv.head_size": 16, "token_shift_count": 1}
    )
    assert found.layers[0].cache.state_elements == 64
    found = metadata_only(tmp_path, "lfm2", {"shortconv.l_cache": 3, "attention.head_count_kv": [0, 0, 2, 0]})
    assert [layer.kind for layer in found.layers] == ["convolution", "convolution", "full", "convolution"]
    assert found.layers[0].cache == LayerCache(state_elements=192)


def test_kimi_linear_keeps_latents_and_matrices(tmp_path):
    found = metadata_only(tmp_path, "kimi-linear", {
        "attention.head_count_kv": [0, 0, 0, 1], "attention.kv_lora_rank": 32, "attention.key_length_mla": 24,
        "attention.value_length_mla": 16, "attention.key_length": 40, "rope.dimension_count": 8, "kda.head_dim": 16,
        "ssm.conv_kernel": 4,
    })  # fmt: skip
    assert [layer.kind for layer in found.layers] == ["linear"] * 3 + ["full"]
    assert found.layers[0].cache == LayerCache(state_elements=3 * 64 * 4, recurrent_elements=4 * 16 * 16)
    assert found.layers[3].cache == LayerCache(key_elements=40)
    assert (found.layers[3].n_kv_heads, found.layers[3].value_dim, found.positions) == (4, 16, "none")


def test_shared_keys_are_kept_once(tmp_path):
    found = metadata_only(tmp_path, "gemma4", {
        "block_count": 6, "attention.sliding_window": 8, "attention.shared_kv_layers": 3, "attention.key_length": 32,
        "attention.value_length": 32, "attention.key_length_swa": 16, "attention.value_length_swa": 16,
        "attention.head_count_kv": [2, 2, 1, 2, 2, 1],
        "attention.sliding_window_pattern": [True, True, False, True, True, False], "rope.freq_base_swa": 1e4,
    })  # fmt: skip
    assert [layer.kv_source for layer in found.layers] == [None, None, None, 1, 1, 2]
    assert [layer.cache.key_elements for layer in found.layers] == [32, 32, 32, 0, 0, 0]
    assert [layer.cache.tokens_held for layer in found.layers[:3]] == [7, 7, None]
    assert [layer.head_dim for layer in found.layers[:3]] == [16, 16, 32]
    assumed = metadata_only(tmp_path, "gemma3n", {"block_count": 35, "attention.sliding_window": 512})
    assert [layer.kv_source for layer in assumed.layers[18:22]] == [None, None, 18, 18]
    assert assumed.layers[24].kv_source == 19 and "first 20 layers" in assumed.assumed["kv_source"]


def test_sparse_attention_keeps_an_index(tmp_path):
    found = metadata_only(tmp_path, "deepseek32", {
        "attention.kv_lora_rank": 32, "attention.key_length_mla": 24, "attention.value_length_mla": 16,
        "rope.dimension_count": 8, "attention.indexer.key_length": 12, "attention.indexer.head_count": 4,
    })  # fmt: skip
    assert found.layers[0].cache == LayerCache(key_elements=40, index_elements=12)


def test_sparse_attention_says_what_it_reads(tmp_path):
    keys = {
        "block_count": 4, "attention.kv_lora_rank": 32, "attention.key_length_mla": 24, "attention.value_length_mla": 16,
        "rope.dimension_count": 8, "attention.indexer.key_length": 12, "attention.indexer.head_count": 4,
        "attention.indexer.top_k": 16, "attention.indexer.types": [True, True, False, True],
    }  # fmt: skip
    found = metadata_only(tmp_path, "glm-dsa", keys)
    assert [layer.sparse for layer in found.layers] == [Sparse(16, 4, 12)] * 2 + [Sparse(16), Sparse(16, 4, 12)]
    assert [layer.cache.index_elements for layer in found.layers] == [12, 12, 0, 12]


def test_deepseek_v4_is_read_as_its_config_is(tmp_path):
    found = metadata_only(tmp_path, "deepseek4", {
        "block_count": 6, "attention.head_count": 4, "attention.head_count_kv": 1, "attention.key_length": 512,
        "attention.value_length": 512, "attention.sliding_window": 128, "attention.q_lora_rank": 16,
        "attention.compress_ratios": [0, 0, 4, 128, 4, 0], "attention.indexer.key_length": 128,
        "attention.indexer.head_count": 64, "attention.indexer.top_k": 512, "rope.dimension_count": 64,
    })  # fmt: skip
    stated = from_config({
        "model_type": "deepseek_v4", "num_hidden_layers": 6, "num_attention_heads": 4,
        "compress_ratios": [0, 0, 4, 128, 4, 0],
    })  # fmt: skip
    assert not any("compresses its cache" in note for note in found.notes)
    for own, other in zip(found.layers, stated.layers, strict=True):
        assert (own.kind, own.cache, own.sparse, own.tokens_per_entry) == (
            other.kind, other.cache, other.sparse, other.tokens_per_entry,
        )  # fmt: skip


def test_layers_for_multi_token_prediction_are_counted_apart(tmp_path):
    table = made.ends(64, 100)
    for index in range(3):
        table |= made.layer(index, made.attention(64, 4, 2, 16), made.mlp(64, 128))
    table |= {"blk.2.nextn.eh_proj.weight": ((64, 128), "Q8_0")}
    found = metadata_only(tmp_path, "glm4moe", {"block_count": 3, "nextn_predict_layers": 1}, table)
    assert len(found.layers) == 2
    block = 64 * (64 + 2 * 32 + 64) + 3 * 64 * 128 + 2 * 64
    assert found.parameters.parts["prediction"] == block + 64 * 128
    assert found.parameters.active == found.parameters.total - block - 64 * 128
    with pytest.raises(FormatError, match="nextn_predict_layers is 4"):
        metadata_only(tmp_path, "glm4moe", {"nextn_predict_layers": 4})


def test_nemotron_h_has_layers_of_an_mlp_alone(tmp_path):
    found = metadata_only(tmp_path, "nemotron_h", {
        "attention.head_count_kv": [0, 0, 2, 0], "feed_forward_length": [0, 128, 0, 0], "ssm.conv_kernel": 4,
        "ssm.inner_size": 64, "ssm.state_size": 6, "ssm.time_step_rank": 4, "ssm.group_count": 2,
    })  # fmt: skip
    assert [layer.kind for layer in found.layers] == ["state-space", "none", "full", "state-space"]
    assert found.layers[1].cache == LayerCache() and found.layers[0].cache.recurrent_elements == 384


def test_tensors_tell_which_layers_attend_where_the_keys_do_not(tmp_path):
    table = made.ends(64, 100)
    for index in range(4):
        mixer = made.attention(64, 4, 2, 16) if index == 2 else {"ssm_in.weight": ((128, 64), "F32")}
        table |= made.layer(index, mixer, made.mlp(64, 128))
    keys = {"attention.head_count_kv": 2, "ssm.conv_kernel": 4, "ssm.inner_size": 128, "ssm.state_size": 16}
    found = metadata_only(tmp_path, "newhybrid", keys, table)
    assert [layer.kind for layer in found.layers] == ["state-space"] * 2 + ["full", "state-space"]
    with pytest.raises(FormatError, match="does not say which are which"):
        metadata_only(tmp_path, "newhybrid", keys)


def test_encoders_keep_nothing_and_see_both_sides(tmp_path):
    found = metadata_only(tmp_path, "modern-bert", {"attention.causal": False, "attention.sliding_window": 128})
    assert found.cache_bytes(1000) == 0
    assert [layer.kind for layer in found.layers] == ["full", "sliding", "sliding", "full"]
    assert found.layers[1].window_tokens == 129


def test_granite_hybrid_turns_its_heads_only_if_it_says_so(tmp_path):
    keys = {"attention.head_count_kv": [0, 2, 0, 0], "ssm.conv_kernel": 4, "ssm.inner_size": 64, "ssm.state_size": 6,
            "ssm.time_step_rank": 4, "ssm.group_count": 1}  # fmt: skip
    assert metadata_only(tmp_path, "granitehybrid", keys).layers[1].rope is not None
    found = metadata_only(tmp_path, "granitehybrid", keys | {"rope.scaling.finetuned": False})
    assert found.positions == "none" and found.layers[1].rope is None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"general.type": "adapter"}, "is an adapter, not a model"),
        ({"general.type": "imatrix"}, "is an imatrix, not a model"),
        ({"general.type": "mmproj"}, "vision part"),
    ],
)
def test_files_that_are_no_model_are_called_what_they_are(tmp_path, more, words):
    path = made.write(tmp_path / "x.gguf", "llama", made.LLAMA_31_8B, made.ends(64, 100), more)
    with pytest.raises(FormatError, match=words):
        open_model(path)


def test_scales_of_nvfp4_are_bytes_and_those_of_gemma_parameters(tmp_path):
    table = made.ends(64, 128) | {
        "blk.0.ffn_up.weight": ((64, 64), "NVFP4"), "blk.0.ffn_up.scale": ((1,), "F32"),
        "blk.0.ffn_up.input_scale": ((1,), "F32"), "blk.0.ffn_gate_inp.scale": ((64,), "F32"),
    }  # fmt: skip
    found = metadata_only(tmp_path, "llama", {}, table)
    assert found.parameters.total == 2 * 128 * 64 + 64 + 64 * 64 + 64
    assert found.weights.by_type["NVFP4"] == 64 * 64 // 64 * 36


def test_file_types_are_those_of_the_gguf_package():
    from gguf import LlamaFileType

    theirs = {int(kind): kind.name.removeprefix("MOSTLY_").removeprefix("ALL_") for kind in LlamaFileType}
    assert {number: theirs[number] for number in FILE_TYPES} == FILE_TYPES
    assert set(theirs) - set(FILE_TYPES) == {1024}


def split(tmp_path, n_parts=3):
    tables = (
        [{}] + [made.layer(index, made.attention(64, 4, 2, 16)) for index in range(n_parts - 2)] + [made.ends(64, 100)]
    )
    total = sum(len(table) for table in tables)
    keys = {"block_count": 1, "embedding_length": 64, "attention.head_count": 4, "attention.head_count_kv": 2}
    paths = []
    for index, table in enumerate(tables):
        more = {"split.no": index, "split.count": n_parts, "split.tensors.count": total}
        path = tmp_path / f"big-{index + 1:05d}-of-{n_parts:05d}.gguf"
        paths.append(made.write(path, "llama", keys if index == 0 else {}, table, more))
    return paths


def test_any_part_of_a_split_model_stands_for_all(tmp_path):
    paths = split(tmp_path)
    models = [open_model(path) for path in paths]
    expected = 64 * (64 + 64 + 32 + 32) + 64 + 2 * 100 * 64 + 64
    assert [model.parameters.total for model in models] == [expected] * 3
    assert models[1].weights.n_files == 3 and len(models[2].layers) == 1
    assert models[0].parameters.active == expected
    paths[1].unlink()
    with pytest.raises(SourceError, match=r"one of 3 files, and 1 is missing: put big-00002-of-00003\.gguf beside it"):
        open_model(paths[2])


def test_parts_that_do_not_belong_together_are_refused(tmp_path):
    paths = split(tmp_path)
    alone = paths[1].rename(tmp_path / "renamed.gguf")
    with pytest.raises(FormatError, match="a part of a model split in 3, and its name does not say which"):
        open_model(alone)
    alone.rename(paths[1])
    paths[1].rename(tmp_path / "tmp")
    paths[2].rename(paths[1])
    (tmp_path / "tmp").rename(paths[2])
    with pytest.raises(FormatError, match=r"part 2 of 3 \(split\.no, split\.count\)"):
        open_model(paths[0])
    (tmp_path / "other").mkdir()
    shorter = split(tmp_path / "other")
    made.write(shorter[2], "llama", {}, {"x": ((4,), "F32")}, {"split.no": 2, "split.count": 3})
    with pytest.raises(FormatError, match=r"split\.tensors\.count is 8"):
        open_model(shorter[0])
