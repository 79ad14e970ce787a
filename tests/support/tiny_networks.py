"""Tiny random networks of a hundred model types, with the attention shapes of their families, and the caches they hold."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch
import transformers
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig, AutoModel, AutoModelForCausalLM, DynamicCache
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

WINDOW = 24

# Whatever of these a config class has is set; the rest of it stays as its family has it.
SMALL: dict[str, Any] = {
    "vocab_size": 96, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 12, "max_position_embeddings": 128,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    # the names of older families
    "n_embd": 32, "n_layer": 4, "n_head": 4, "n_positions": 128, "d_model": 32, "n_heads": 4, "n_layers": 4,
    "max_seq_len": 128, "ffn_dim": 48, "word_embed_proj_dim": 32, "num_heads": 4,
    # windows and chunks
    "sliding_window": WINDOW, "attention_chunk_size": WINDOW, "attention_window_size": WINDOW, "window_size": WINDOW,
    # experts
    "num_local_experts": 4, "num_experts": 4, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1,
    "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16, "moe_shared_expert_intermediate_size": 16,
    "shared_intermediate_size": 16, "intermediate_size_mlp": 48, "n_group": 1, "topk_group": 1,
    "first_k_dense_replace": 2,
    # latents and indexers
    "q_lora_rank": 16, "kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "v_head_dim": 12,
    "index_n_heads": 2, "index_head_dim": 8, "index_topk": 8,
    # state spaces, linear attention, convolutions
    "mamba_d_state": 4, "mamba_d_conv": 4, "mamba_expand": 2, "mamba_dt_rank": 4, "state_size": 4, "ssm_state_size": 4,
    "mamba_n_heads": 4, "mamba_d_head": 16, "mamba_n_groups": 1, "mamba_d_ssm": 64, "mamba_num_heads": 4,
    "mamba_head_dim": 16, "n_groups": 2, "mamba_ngroups": 1, "n_mamba_heads": 2, "conv_kernel": 4, "chunk_size": 8,
    "mamba_chunk_size": 8, "expand": 2,
    "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 12,
    "attention_hidden_size": 32, "lru_width": 32,
    # what the small Gemmas add
    "vocab_size_per_layer_input": 96, "hidden_size_per_layer_input": 8, "num_kv_shared_layers": 2, "laurel_rank": 8,
    "query_pre_attn_scalar": 12,
}  # fmt: skip

_HALF_LINEAR = {"layer_types": ["linear_attention", "full_attention"] * 2}
_HALF_CONVOLVED = {"layer_types": ["conv", "full_attention"] * 2}
_EVERY_HEAD = {"num_key_value_heads": 4}
_SHARING = {"num_hidden_layers": 6, "layer_types": ["sliding_attention", "full_attention"] * 3}

PLAIN = (
    "apertus", "arcee", "aria_text", "bitnet", "bloom", "cohere", "diffllama", "dots1", "ernie4_5",
    "ernie4_5_moe", "falcon", "flex_olmo", "gemma", "glm", "glm4", "glm4_moe", "gpt2", "gpt_bigcode",
    "gpt_neox", "granite", "granitemoe", "granitemoeshared", "hunyuan_v1_dense", "hunyuan_v1_moe", "hy_v3",
    "hyperclovax", "internlm3", "jais2", "jetmoe", "laguna", "llama", "mellum", "minimax_m2", "mpt", "nanochat",
    "nemotron", "olmo", "olmo2", "olmoe", "opt", "persimmon", "phi", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe",
    "seed_oss", "smollm3", "solar_open", "stablelm",
)  # fmt: skip
WINDOWED = (
    "afmoe", "cohere2", "cohere2_moe", "cwm", "doge", "exaone4", "exaone_moe", "flint", "gemma2", "gemma3_text",
    "gpt_oss", "granite_swa", "granitemoe_swa", "kolibri1", "llama4_text", "mimo_v2_flash", "ministral",
    "ministral3", "mistral", "mixtral", "modernbert-decoder", "olmo3", "phi3", "phimoe", "starcoder2",
    "vaultgemma",
)  # fmt: skip
OTHER: dict[str, dict[str, Any]] = {
    "helium": {"head_dim": 8},
    "gptj": {"rotary_dim": 4},
    "codegen": {"rotary_dim": 4},
    "gpt_neo": {"num_layers": 4, "attention_types": [[["global", "local"], 2]]},
    "gemma3n_text": _SHARING,
    "gemma4_text": {**_SHARING, "num_global_key_value_heads": 1, "global_head_dim": 16},
    # latents
    **dict.fromkeys(("axk1", "deepseek_v2", "deepseek_v3", "glm4_moe_lite", "minicpm3", "youtu"), _EVERY_HEAD),
    # latents and an indexer
    **dict.fromkeys(("axk2", "deepseek_v32", "glm_moe_dsa", "hy_v4"), _EVERY_HEAD),
    "mistral_large4_text": {
        **_EVERY_HEAD,
        "kv_source_layers": [0, 1, 1, 3],
        "indexer_types": ["full", "full", "shared", "full"],
    },
    "glm5_next_text": {
        **_EVERY_HEAD,
        "qk_rope_head_dim": 0,
        "index_kpool": 4,
        "linear_head_dim": 8,
        "linear_num_heads": 4,
        "layer_types": ["linear_attention", "indexed_attention"] * 2,
    },
    "minimax_m3_vl_text": {
        "layer_types": ["full_attention", "minimax_m3_sparse"] * 2,
        "index_block_size": 4,
        "index_topk_blocks": 2,
        "rotary_dim": 4,
    },
    "deepseek_v4": {
        "num_key_value_heads": 1,
        "layer_types": ["sliding_attention", "compressed_sparse_attention", "heavily_compressed_attention"] * 2,
        "num_hidden_layers": 6,
        "compress_rates": {"compressed_sparse_attention": 4, "heavily_compressed_attention": 20},
    },
    "longcat_flash": {**_EVERY_HEAD, "head_dim": 8, "num_layers": 2},
    # state spaces
    **{name: {} for name in ("mamba", "falcon_mamba", "falcon_h1", "nemotron_h")},
    "mamba2": {"head_dim": 16, "num_heads": 4},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "bamba": {"attn_layer_indices": [1, 3]},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"] * 2},
    "zamba2": {"layers_block_type": ["mamba", "hybrid"] * 2, "num_mem_blocks": 1},
    # linear attention
    **dict.fromkeys(("qwen3_next", "qwen3_5_text", "qwen3_5_moe_text", "olmo_hybrid", "minimax"), _HALF_LINEAR),
    **{name: {**_HALF_LINEAR, **_EVERY_HEAD} for name in ("kimi_linear", "bailing_hybrid")},
    # convolutions and recurrence
    **dict.fromkeys(("lfm2", "lfm2_moe", "lfm3"), _HALF_CONVOLVED),
    "inkling_text": {
        "swa_num_attention_heads": 8,
        "swa_num_key_value_heads": 4,
        "swa_head_dim": 16,
        "layer_types": ["hybrid_sliding", "hybrid"] * 2,
    },
    "rwkv": {},
    "recurrent_gemma": {"block_types": ["recurrent", "attention"]},
}

_STATES = ("recurrent_states", "conv1d_state")

TYPES: tuple[str, ...] = (*PLAIN, *WINDOWED, *OTHER)


def config_of(model_type: str) -> Any:
    """The tiny configuration of a model type."""
    if model_type not in CONFIG_MAPPING:
        pytest.skip(f"transformers {transformers.__version__} has no {model_type}")
    cls = CONFIG_MAPPING[model_type]
    names = set(inspect.signature(cls).parameters) | set(cls.attribute_map or {})
    settings = {name: value for name, value in SMALL.items() if name in names} | OTHER.get(model_type, {})
    return AutoConfig.for_model(model_type, **settings)


def network_of(model_type: str, dtype: torch.dtype = torch.bfloat16) -> Any:
    """The tiny network, with random weights."""
    torch.manual_seed(0)
    kind = AutoModelForCausalLM if type(config := config_of(model_type)) in MODEL_FOR_CAUSAL_LM_MAPPING else AutoModel
    return kind.from_config(config).eval().to(dtype)


def held_bytes(network: Any, length: int) -> int:
    """The bytes of every tensor in the cache that one forward pass over `length` tokens leaves behind."""
    cache = None
    if network.config.model_type == "recurrent_gemma":  # it keeps half of its cache in its modules, and returns none
        cache = DynamicCache(config=network.config)
    with torch.no_grad():
        out = network(
            torch.randint(3, 96, (1, length)), use_cache=True, **({} if cache is None else {"past_key_values": cache})
        )
    held = [getattr(out, name, None) for name in ("past_key_values", "cache_params", "state")]
    if cache is not None:
        held = [cache, *(vars(module).get(name) for module in network.modules() for name in _STATES)]
    # Keys and values that are one tensor are counted once.
    unique = {(tensor.data_ptr(), tensor.numel()): tensor for tensor in _tensors(held) if tensor.numel()}
    return sum(tensor.numel() * tensor.element_size() for tensor in unique.values())


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if torch.is_tensor(value):
        if value.dim():  # a scalar counts tokens, it holds none
            yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _tensors(entry)
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _tensors(entry)
    elif hasattr(value, "__dict__") and not isinstance(value, type):
        yield from _tensors(vars(value))
