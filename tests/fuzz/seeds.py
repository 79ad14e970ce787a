"""Sound inputs to start mutating from: configs of every family, safetensors files and GGUF files of many kinds."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import gguf_models
import stored_models

from ropescope.models.config.fields import families

BASE = {
    "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 64, "head_dim": 16,
    "intermediate_size": 96, "vocab_size": 128, "max_position_embeddings": 4096,
}  # fmt: skip
ROPES: tuple[dict[str, Any], ...] = (
    {"rope_theta": 1e6},
    {"rope_scaling": {"type": "linear", "factor": 4.0}},
    {"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1024}},
    {"rope_parameters": {"full_attention": {"rope_theta": 1e6}, "sliding_attention": {"rope_theta": 1e4}}},
    {"sliding_window": 128, "layer_types": ["sliding_attention", "full_attention"] * 2},
    {"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128}},
    {
        "quantization_config": {
            "quant_method": "compressed-tensors",
            "config_groups": {"g": {"weights": {"num_bits": 4}}},
        }
    },
    {"kv_lora_rank": 16, "q_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 12},
    {"num_experts": 8, "num_experts_per_tok": 2, "n_routed_experts": 8, "first_k_dense_replace": 1},
)


def configs() -> list[dict[str, Any]]:
    """A small config of every family that transformers knows, and of composite models."""
    found: list[dict[str, Any]] = []
    for index, (model_type, family) in enumerate(families()["families"].items()):
        defaults = {key: value for key, value in family.get("defaults", {}).items() if not isinstance(value, list)}
        config = {"model_type": model_type, **defaults, **BASE, **ROPES[index % len(ROPES)]}
        found.append(config)
        if index % 5 == 0:
            found.append({"model_type": "llava", "text_config": config, "torch_dtype": "bfloat16"})
    return json.loads(json.dumps(found))


SAFETENSORS: tuple[dict[str, tuple[str, tuple[int, ...]]], ...] = (
    {"model.embed_tokens.weight": ("BF16", (8, 4)), "model.layers.0.self_attn.q_proj.weight": ("F16", (4, 4)),
     "model.norm.weight": ("F32", (4,))},
    {"model.layers.0.mlp.experts.0.up_proj.weight": ("F8_E4M3", (4, 4)),
     "model.layers.0.mlp.experts.0.up_proj.weight_scale_inv": ("F32", (1, 1)), "s": ("F32", ())},
    {"a.qweight": ("I32", (2, 8)), "a.qzeros": ("I32", (1, 1)), "a.scales": ("F16", (1, 8)), "a.g_idx": ("I32", (16,))},
    {"a.weight": ("U8", (8, 1)), "a.weight.absmax": ("U8", (1,)), "a.weight.quant_map": ("F32", (16,))},
    {"a_blocks": ("U8", (2, 2, 4)), "a_scales": ("U8", (2, 2)), "b.weight_packed": ("I32", (4, 1)),
     "b.weight_scale": ("BF16", (4, 1)), "empty": ("I64", (0, 3)), "half": ("F4", (2,))},
)  # fmt: skip


def safetensors_files() -> list[bytes]:
    """Small files, written with and without spaces and metadata."""
    found = []
    for table in SAFETENSORS:
        for how in ({}, {"spaces": True}, {"metadata": {"format": "pt"}}, {"metadata": {"a": 'b"c', "d": "[{,}]"}}):
            start, data = stored_models.header(table, **how)  # type: ignore[arg-type]
            found.append(start + bytes(data))
    return found


STATE = {
    "ssm.conv_kernel": 4,
    "ssm.inner_size": 128,
    "ssm.state_size": 16,
    "ssm.time_step_rank": 4,
    "ssm.group_count": 2,
}
GGUFS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("llama", {"rope.freq_base": 5e5, "rope.scaling.type": "yarn", "rope.scaling.factor": 4.0}),
    ("gemma3", {"attention.sliding_window": 64, "attention.key_length": 16, "attention.value_length": 16}),
    ("gemma4", {"attention.sliding_window": 64, "attention.shared_kv_layers": 1, "rope.freq_base_swa": 1e4,
                "attention.sliding_window_pattern": [True, True, False, True], "attention.key_length_swa": 8}),
    ("deepseek2", {"attention.kv_lora_rank": 16, "attention.key_length_mla": 24, "attention.value_length_mla": 16,
                   "rope.dimension_count": 8, "expert_count": 8, "expert_used_count": 2, "leading_dense_block_count": 1}),
    ("jamba", {"attention.head_count_kv": [0, 0, 2, 0], **STATE}),
    ("qwen3next", STATE),
    ("falcon-h1", STATE),
    ("nemotron_h", {"attention.head_count_kv": [0, 2, 0, 0], "feed_forward_length": [0, 0, 128, 0], **STATE}),
    ("mamba", {"attention.head_count": 0, **STATE}),
    ("rwkv7", {"attention.head_count": 0, "wkv.head_size": 16}),
    ("kimi-linear", {"attention.head_count_kv": [0, 0, 0, 1], "kda.head_dim": 16, "attention.kv_lora_rank": 16,
                     "attention.key_length_mla": 24, **STATE}),
    ("lfm2", {"attention.head_count_kv": [0, 2, 0, 0], "shortconv.l_cache": 3}),
    ("glm4moe", {"nextn_predict_layers": 1, "expert_count": 8, "expert_used_count": 2}),
    ("llama4", {}),
    ("modern-bert", {"attention.causal": False, "attention.sliding_window": 32}),
)  # fmt: skip


def gguf_files() -> list[bytes]:
    """Small files of many architectures, with a tokenizer."""
    base = {"block_count": 4, "embedding_length": 64, "attention.head_count": 4, "context_length": 256}
    tokens = {"tokenizer.ggml.tokens": [f"t{n}" for n in range(80)], "tokenizer.ggml.eos_token_id": 2,
              "general.license": "mit", "general.name": "a name", "tokenizer.chat_template": "{{ x }}"}  # fmt: skip
    table = gguf_models.ends(32, 4, kind="F16") | gguf_models.layer(0, gguf_models.attention(32, 2, 1, 16, "Q8_0"))
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for index, (architecture, keys) in enumerate(GGUFS):
            path = gguf_models.write(Path(folder) / f"{index}.gguf", architecture, base | keys, table, tokens)
            found.append(path.read_bytes())
    return found
