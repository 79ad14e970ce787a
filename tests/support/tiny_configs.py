"""Tiny configs of many model types, with shapes that differ wherever two could be mistaken for one another.

Plain data: nothing is imported. `settings(entry)` merges an entry with what it leaves out; None takes a field away, so
that the config class decides.
"""

from __future__ import annotations

from typing import Any, Final

Settings = dict[str, Any]

# 6 query heads on 2 key-value heads of 16 dimensions: heads × head_dim (96) is not the width (48).
BASE: Final[Settings] = {
    "vocab_size": 130, "hidden_size": 48, "intermediate_size": 88, "num_hidden_layers": 4, "num_attention_heads": 6,
    "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 96, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2,
}  # fmt: skip
_SQUARE: Final[Settings] = {"head_dim": None}
_MHA: Final[Settings] = {"head_dim": None, "num_key_value_heads": 6}
_MOE: Final[Settings] = {"num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 28}
_LOCAL: Final[Settings] = {"num_local_experts": 6, "num_experts_per_tok": 2}
_DEEPSEEK: Final[Settings] = {
    "n_routed_experts": 8, "num_experts_per_tok": 3, "n_shared_experts": 2, "moe_intermediate_size": 28, "n_group": 2,
    "topk_group": 1,
}  # fmt: skip
_LATENT: Final[Settings] = {
    "head_dim": None, "num_key_value_heads": 6, "q_lora_rank": 20, "kv_lora_rank": 18, "qk_nope_head_dim": 14,
    "qk_rope_head_dim": 10, "v_head_dim": 12,
}  # fmt: skip
_INDEXER: Final[Settings] = {"index_n_heads": 4, "index_head_dim": 20, "index_topk": 8}
_MAMBA2: Final[Settings] = {
    "mamba_n_heads": 8, "mamba_d_head": 12, "mamba_d_state": 10, "mamba_n_groups": 2, "mamba_d_conv": 3,
    "mamba_expand": 2,
}  # fmt: skip
_DELTA: Final[Settings] = {
    "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 10, "linear_value_head_dim": 14,
    "linear_conv_kernel_dim": 3, "layer_types": ["linear_attention", "linear_attention", "linear_attention",
    "full_attention"],
}  # fmt: skip
# Types of plain multi-head attention, whose MLP has a width of its own name, or none.
_PLAIN: Final[Settings] = {"head_dim": None, "num_key_value_heads": None, "intermediate_size": None}
_GPT2: Final[Settings] = {**_PLAIN, "n_positions": 96}
_SLIDING: Final[Settings] = {"sliding_window": 24}
_ALTERNATING: Final[Settings] = {**_SLIDING, "layer_types": ["sliding_attention", "full_attention"] * 2}
_GEMMA4: Final[Settings] = {**_ALTERNATING, "global_head_dim": 20, "hidden_size_per_layer_input": 0}

TINY_CONFIGS: Final[tuple[tuple[str, Settings], ...]] = (
    # grouped queries with a gated MLP
    ("llama", {}), ("llama", {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    ("mistral", _SLIDING), ("ministral", _ALTERNATING), ("ministral3", {}),
    ("qwen2", _SQUARE), ("qwen2", {**_SQUARE, "tie_word_embeddings": True}),
    ("qwen3", {}), ("qwen3", {"attention_bias": True, "tie_word_embeddings": True}),
    ("granite", _SQUARE), ("granite", {**_SQUARE, "attention_bias": True, "mlp_bias": True}),
    ("granite_swa", {**_SQUARE, **_ALTERNATING}),
    ("smollm3", _SQUARE), ("helium", {"head_dim": 8}), ("hyperclovax", {}), ("cwm", _SLIDING), ("iquestcoder", {}),
    ("arcee", _SQUARE), ("arcee", {**_SQUARE, "mlp_bias": True}), ("nanochat", _SQUARE), ("vaultgemma", _SLIDING),
    ("seed_oss", {}), ("internlm3", {}), ("internlm3", {"qkv_bias": True, "bias": True}), ("exaone4", _SLIDING),
    ("ernie4_5", {}), ("ernie4_5", {"use_bias": True, "tie_word_embeddings": False}), ("apertus", _SQUARE),
    ("bitnet", _SQUARE), ("diffllama", _SQUARE), ("hunyuan_v1_dense", {}), ("jais2", {}), ("nemotron", {}),
    ("nemotron", {"attention_bias": True, "mlp_bias": True}), ("modernbert-decoder", _MHA),
    # norms at other places, of other kinds, or none
    ("olmo", _SQUARE), ("olmo2", _SQUARE), ("olmo3", {**_SQUARE, **_SLIDING}),
    ("cohere", _SQUARE), ("cohere", {**_SQUARE, "use_qk_norm": True}), ("cohere2", {**_SQUARE, **_SLIDING}),
    ("glm", {}), ("glm4", {}), ("glm4", {"attention_bias": True}),
    ("gemma", {}), ("gemma2", _SLIDING), ("gemma3_text", _SLIDING),
    ("gemma4_text", {**_SLIDING, "global_head_dim": 20, "layer_types": ["sliding_attention"] * 3 + ["full_attention"],
                     "hidden_size_per_layer_input": 10, "vocab_size_per_layer_input": 120}),
    ("gemma4_text", {**_GEMMA4, "enable_moe_block": True, "num_experts": 6, "top_k_experts": 2,
                     "moe_intermediate_size": 28}),
    ("gemma4_text", {**_GEMMA4, "attention_k_eq_v": True, "num_global_key_value_heads": 1}),
    ("gemma4_text", {**_GEMMA4, "num_kv_shared_layers": 2, "use_double_wide_mlp": True}),
    ("gemma3n_text", {**_SLIDING, "activation_sparsity_pattern": None, "num_kv_shared_layers": 0, "laurel_rank": 6,
                      "hidden_size_per_layer_input": 10, "vocab_size_per_layer_input": 120}),
    ("gemma3n_text", {**_SLIDING, "activation_sparsity_pattern": None, "num_kv_shared_layers": 2,
                      "altup_num_inputs": 3}),
    ("stablelm", _SQUARE), ("stablelm", {**_SQUARE, "qk_layernorm": True, "use_qkv_bias": True}),
    ("starcoder2", _SQUARE), ("starcoder2", {**_SQUARE, "use_bias": False, "tie_word_embeddings": False}),
    ("phi", _SQUARE), ("phi", {**_SQUARE, "qk_layernorm": True}), ("phi3", _SQUARE), ("persimmon", _MHA),
    # plain MLPs, learned positions, ALiBi
    ("gpt2", {**_GPT2, "n_inner": None}), ("gpt2", {**_GPT2, "n_inner": 72, "tie_word_embeddings": False}),
    ("gpt_neo", {**_GPT2, "intermediate_size": 88, "attention_types": [[["global", "local"], 2]], "num_layers": 4,
                 "num_heads": 6}),
    ("gptj", {**_GPT2, "rotary_dim": 4}), ("codegen", {**_GPT2, "rotary_dim": 4, "num_attention_heads": 8}),
    ("gpt_neox", _MHA), ("gpt_neox", {**_MHA, "attention_bias": False, "tie_word_embeddings": True}),
    ("gpt_neox_japanese", {**_PLAIN, "intermediate_multiple_size": 3}), ("gpt_bigcode", {**_GPT2, "multi_query": True}),
    ("gpt_bigcode", {**_GPT2, "multi_query": False, "n_inner": 100}),
    ("opt", {**_PLAIN, "ffn_dim": 88, "word_embed_proj_dim": 48}),
    ("opt", {**_PLAIN, "ffn_dim": 88, "word_embed_proj_dim": 32}),
    ("bloom", {**_PLAIN, "n_layer": 4, "n_head": 6}),
    ("mpt", {"d_model": 48, "n_heads": 6, "n_layers": 4, "max_seq_len": 96, "expansion_ratio": 4, **_PLAIN}),
    ("falcon", {**_PLAIN, "multi_query": True, "new_decoder_architecture": False, "alibi": False}),
    ("falcon", {**_PLAIN, "num_kv_heads": 2, "new_decoder_architecture": True, "bias": True}),
    ("falcon", {**_PLAIN, "multi_query": False, "parallel_attn": False, "alibi": True,
                "new_decoder_architecture": False}),
    ("biogpt", _MHA), ("xglm", {**_PLAIN, "ffn_dim": 88, "d_model": 48, "attention_heads": 6, "num_layers": 4}),
    ("openai-gpt", _GPT2), ("ctrl", {**_PLAIN, "dff": 88, "n_embd": 48, "n_layer": 4, "n_head": 6}),
    # mixtures of experts
    ("mixtral", _LOCAL),
    ("qwen2_moe", {**_SQUARE, **_MOE, "shared_expert_intermediate_size": 36, "mlp_only_layers": [1]}),
    ("qwen3_moe", {**_MOE, "decoder_sparse_step": 2}), ("olmoe", {**_MHA, **_MOE, "moe_intermediate_size": None}),
    ("flex_olmo", {**_SQUARE, **_MOE, "moe_intermediate_size": None}),
    ("phimoe", {**_SQUARE, **_LOCAL, "attention_bias": True, "lm_head_bias": True}),
    ("gpt_oss", {**_LOCAL, **_SLIDING}), ("granitemoe", {**_SQUARE, **_LOCAL}),
    ("granitemoeshared", {**_SQUARE, **_LOCAL, "shared_intermediate_size": 36}),
    ("llama4_text", {**_LOCAL, "intermediate_size_mlp": 100, "interleave_moe_layer_step": 2,
                     "attention_chunk_size": 24}),
    ("ernie4_5_moe", {"moe_num_experts": 6, "moe_k": 2, "moe_intermediate_size": 28, "moe_num_shared_experts": 2,
                      "head_dim": None}),
    ("glm4_moe", {**_DEEPSEEK, "first_k_dense_replace": 1}),
    ("glm4_moe", {**_DEEPSEEK, "first_k_dense_replace": 2, "use_qk_norm": True, "attention_bias": True}),
    ("dots1", {**_DEEPSEEK, "first_k_dense_replace": 1}), ("solar_open", _DEEPSEEK),
    ("minimax_m2", _LOCAL), ("mellum", {**_MOE}), ("hy_v3", {**_MOE, "num_shared_experts": 1}),
    ("exaone_moe", {**_MOE, **_SLIDING, "num_shared_experts": 1, "n_group": 1, "topk_group": 1}),
    ("afmoe", {**_MOE, **_SLIDING, "num_shared_experts": 2, "num_dense_layers": 2}),
    ("aria_text", {"moe_num_experts": 6, "moe_topk": 2, "moe_num_shared_experts": 2, "head_dim": 8}),
    ("hunyuan_v1_moe", {"num_experts": 6, "moe_topk": 2}), ("jetmoe", {"num_local_experts": 4, "num_experts_per_tok": 2,
        "kv_channels": 16, "num_key_value_heads": 2, "num_attention_heads": 4, "head_dim": None}),
    ("laguna", {**_MOE, "shared_expert_intermediate_size": 36}),
    ("dbrx", {"d_model": 48, "n_heads": 6, "n_layers": 4, "max_seq_len": 96, "head_dim": None,
              "attn_config": {"kv_n_heads": 2, "clip_qkv": 8, "rope_theta": 5e5},
              "ffn_config": {"ffn_hidden_size": 28, "moe_num_experts": 6, "moe_top_k": 2}}),
    # latent attention
    ("deepseek_v2", {**_LATENT, **_DEEPSEEK, "q_lora_rank": None, "first_k_dense_replace": 1}),
    ("deepseek_v2", {**_LATENT, **_DEEPSEEK, "first_k_dense_replace": 2}),
    ("deepseek_v3", {**_LATENT, **_DEEPSEEK, "first_k_dense_replace": 1}),
    ("deepseek_v32", {**_LATENT, **_DEEPSEEK, **_INDEXER, "first_k_dense_replace": 1}),
    ("glm4_moe_lite", {**_LATENT, **_DEEPSEEK}), ("glm_moe_dsa", {**_LATENT, **_DEEPSEEK, **_INDEXER}),
    ("minicpm3", _LATENT), ("youtu", _LATENT),
    # state spaces, linear attention, convolutions, recurrences: alone, or beside attention
    ("mamba", {"state_size": 6, "conv_kernel": 3, "expand": 2, "time_step_rank": 5, "intermediate_size": None}),
    ("mamba", {"state_size": 6, "conv_kernel": 3, "expand": 3, "use_bias": True, "use_conv_bias": False,
               "intermediate_size": None, "tie_word_embeddings": False}),
    ("falcon_mamba", {"state_size": 6, "conv_kernel": 3, "expand": 2, "time_step_rank": 5, "intermediate_size": None}),
    ("mamba2", {"state_size": 10, "conv_kernel": 3, "expand": 2, "num_heads": 8, "head_dim": 12, "n_groups": 2}),
    ("mamba2", {"state_size": 10, "conv_kernel": 3, "expand": 2, "num_heads": 8, "head_dim": 12, "n_groups": 1,
                "use_bias": True, "use_conv_bias": False, "tie_word_embeddings": True}),
    ("jamba", {**_SQUARE, **_MOE, "moe_intermediate_size": None, "attn_layer_period": 2, "attn_layer_offset": 1,
               "expert_layer_period": 2, "expert_layer_offset": 1, "mamba_d_state": 6, "mamba_dt_rank": 5,
               "mamba_d_conv": 3}),
    ("jamba", {**_SQUARE, "num_experts": 1, "num_experts_per_tok": 1, "attn_layer_period": 4, "attn_layer_offset": 2,
               "mamba_d_state": 6, "mamba_proj_bias": True, "tie_word_embeddings": True}),
    ("bamba", {**_SQUARE, **_MAMBA2, "attn_layer_indices": [2]}),
    ("falcon_h1", {**_MAMBA2, "mamba_d_ssm": 96}),
    ("falcon_h1", {**_MAMBA2, "mamba_d_ssm": 96, "mamba_rms_norm": True, "mamba_proj_bias": True,
                   "attention_bias": True,
                   "mlp_bias": True, "projectors_bias": True}),
    ("granitemoehybrid", {**_SQUARE, **_LOCAL, **_MAMBA2, "shared_intermediate_size": 36,
                          "layer_types": ["mamba", "mamba", "attention", "mamba"]}),
    ("granitemoehybrid", {**_SQUARE, **_MAMBA2, "num_local_experts": 0, "num_experts_per_tok": 0,
                          "shared_intermediate_size": 36, "layer_types": ["mamba", "attention", "attention", "mamba"]}),
    ("zamba", {"head_dim": None, "num_key_value_heads": 6, "attention_head_dim": 16, "attention_hidden_size": 96,
               "mamba_d_state": 6, "mamba_dt_rank": 5, "n_mamba_heads": 2, "mamba_d_conv": 3, "num_hidden_layers": 6,
               "layers_block_type": ["mamba", "mamba", "hybrid", "mamba", "mamba", "hybrid"]}),
    ("zamba2", {"head_dim": None, "num_key_value_heads": 6, "mamba_d_state": 6, "mamba_ngroups": 2, "n_mamba_heads": 8,
                "mamba_headdim": 12, "mamba_d_conv": 3, "adapter_rank": 7, "num_mem_blocks": 2, "num_hidden_layers": 6,
                "use_shared_attention_adapter": False, "use_mem_rope": True,
                "layers_block_type": ["mamba", "mamba", "hybrid", "mamba", "mamba", "hybrid"]}),
    ("nemotron_h", {**_DEEPSEEK, "num_hidden_layers": None, "moe_shared_expert_intermediate_size": 36,
                    "mamba_num_heads": 8,
                    "mamba_head_dim": 12, "ssm_state_size": 10, "n_groups": 2, "conv_kernel": 3,
                    "layers_block_type": ["mamba", "mlp", "attention", "moe", "mamba"]}),
    ("lfm2", {**_SQUARE, "layer_types": ["conv", "conv", "full_attention", "conv"], "block_multiple_of": 8}),
    ("lfm2", {**_SQUARE, "layer_types": ["conv", "full_attention"] * 2, "block_auto_adjust_ff_dim": False,
              "conv_bias": True}),
    ("lfm2_moe", {**_SQUARE, **_MOE, "num_dense_layers": 1, "layer_types": ["conv", "conv", "full_attention", "conv"]}),
    ("qwen3_next", {**_DELTA, **_MOE, "shared_expert_intermediate_size": 36}), ("qwen3_5_text", _DELTA),
    ("qwen3_5_moe_text", {**_DELTA, **_MOE, "shared_expert_intermediate_size": 36}),
    ("olmo_hybrid", {**_DELTA, **_SQUARE}),
    ("minimax", {**_LOCAL, "layer_types": ["linear_attention", "full_attention"] * 2}),
    ("kimi_linear", {**_LATENT, "num_experts": 8, "num_experts_per_token": 3, "num_shared_experts": 2,
                     "moe_intermediate_size": 28, "q_lora_rank": None, "layer_types": _DELTA["layer_types"],
                     "linear_num_heads": 4, "linear_head_dim": 16}),
    ("recurrent_gemma", {"lru_width": 60, "attention_window_size": 24, "num_hidden_layers": 6, "intermediate_size": 96,
                         "head_dim": 8}),
    ("rwkv", {"attention_hidden_size": 48, "context_length": 96}),
    ("rwkv", {"attention_hidden_size": 64, "tie_word_embeddings": True, "intermediate_size": None}),
    ("xlstm", {"num_heads": 4, "num_blocks": 4, "qk_dim_factor": 0.5, "v_dim_factor": 1.0, "head_dim": None}),
)  # fmt: skip
"""(model type, what differs from BASE)."""


def settings(entry: tuple[str, Settings]) -> Settings:
    """The keyword arguments for the config class of an entry of TINY_CONFIGS."""
    merged = {**BASE, **entry[1]}
    return {name: value for name, value in merged.items() if value is not None}


def name(entry: tuple[str, Settings]) -> str:
    """How an entry is called in a test: its type, and its number where the type stands more than once."""
    same = [other for other in TINY_CONFIGS if other[0] == entry[0]]
    return entry[0] if len(same) == 1 else f"{entry[0]}-{same.index(entry) + 1}"
