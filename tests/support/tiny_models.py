"""Tiny random models of many families, built from transformers' own config classes, and what eager attention makes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from ropescope.network.states import KEPT_IN_CACHES

carries_states = pytest.mark.skipif(
    not KEPT_IN_CACHES, reason="transformers carries the states of hybrids from call to call since 5.18"
)


@dataclass(frozen=True)
class Tiny:
    """A model type and the settings that make it small; `layers` are the decoder layers that attend (None: all)."""

    model_type: str
    settings: dict[str, Any] = field(default_factory=dict)
    layers: tuple[int, ...] | None = None
    attention: str = "eager"
    chunks: bool = True

    @property
    def id(self) -> str:
        """How the model is called in a test's name."""
        extra = [f"{name}={self.settings[name]}" for name in ("alibi",) if name in self.settings]
        return "-".join([self.model_type, *extra, *([self.attention] if self.attention != "eager" else [])])


_BASE = {
    "vocab_size": 128,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_MOE = {"num_local_experts": 4, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
_MLA = {
    "q_lora_rank": 16,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 12,
    "num_key_value_heads": 4,
}
_FALCON = {"head_dim": None, "new_decoder_architecture": False}
_GATED_DELTA = {
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "shared_expert_intermediate_size": 16,
}

TINY: tuple[Tiny, ...] = (
    # grouped queries, multi-query, plain
    Tiny("llama"),
    Tiny("gemma", {"num_key_value_heads": 1}),
    Tiny("granite", {"attention_multiplier": 0.2}),
    Tiny("cohere"),
    Tiny("starcoder2"),
    Tiny("smollm3"),
    Tiny("gpt_bigcode", {"n_positions": 256, "multi_query": True}),
    # experts
    Tiny("mixtral", _MOE),
    Tiny("qwen3_moe", _MOE),
    # sliding windows and chunks
    Tiny("mistral", {"sliding_window": 24}),
    Tiny("qwen2", {"use_sliding_window": True, "sliding_window": 24, "max_window_layers": 1}),
    Tiny("cohere2", {"sliding_window": 24}),
    Tiny("olmo3", {"sliding_window": 24}),
    Tiny("exaone4", {"sliding_window": 24}),
    Tiny(
        "gemma3_text",
        {
            "sliding_window": 24,
            "query_pre_attn_scalar": 8,
            "layer_types": ["sliding_attention", "sliding_attention", "full_attention"],
        },
    ),
    Tiny("llama4_text", {"attention_chunk_size": 24, "intermediate_size_mlp": 48, **_MOE}),
    # soft-caps and learned sinks
    Tiny("gemma2", {"sliding_window": 24, "query_pre_attn_scalar": 8, "attn_logit_softcapping": 5.0}),
    Tiny("gpt_oss", {"sliding_window": 24, **_MOE}),
    # normalised queries and keys
    Tiny("qwen3"),
    Tiny("olmo2"),
    # partial rotary, learned positions
    Tiny("phi", {"partial_rotary_factor": 0.5}),
    Tiny("phi3"),
    Tiny("gpt_neox", {"rotary_pct": 0.25}),
    Tiny("stablelm", {"partial_rotary_factor": 0.25}),
    Tiny("glm4", {"partial_rotary_factor": 0.5}),
    Tiny("gpt2", {"n_positions": 256}),
    Tiny("opt", {"ffn_dim": 48, "word_embed_proj_dim": 32}),
    # latent attention, differential attention
    Tiny("deepseek_v2", {**_MLA, "first_k_dense_replace": 3, "n_group": 1, "topk_group": 1}),
    Tiny("deepseek_v3", {**_MLA, "first_k_dense_replace": 3}),
    Tiny("diffllama"),
    # attention code of their own, with ALiBi or without
    Tiny("bloom", {"n_layer": 3, "n_head": 4}),
    Tiny("mpt", {"d_model": 32, "n_heads": 4, "n_layers": 3, "max_seq_len": 256}),
    Tiny("falcon", {**_FALCON, "alibi": True}),
    Tiny("falcon", {**_FALCON, "alibi": True}, attention="sdpa"),
    Tiny("falcon", {**_FALCON, "alibi": False, "new_decoder_architecture": True, "num_kv_heads": 2}),
    Tiny("falcon", {**_FALCON, "alibi": False}, attention="sdpa"),
    Tiny("gptj", {"n_positions": 256, "rotary_dim": 4}),
    Tiny("codegen", {"n_positions": 256, "rotary_dim": 4}),
    Tiny(
        "gpt_neo",
        {
            "num_layers": 2,
            "num_hidden_layers": 2,
            "attention_types": [[["global", "local"], 1]],
            "window_size": 24,
            "num_heads": 4,
        },
    ),
    # hybrids: some layers attend
    Tiny(
        "jamba",
        {
            "num_hidden_layers": 4,
            "attn_layer_period": 2,
            "attn_layer_offset": 1,
            "mamba_d_state": 4,
            "mamba_dt_rank": 4,
            **_MOE,
        },
        layers=(1, 3),
        chunks=False,
    ),
    Tiny("lfm2", {"layer_types": ["conv", "full_attention", "conv"], "block_auto_adjust_ff_dim": False}, layers=(1,)),
    Tiny(
        "qwen3_next",
        {"layer_types": ["linear_attention", "full_attention", "linear_attention"], **_GATED_DELTA, **_MOE},
        layers=(1,),
    ),
)


def build(tiny: Tiny, seed: int = 0, attention: str | None = None) -> Any:
    """The tiny model in fp32, with weights large enough that its softmax is far from uniform."""
    settings = {name: value for name, value in {**_BASE, **tiny.settings}.items() if value is not None}
    config = AutoConfig.for_model(tiny.model_type, **settings)
    torch.manual_seed(seed)
    implementation = attention or tiny.attention
    model = AutoModelForCausalLM.from_config(config, attn_implementation=implementation, dtype=torch.float32).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() >= 2:
                parameter.normal_(0, 0.15)
            elif "sinks" in name:
                parameter.normal_(0, 1)
    return model


def tokens(length: int, seed: int = 0) -> torch.Tensor:
    """[1, length] random token ids."""
    return torch.randint(3, 128, (1, length), generator=torch.Generator().manual_seed(seed))


def eager_weights(tiny: Tiny, ids: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
    """The attention weights [heads, N, N] of every attention layer by the model's own eager code, and the logits."""
    model = build(tiny, attention="eager")
    with torch.inference_mode():
        output = model(ids, output_attentions=True, use_cache=False)
    return [weights[0] for weights in output.attentions if weights is not None], output.logits
