"""A tiny OLMo 2 of random weights, as transformers loads it and as llama.cpp's converter writes it, in float32."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tiny_gguf
import torch

N_LAYERS, TRAINED = 4, 2048

_OF_LAYER = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
    "post_attention_norm": "post_attention_layernorm", "post_ffw_norm": "post_feedforward_layernorm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip


def network() -> Any:
    """A network whose attention is sharp enough that it matters what a token sees."""
    from transformers import Olmo2Config, Olmo2ForCausalLM

    torch.manual_seed(0)
    config = Olmo2Config(
        vocab_size=tiny_gguf.VOCABULARY, hidden_size=tiny_gguf.WIDTH, intermediate_size=tiny_gguf.INNER,
        num_hidden_layers=N_LAYERS, num_attention_heads=tiny_gguf.N_HEADS, num_key_value_heads=tiny_gguf.N_KV_HEADS,
        max_position_embeddings=TRAINED, tie_word_embeddings=False, rms_norm_eps=1e-6,
    )  # fmt: skip
    made = Olmo2ForCausalLM(config).float().eval()
    for name, weights in made.named_parameters():
        if weights.dim() > 1:
            weights.data.mul_(6)
        elif name.endswith(("q_norm.weight", "k_norm.weight")):
            weights.data.mul_(2)
    made.lm_head.weight.data[:3] = 0  # a text that is over has no next token to compare
    return made


def write(made: Any, path: Path, keys: Mapping[str, int]) -> Path:
    """`made` as a GGUF file, with more `keys` of whole numbers among its metadata."""
    import gguf

    writer = gguf.GGUFWriter(path, "olmo2")
    writer.add_name("tiny")
    writer.add_context_length(TRAINED)
    writer.add_embedding_length(tiny_gguf.WIDTH)
    writer.add_block_count(N_LAYERS)
    writer.add_feed_forward_length(tiny_gguf.INNER)
    writer.add_head_count(tiny_gguf.N_HEADS)
    writer.add_head_count_kv(tiny_gguf.N_KV_HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(made.config.rms_norm_eps)
    writer.add_vocab_size(tiny_gguf.VOCABULARY)
    writer.add_file_type(0)
    for key, value in keys.items():
        writer.add_uint32(key, value)
    tiny_gguf.add_vocabulary(writer)
    weights = {name: value.numpy() for name, value in made.state_dict().items()}
    for name, theirs in (("token_embd", "model.embed_tokens"), ("output_norm", "model.norm"), ("output", "lm_head")):
        writer.add_tensor(f"{name}.weight", weights[f"{theirs}.weight"])
    for layer in range(N_LAYERS):
        for name, theirs in _OF_LAYER.items():
            writer.add_tensor(f"blk.{layer}.{name}.weight", weights[f"model.layers.{layer}.{theirs}.weight"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
