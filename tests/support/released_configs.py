"""The config.json of released models, written out by hand: the fields that bear on shapes, positions, cache and counts.

Left out are rates of dropout, epsilons, ids of tokens and the like. Where a field is uncertain a comment says so and on
what it rests. `RELEASED` holds them by name with the published number of parameters; that transformers builds exactly
that many from these fields is a check of the fields that shapes depend on.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

Config = dict[str, Any]

LLAMA_31_8B: Final[Config] = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 131072,
    "rope_theta": 500000.0, "vocab_size": 128256, "attention_bias": False, "mlp_bias": False,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16",
    "rope_scaling": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                     "original_max_position_embeddings": 8192, "rope_type": "llama3"},
}  # fmt: skip
LLAMA_32_1B: Final[Config] = {
    **LLAMA_31_8B, "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "head_dim": 64,
    "tie_word_embeddings": True, "rope_scaling": {**LLAMA_31_8B["rope_scaling"], "factor": 32.0},
}  # fmt: skip
SMOLLM2_135M: Final[Config] = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 576, "intermediate_size": 1536,
    "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3, "max_position_embeddings": 8192,
    "rope_theta": 100000, "rope_scaling": None, "vocab_size": 49152, "attention_bias": False, "mlp_bias": False,
    "tie_word_embeddings": True, "torch_dtype": "bfloat16",
}  # fmt: skip
MISTRAL_7B_V01: Final[Config] = {
    "architectures": ["MistralForCausalLM"], "model_type": "mistral", "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 32768,
    "rope_theta": 10000.0, "sliding_window": 4096, "vocab_size": 32000, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}  # fmt: skip
MIXTRAL_8X7B: Final[Config] = {
    "architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 32768,
    "num_local_experts": 8, "num_experts_per_tok": 2, "rope_theta": 1000000.0, "sliding_window": None,
    "vocab_size": 32000, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
QWEN25_7B: Final[Config] = {
    "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 3584, "intermediate_size": 18944,
    "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4, "max_position_embeddings": 131072,
    "max_window_layers": 28, "rope_theta": 1000000.0, "sliding_window": 131072, "use_sliding_window": False,
    "vocab_size": 152064, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
QWEN3_8B: Final[Config] = {
    "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 4096, "intermediate_size": 12288,
    "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
    "attention_bias": False, "max_position_embeddings": 40960, "max_window_layers": 36, "rope_scaling": None,
    "rope_theta": 1000000, "sliding_window": None, "use_sliding_window": False, "vocab_size": 151936,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
QWEN3_30B_A3B: Final[Config] = {
    "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "hidden_size": 2048,
    "intermediate_size": 6144, "moe_intermediate_size": 768, "num_hidden_layers": 48, "num_attention_heads": 32,
    "num_key_value_heads": 4, "head_dim": 128, "num_experts": 128, "num_experts_per_tok": 8, "decoder_sparse_step": 1,
    "mlp_only_layers": [], "attention_bias": False, "max_position_embeddings": 40960, "max_window_layers": 48,
    "rope_scaling": None, "rope_theta": 1000000.0, "sliding_window": None, "use_sliding_window": False,
    "vocab_size": 151936, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
QWEN15_MOE_A27B: Final[Config] = {
    "architectures": ["Qwen2MoeForCausalLM"], "model_type": "qwen2_moe", "hidden_size": 2048,
    "intermediate_size": 5632, "moe_intermediate_size": 1408, "shared_expert_intermediate_size": 5632,
    "num_hidden_layers": 24, "num_attention_heads": 16, "num_key_value_heads": 16, "num_experts": 60,
    "num_experts_per_tok": 4, "decoder_sparse_step": 1, "max_position_embeddings": 8192, "max_window_layers": 21,
    "rope_theta": 1000000.0, "sliding_window": 32768, "use_sliding_window": False, "vocab_size": 151936,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
QWEN3_NEXT_80B_A3B: Final[Config] = {
    "architectures": ["Qwen3NextForCausalLM"], "model_type": "qwen3_next", "hidden_size": 2048,
    "intermediate_size": 5120, "moe_intermediate_size": 512, "shared_expert_intermediate_size": 512,
    "num_hidden_layers": 48, "num_attention_heads": 16, "num_key_value_heads": 2, "head_dim": 256,
    "full_attention_interval": 4, "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128,
    "linear_value_head_dim": 128, "linear_num_key_heads": 16, "linear_num_value_heads": 32, "num_experts": 512,
    "num_experts_per_tok": 10, "decoder_sparse_step": 1, "mlp_only_layers": [], "attention_bias": False,
    "partial_rotary_factor": 0.25, "max_position_embeddings": 262144, "rope_scaling": None, "rope_theta": 10000000,
    "vocab_size": 151936, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
DEEPSEEK_V3: Final[Config] = {
    "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "hidden_size": 7168,
    "intermediate_size": 18432, "moe_intermediate_size": 2048, "num_hidden_layers": 61, "num_attention_heads": 128,
    "num_key_value_heads": 128, "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64, "v_head_dim": 128, "n_routed_experts": 256, "n_shared_experts": 1,
    "num_experts_per_tok": 8, "first_k_dense_replace": 3, "moe_layer_freq": 1, "n_group": 8, "topk_group": 4,
    "num_nextn_predict_layers": 1, "attention_bias": False, "max_position_embeddings": 163840, "rope_theta": 10000,
    "rope_scaling": {"beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 1.0, "mscale_all_dim": 1.0,
                     "original_max_position_embeddings": 4096, "type": "yarn"},
    "vocab_size": 129280, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
    "quantization_config": {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8",
                            "weight_block_size": [128, 128]},
}  # fmt: skip
DEEPSEEK_V2_LITE: Final[Config] = {
    "architectures": ["DeepseekV2ForCausalLM"], "model_type": "deepseek_v2", "hidden_size": 2048,
    "intermediate_size": 10944, "moe_intermediate_size": 1408, "num_hidden_layers": 27, "num_attention_heads": 16,
    "num_key_value_heads": 16, "q_lora_rank": None, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64, "v_head_dim": 128, "n_routed_experts": 64, "n_shared_experts": 2,
    "num_experts_per_tok": 6, "first_k_dense_replace": 1, "moe_layer_freq": 1, "n_group": 1, "topk_group": 1,
    "attention_bias": False, "max_position_embeddings": 163840, "rope_theta": 10000,
    "rope_scaling": {"beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 0.707, "mscale_all_dim": 0.707,
                     "original_max_position_embeddings": 4096, "type": "yarn"},
    "vocab_size": 102400, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
GPT_OSS_20B: Final[Config] = {
    "architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", "hidden_size": 2880, "intermediate_size": 2880,
    "num_hidden_layers": 24, "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 64,
    "num_local_experts": 32, "num_experts_per_tok": 4, "attention_bias": True, "sliding_window": 128,
    "layer_types": ["sliding_attention", "full_attention"] * 12, "max_position_embeddings": 131072,
    "initial_context_length": 4096, "rope_theta": 150000,
    "rope_scaling": {"beta_fast": 32.0, "beta_slow": 1.0, "factor": 32.0, "original_max_position_embeddings": 4096,
                     "rope_type": "yarn", "truncate": False},
    "vocab_size": 201088, "tie_word_embeddings": False,
    "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": [
        "model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]},
}  # fmt: skip
# The released file leaves out what Gemma3TextConfig assumes (vocab_size 262208, attention_bias false, tied embeddings).
GEMMA_3_27B: Final[Config] = {
    "architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3", "mm_tokens_per_image": 256,
    "text_config": {
        "head_dim": 128, "hidden_size": 5376, "intermediate_size": 21504, "model_type": "gemma3_text",
        "num_attention_heads": 32, "num_hidden_layers": 62, "num_key_value_heads": 16, "query_pre_attn_scalar": 168,
        "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024},
    "vision_config": {
        "hidden_size": 1152, "image_size": 896, "intermediate_size": 4304, "model_type": "siglip_vision_model",
        "num_attention_heads": 16, "num_hidden_layers": 27, "patch_size": 14, "vision_use_head": False},
    "torch_dtype": "bfloat16",
}  # fmt: skip
GEMMA_2_9B: Final[Config] = {
    "architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2", "hidden_size": 3584, "intermediate_size": 14336,
    "num_hidden_layers": 42, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 256,
    "attention_bias": False, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0,
    "query_pre_attn_scalar": 256, "sliding_window": 4096, "sliding_window_size": 4096,
    "max_position_embeddings": 8192, "rope_theta": 10000.0, "vocab_size": 256000, "torch_dtype": "float32",
}  # fmt: skip
GEMMA_7B: Final[Config] = {
    "architectures": ["GemmaForCausalLM"], "model_type": "gemma", "hidden_size": 3072, "intermediate_size": 24576,
    "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 16, "head_dim": 256,
    "attention_bias": False, "max_position_embeddings": 8192, "rope_scaling": None, "rope_theta": 10000.0,
    "vocab_size": 256000, "torch_dtype": "bfloat16",
}  # fmt: skip
# The released file also lists auto_map entries and a "mamba_inner_layernorms": true that transformers no longer reads.
JAMBA_V01: Final[Config] = {
    "architectures": ["JambaForCausalLM"], "model_type": "jamba", "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "attn_layer_offset": 4,
    "attn_layer_period": 8, "expert_layer_offset": 1, "expert_layer_period": 2, "num_experts": 16,
    "num_experts_per_tok": 2, "mamba_conv_bias": True, "mamba_d_conv": 4, "mamba_d_state": 16, "mamba_dt_rank": 256,
    "mamba_expand": 2, "mamba_proj_bias": False, "max_position_embeddings": 262144, "sliding_window": None,
    "vocab_size": 65536, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
# tie_word_embeddings is not in the file; MambaConfig assumes true.
MAMBA_28B: Final[Config] = {
    "architectures": ["MambaForCausalLM"], "model_type": "mamba", "hidden_size": 2560, "d_model": 2560,
    "intermediate_size": 5120, "d_inner": 5120, "num_hidden_layers": 64, "n_layer": 64, "state_size": 16,
    "conv_kernel": 4, "expand": 2, "time_step_rank": 160, "use_bias": False, "use_conv_bias": True,
    "vocab_size": 50280, "torch_dtype": "float32",
}  # fmt: skip
# state-spaces/mamba2-* ship no transformers config; this is mistralai/Mamba-Codestral-7B-v0.1.
MAMBA_CODESTRAL_7B: Final[Config] = {
    "architectures": ["Mamba2ForCausalLM"], "model_type": "mamba2", "hidden_size": 4096, "num_hidden_layers": 64,
    "state_size": 128, "conv_kernel": 4, "expand": 2, "head_dim": 64, "num_heads": 128, "n_groups": 8,
    "chunk_size": 256, "time_step_rank": 256, "use_bias": False, "use_conv_bias": True, "norm_before_gate": True,
    "vocab_size": 32768, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
FALCON_MAMBA_7B: Final[Config] = {
    "architectures": ["FalconMambaForCausalLM"], "model_type": "falcon_mamba", "hidden_size": 4096,
    "intermediate_size": 8192, "num_hidden_layers": 64, "state_size": 16, "conv_kernel": 4, "expand": 16,
    "time_step_rank": 256, "use_bias": False, "use_conv_bias": True, "vocab_size": 65024,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
RWKV_4_169M: Final[Config] = {
    "architectures": ["RwkvForCausalLM"], "model_type": "rwkv", "hidden_size": 768, "attention_hidden_size": 768,
    "intermediate_size": 3072, "num_hidden_layers": 12, "context_length": 1024, "rescale_every": 6,
    "vocab_size": 50277, "tie_word_embeddings": False, "torch_dtype": "float32",
}  # fmt: skip
BLOOM_7B1: Final[Config] = {
    "architectures": ["BloomForCausalLM"], "model_type": "bloom", "n_embed": 4096, "n_layer": 30,
    "num_attention_heads": 32, "seq_length": 2048, "vocab_size": 250880, "unk_token_id": 0,
}  # fmt: skip
GPT2: Final[Config] = {
    "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12,
    "n_ctx": 1024, "n_positions": 1024, "vocab_size": 50257,
}  # fmt: skip
GPT_NEOX_20B: Final[Config] = {
    "architectures": ["GPTNeoXForCausalLM"], "model_type": "gpt_neox", "hidden_size": 6144, "intermediate_size": 24576,
    "num_hidden_layers": 44, "num_attention_heads": 64, "max_position_embeddings": 2048, "rotary_pct": 0.25,
    "rotary_emb_base": 10000, "vocab_size": 50432, "tie_word_embeddings": False, "torch_dtype": "float16",
}  # fmt: skip
FALCON_7B: Final[Config] = {
    "architectures": ["FalconForCausalLM"], "model_type": "falcon", "hidden_size": 4544, "num_hidden_layers": 32,
    "num_attention_heads": 71, "num_kv_heads": 71, "multi_query": True, "new_decoder_architecture": False,
    "parallel_attn": True, "alibi": False, "bias": False, "vocab_size": 65024, "torch_dtype": "bfloat16",
}  # fmt: skip
PHI_2: Final[Config] = {
    "architectures": ["PhiForCausalLM"], "model_type": "phi", "hidden_size": 2560, "intermediate_size": 10240,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32, "partial_rotary_factor": 0.4,
    "qk_layernorm": False, "max_position_embeddings": 2048, "rope_theta": 10000.0, "vocab_size": 51200,
    "tie_word_embeddings": False, "torch_dtype": "float16",
}  # fmt: skip
PHI_3_MINI_4K: Final[Config] = {
    "architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "hidden_size": 3072, "intermediate_size": 8192,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32, "max_position_embeddings": 4096,
    "original_max_position_embeddings": 4096, "rope_scaling": None, "rope_theta": 10000.0, "sliding_window": 2047,
    "vocab_size": 32064, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
OLMO_2_7B: Final[Config] = {
    "architectures": ["Olmo2ForCausalLM"], "model_type": "olmo2", "hidden_size": 4096, "intermediate_size": 11008,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32, "attention_bias": False,
    "max_position_embeddings": 4096, "rope_scaling": None, "rope_theta": 500000, "vocab_size": 100352,
    "tie_word_embeddings": False, "torch_dtype": "float32",
}  # fmt: skip
OLMOE_1B_7B: Final[Config] = {
    "architectures": ["OlmoeForCausalLM"], "model_type": "olmoe", "hidden_size": 2048, "intermediate_size": 1024,
    "num_hidden_layers": 16, "num_attention_heads": 16, "num_key_value_heads": 16, "num_experts": 64,
    "num_experts_per_tok": 8, "attention_bias": False, "clip_qkv": None, "max_position_embeddings": 4096,
    "rope_scaling": None, "rope_theta": 10000.0, "vocab_size": 50304, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}  # fmt: skip
COMMAND_R_V01: Final[Config] = {
    "architectures": ["CohereForCausalLM"], "model_type": "cohere", "hidden_size": 8192, "intermediate_size": 22528,
    "num_hidden_layers": 40, "num_attention_heads": 64, "num_key_value_heads": 64, "use_qk_norm": False,
    "attention_bias": False, "logit_scale": 0.0625, "max_position_embeddings": 8192, "model_max_length": 131072,
    "rope_theta": 8000000.0, "vocab_size": 256000, "torch_dtype": "float16",
}  # fmt: skip
STARCODER2_3B: Final[Config] = {
    "architectures": ["Starcoder2ForCausalLM"], "model_type": "starcoder2", "hidden_size": 3072,
    "intermediate_size": 12288, "num_hidden_layers": 30, "num_attention_heads": 24, "num_key_value_heads": 2,
    "use_bias": True, "max_position_embeddings": 16384, "rope_theta": 999999.4420358813, "sliding_window": 4096,
    "vocab_size": 49152,
}  # fmt: skip
GLM_4_9B_0414: Final[Config] = {
    "architectures": ["Glm4ForCausalLM"], "model_type": "glm4", "hidden_size": 4096, "intermediate_size": 13696,
    "num_hidden_layers": 40, "num_attention_heads": 32, "num_key_value_heads": 2, "head_dim": 128,
    "attention_bias": True, "partial_rotary_factor": 0.5, "max_position_embeddings": 32768, "rope_theta": 10000.0,
    "vocab_size": 151552, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
LFM2_12B: Final[Config] = {
    "architectures": ["Lfm2ForCausalLM"], "model_type": "lfm2", "block_auto_adjust_ff_dim": True, "block_dim": 2048,
    "block_ff_dim": 12288, "block_ffn_dim_multiplier": 1.0, "block_multiple_of": 256, "block_use_swiglu": True,
    "conv_L_cache": 3, "conv_bias": False, "conv_dim": 2048, "full_attn_idxs": [2, 5, 8, 10, 12, 14],
    "hidden_size": 2048, "max_position_embeddings": 128000, "num_attention_heads": 32, "num_heads": 32,
    "num_hidden_layers": 16, "num_key_value_heads": 8, "rope_theta": 1000000.0, "vocab_size": 65536,
    "torch_dtype": "bfloat16",
}  # fmt: skip
# text_config and vision_config as meta-llama/Llama-4-Scout-17B-16E ships them.
LLAMA_4_SCOUT: Final[Config] = {
    "architectures": ["Llama4ForConditionalGeneration"], "model_type": "llama4",
    "text_config": {
        "model_type": "llama4_text", "hidden_size": 5120, "intermediate_size": 8192, "intermediate_size_mlp": 16384,
        "num_hidden_layers": 48, "num_attention_heads": 40, "num_key_value_heads": 8, "head_dim": 128,
        "num_local_experts": 16, "num_experts_per_tok": 1, "interleave_moe_layer_step": 1, "use_qk_norm": True,
        "attention_bias": False, "attention_chunk_size": 8192, "max_position_embeddings": 262144,
        "no_rope_layers": [], "rope_theta": 500000.0,
        "rope_scaling": {"factor": 16.0, "high_freq_factor": 1.0, "low_freq_factor": 1.0,
                         "original_max_position_embeddings": 8192, "rope_type": "llama3"},
        "vocab_size": 202048, "tie_word_embeddings": False, "torch_dtype": "bfloat16"},
    "vision_config": {
        "model_type": "llama4_vision_model", "hidden_size": 1408, "intermediate_size": 5632, "num_hidden_layers": 34,
        "num_attention_heads": 16, "image_size": 336, "patch_size": 14, "num_channels": 3,
        "pixel_shuffle_ratio": 0.5, "projector_input_dim": 4096, "projector_output_dim": 4096,
        "vision_output_dim": 4096},
    "torch_dtype": "bfloat16",
}  # fmt: skip
LLAMA_31_70B: Final[Config] = {
    **LLAMA_31_8B, "hidden_size": 8192, "intermediate_size": 28672, "num_hidden_layers": 80, "num_attention_heads": 64,
}  # fmt: skip
MINISTRAL_8B: Final[Config] = {
    "architectures": ["MistralForCausalLM"], "model_type": "mistral", "hidden_size": 4096, "intermediate_size": 12288,
    "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
    "max_position_embeddings": 32768, "rope_theta": 100000000.0, "sliding_window": 32768, "vocab_size": 131072,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
SMOLLM3_3B: Final[Config] = {
    "architectures": ["SmolLM3ForCausalLM"], "model_type": "smollm3", "hidden_size": 2048, "intermediate_size": 11008,
    "num_hidden_layers": 36, "num_attention_heads": 16, "num_key_value_heads": 4, "attention_bias": False,
    "mlp_bias": False, "max_position_embeddings": 65536, "max_window_layers": 28, "no_rope_layer_interval": 4,
    "no_rope_layers": [1, 1, 1, 0] * 9, "rope_scaling": None, "rope_theta": 5000000.0, "sliding_window": None,
    "use_sliding_window": False, "vocab_size": 128256, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
}  # fmt: skip
PHI_35_MOE: Final[Config] = {
    "architectures": ["PhimoeForCausalLM"], "model_type": "phimoe", "hidden_size": 4096, "intermediate_size": 6400,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "num_local_experts": 16,
    "num_experts_per_tok": 2, "attention_bias": True, "lm_head_bias": True, "max_position_embeddings": 131072,
    "original_max_position_embeddings": 4096, "rope_theta": 10000.0, "sliding_window": 131072, "vocab_size": 32064,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
GLM_45_AIR: Final[Config] = {
    "architectures": ["Glm4MoeForCausalLM"], "model_type": "glm4_moe", "hidden_size": 4096, "intermediate_size": 10944,
    "moe_intermediate_size": 1408, "num_hidden_layers": 46, "num_attention_heads": 96, "num_key_value_heads": 8,
    "head_dim": 128, "attention_bias": True, "use_qk_norm": False, "partial_rotary_factor": 0.5,
    "n_routed_experts": 128, "n_shared_experts": 1, "num_experts_per_tok": 8, "first_k_dense_replace": 1,
    "n_group": 1, "topk_group": 1, "num_nextn_predict_layers": 1, "max_position_embeddings": 131072,
    "rope_scaling": None, "rope_theta": 1000000, "vocab_size": 151552, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}  # fmt: skip
KIMI_K2: Final[Config] = {
    **DEEPSEEK_V3, "num_attention_heads": 64, "num_key_value_heads": 64, "n_routed_experts": 384,
    "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1, "num_nextn_predict_layers": 0,
    "max_position_embeddings": 131072, "rope_theta": 50000.0, "vocab_size": 163840,
    "rope_scaling": {**DEEPSEEK_V3["rope_scaling"], "beta_fast": 1.0, "factor": 32.0},
}  # fmt: skip
MINIMAX_M2: Final[Config] = {
    "architectures": ["MiniMaxM2ForCausalLM"], "model_type": "minimax_m2", "hidden_size": 3072,
    "intermediate_size": 1536, "num_hidden_layers": 62, "num_attention_heads": 48, "num_key_value_heads": 8,
    "head_dim": 128, "num_local_experts": 256, "num_experts_per_tok": 8, "use_qk_norm": True, "rotary_dim": 64,
    "max_position_embeddings": 196608, "rope_theta": 5000000, "vocab_size": 200064, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}  # fmt: skip
OPT_13B: Final[Config] = {
    "architectures": ["OPTForCausalLM"], "model_type": "opt", "hidden_size": 2048, "ffn_dim": 8192,
    "num_hidden_layers": 24, "num_attention_heads": 32, "max_position_embeddings": 2048, "word_embed_proj_dim": 2048,
    "do_layer_norm_before": True, "vocab_size": 50272, "torch_dtype": "float16",
}  # fmt: skip
GPT_J_6B: Final[Config] = {
    "architectures": ["GPTJForCausalLM"], "model_type": "gptj", "n_embd": 4096, "n_layer": 28, "n_head": 16,
    "n_inner": None, "n_positions": 2048, "rotary_dim": 64, "vocab_size": 50400, "tie_word_embeddings": False,
}  # fmt: skip
MPT_7B: Final[Config] = {
    "architectures": ["MPTForCausalLM"], "model_type": "mpt", "d_model": 4096, "n_heads": 32, "n_layers": 32,
    "expansion_ratio": 4, "max_seq_len": 2048, "no_bias": True, "learned_pos_emb": True, "vocab_size": 50432,
    "attn_config": {"alibi": True, "alibi_bias_max": 8, "attn_type": "multihead_attention", "prefix_lm": False,
                    "qk_ln": False},
    "torch_dtype": "bfloat16",
}  # fmt: skip
STARCODER: Final[Config] = {
    "architectures": ["GPTBigCodeForCausalLM"], "model_type": "gpt_bigcode", "n_embd": 6144, "n_layer": 40,
    "n_head": 48, "n_inner": 24576, "n_positions": 8192, "multi_query": True, "vocab_size": 49152,
}  # fmt: skip
FALCON_40B: Final[Config] = {
    "architectures": ["FalconForCausalLM"], "model_type": "falcon", "hidden_size": 8192, "num_hidden_layers": 60,
    "num_attention_heads": 128, "num_kv_heads": 8, "multi_query": True, "new_decoder_architecture": True,
    "parallel_attn": True, "alibi": False, "bias": False, "vocab_size": 65024, "torch_dtype": "bfloat16",
}  # fmt: skip
FALCON_H1_05B: Final[Config] = {
    "architectures": ["FalconH1ForCausalLM"], "model_type": "falcon_h1", "hidden_size": 1024,
    "intermediate_size": 2048, "num_hidden_layers": 36, "num_attention_heads": 8, "num_key_value_heads": 2,
    "head_dim": 64, "attention_bias": False, "mlp_bias": False, "projectors_bias": False, "mamba_chunk_size": 128,
    "mamba_conv_bias": True, "mamba_d_conv": 4, "mamba_d_head": 64, "mamba_d_ssm": 1536, "mamba_d_state": 128,
    "mamba_expand": 2, "mamba_n_groups": 1, "mamba_n_heads": 24, "mamba_norm_before_gate": False,
    "mamba_proj_bias": False, "mamba_rms_norm": False, "max_position_embeddings": 16384, "rope_scaling": None,
    "rope_theta": 100000000000.0, "vocab_size": 32784, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
# mamba_d_state is from memory: 128 with one group, or 64 with two, give the published count; 64 with one does not.
ZAMBA2_12B: Final[Config] = {
    "architectures": ["Zamba2ForCausalLM"], "model_type": "zamba2", "hidden_size": 2048, "intermediate_size": 8192,
    "num_hidden_layers": 38, "num_attention_heads": 32, "num_key_value_heads": 32, "attention_head_dim": 128,
    "attention_hidden_size": 4096, "adapter_rank": 128, "mamba_d_conv": 4, "mamba_d_state": 128, "mamba_expand": 2,
    "mamba_headdim": 64, "mamba_ngroups": 1, "n_mamba_heads": 64, "num_mem_blocks": 1, "add_bias_linear": False,
    "use_mem_rope": True, "use_shared_attention_adapter": True, "use_shared_mlp_adapter": True,
    "use_conv_bias": True, "hybrid_layer_ids": [5, 11, 17, 23, 29, 35],
    "layers_block_type": ["hybrid" if index % 6 == 5 else "mamba" for index in range(38)],
    "max_position_embeddings": 4096, "rope_theta": 10000, "vocab_size": 32000, "torch_dtype": "bfloat16",
}  # fmt: skip
NEMOTRON_H_8B: Final[Config] = {
    "architectures": ["NemotronHForCausalLM"], "model_type": "nemotron_h", "hidden_size": 4096,
    "intermediate_size": 21504, "num_hidden_layers": 52, "num_attention_heads": 32, "num_key_value_heads": 8,
    "head_dim": 128, "attention_bias": False, "mlp_bias": False, "use_bias": False, "use_conv_bias": True,
    "mamba_num_heads": 128, "mamba_head_dim": 64, "n_groups": 8, "ssm_state_size": 128, "conv_kernel": 4, "expand": 2,
    "chunk_size": 128, "mlp_hidden_act": "relu2", "max_position_embeddings": 8192,
    "hybrid_override_pattern": "M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M-", "vocab_size": 131072,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
RECURRENTGEMMA_2B: Final[Config] = {
    "architectures": ["RecurrentGemmaForCausalLM"], "model_type": "recurrent_gemma", "hidden_size": 2560,
    "intermediate_size": 15360, "num_hidden_layers": 26, "num_attention_heads": 10, "num_key_value_heads": 1,
    "attention_bias": False, "attention_window_size": 2048, "block_types": ["recurrent", "recurrent", "attention"],
    "conv1d_width": 4, "lru_width": 2560, "logits_soft_cap": 30.0, "partial_rotary_factor": 0.5,
    "rope_theta": 10000.0, "vocab_size": 256000, "torch_dtype": "float32",
}  # fmt: skip
QWEN25_VL_7B: Final[Config] = {
    "architectures": ["Qwen2_5_VLForConditionalGeneration"], "model_type": "qwen2_5_vl", "hidden_size": 3584,
    "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4,
    "max_position_embeddings": 128000, "max_window_layers": 28, "rope_theta": 1000000.0, "sliding_window": 32768,
    "use_sliding_window": False, "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]},
    "vision_config": {
        "depth": 32, "hidden_act": "silu", "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16,
        "in_chans": 3, "out_hidden_size": 3584, "patch_size": 14, "spatial_merge_size": 2, "spatial_patch_size": 14,
        "window_size": 112, "fullatt_block_indexes": [7, 15, 23, 31], "tokens_per_second": 2,
        "temporal_patch_size": 2},
    "vocab_size": 152064, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
LLAVA_15_7B: Final[Config] = {
    "architectures": ["LlavaForConditionalGeneration"], "model_type": "llava", "image_token_index": 32000,
    "projector_hidden_act": "gelu", "vision_feature_layer": -2, "vision_feature_select_strategy": "default",
    "text_config": {"model_type": "llama", "max_position_embeddings": 4096, "rms_norm_eps": 1e-05,
                    "vocab_size": 32064, "torch_dtype": "float16"},
    "vision_config": {"model_type": "clip_vision_model", "hidden_size": 1024, "intermediate_size": 4096,
                      "image_size": 336, "patch_size": 14, "num_attention_heads": 16, "num_hidden_layers": 24,
                      "projection_dim": 768, "vocab_size": 32000},
    "tie_word_embeddings": False, "torch_dtype": "float16", "vocab_size": 32064,
}  # fmt: skip


class Released(NamedTuple):
    """A released model: its config, and the published number of parameters, in all and those a token passes through.

    A whole number is exact (the Hub shows it for safetensors files, or the model card states it); a float is a rounded
    statement of the makers; None where there is none. Layers for multi-token prediction are not counted.
    """

    config: Config
    total: int | float
    active: float | None = None


RELEASED: Final[dict[str, Released]] = {
    "meta-llama/Llama-3.1-8B": Released(LLAMA_31_8B, 8_030_261_248),
    "meta-llama/Llama-3.1-70B": Released(LLAMA_31_70B, 70_553_706_496),
    "meta-llama/Llama-3.2-1B": Released(LLAMA_32_1B, 1_235_814_400),
    "HuggingFaceTB/SmolLM2-135M": Released(SMOLLM2_135M, 134_515_008),
    "HuggingFaceTB/SmolLM3-3B": Released(SMOLLM3_3B, 3_075_098_624),
    "mistralai/Mistral-7B-v0.1": Released(MISTRAL_7B_V01, 7_241_732_096),
    "mistralai/Ministral-8B-Instruct-2410": Released(MINISTRAL_8B, 8_019_808_256),
    "mistralai/Mixtral-8x7B-v0.1": Released(MIXTRAL_8X7B, 46_702_792_704, 12.9e9),
    "Qwen/Qwen2.5-7B": Released(QWEN25_7B, 7_615_616_512),
    "Qwen/Qwen2.5-VL-7B-Instruct": Released(QWEN25_VL_7B, 8_292_166_656),
    "Qwen/Qwen3-8B": Released(QWEN3_8B, 8_190_735_360),
    "Qwen/Qwen3-30B-A3B": Released(QWEN3_30B_A3B, 30_532_122_624, 3.3e9),
    "Qwen/Qwen1.5-MoE-A2.7B": Released(QWEN15_MOE_A27B, 14_315_784_192, 2.7e9),
    "Qwen/Qwen3-Next-80B-A3B-Instruct": Released(QWEN3_NEXT_80B_A3B, 79_674_391_296, 3e9),
    "deepseek-ai/DeepSeek-V3": Released(DEEPSEEK_V3, 671_026_419_200, 37e9),
    "deepseek-ai/DeepSeek-V2-Lite": Released(DEEPSEEK_V2_LITE, 15_706_484_224, 2.4e9),
    "moonshotai/Kimi-K2-Instruct": Released(KIMI_K2, 1_026_408_232_448, 32e9),
    "openai/gpt-oss-20b": Released(GPT_OSS_20B, 20_914_757_184, 3.6e9),
    "google/gemma-7b": Released(GEMMA_7B, 8_537_680_896),
    "google/gemma-2-9b": Released(GEMMA_2_9B, 9_241_705_984),
    "google/gemma-3-27b-it": Released(GEMMA_3_27B, 27_432_406_640),
    "google/recurrentgemma-2b": Released(RECURRENTGEMMA_2B, 2_682_862_080),
    "ai21labs/Jamba-v0.1": Released(JAMBA_V01, 51_570_323_328, 12e9),
    "state-spaces/mamba-2.8b-hf": Released(MAMBA_28B, 2_768_345_600),
    "mistralai/Mamba-Codestral-7B-v0.1": Released(MAMBA_CODESTRAL_7B, 7_285_403_648),
    "tiiuae/falcon-mamba-7b": Released(FALCON_MAMBA_7B, 7_272_665_088),
    "tiiuae/falcon-7b": Released(FALCON_7B, 6_921_720_704),
    "tiiuae/falcon-40b": Released(FALCON_40B, 41_303_293_952),
    "tiiuae/Falcon-H1-0.5B-Base": Released(FALCON_H1_05B, 521_411_104),
    "RWKV/rwkv-4-169m-pile": Released(RWKV_4_169M, 169_342_464),
    "bigscience/bloom-7b1": Released(BLOOM_7B1, 7_069_016_064),
    "openai-community/gpt2": Released(GPT2, 124_439_808),
    "EleutherAI/gpt-neox-20b": Released(GPT_NEOX_20B, 20_554_567_680),
    "EleutherAI/gpt-j-6b": Released(GPT_J_6B, 6_050_882_784),
    "facebook/opt-1.3b": Released(OPT_13B, 1_315_758_080),
    "mosaicml/mpt-7b": Released(MPT_7B, 6_649_286_656),
    "bigcode/starcoder": Released(STARCODER, 15_517_456_384),
    "bigcode/starcoder2-3b": Released(STARCODER2_3B, 3_030_371_328),
    "microsoft/phi-2": Released(PHI_2, 2_779_683_840),
    "microsoft/Phi-3-mini-4k-instruct": Released(PHI_3_MINI_4K, 3_821_079_552),
    "microsoft/Phi-3.5-MoE-instruct": Released(PHI_35_MOE, 41_873_153_344, 6.6e9),
    "allenai/OLMo-2-1124-7B": Released(OLMO_2_7B, 7_298_617_344),
    "allenai/OLMoE-1B-7B-0924": Released(OLMOE_1B_7B, 6_919_161_856, 1.3e9),
    "CohereForAI/c4ai-command-r-v01": Released(COMMAND_R_V01, 34_980_831_232),
    "THUDM/GLM-4-9B-0414": Released(GLM_4_9B_0414, 9_400_279_040),
    "zai-org/GLM-4.5-Air": Released(GLM_45_AIR, 106_852_251_264, 12e9),
    "MiniMaxAI/MiniMax-M2": Released(MINIMAX_M2, 230e9, 10e9),
    "LiquidAI/LFM2-1.2B": Released(LFM2_12B, 1_170_340_608),
    "Zyphra/Zamba2-1.2B": Released(ZAMBA2_12B, 1_215_064_704),
    "nvidia/Nemotron-H-8B-Base-8K": Released(NEMOTRON_H_8B, 8.1e9),
    "meta-llama/Llama-4-Scout-17B-16E": Released(LLAMA_4_SCOUT, 108_641_793_536, 17e9),
    "llava-hf/llava-1.5-7b-hf": Released(LLAVA_15_7B, 7_063_427_072),
}
